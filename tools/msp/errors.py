"""The root of every error that a user of the tools can cause."""


class MspError(Exception):
    """Something went wrong that its reader can mend.

    Attributes:
        message: What is wrong and where: `file:line:column` and field, or a resource's name.
        hint: What to do about it: a command, an attribute, a place to look; empty when the message says it.
        exit_code: What the process ends with: 1 failed or refused, 2 usage or bad input, 3 the rollout
            failed, 4 blocked or waiting.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(MspError):
    """A flag, an argument or an input file is not what the command takes."""

    exit_code = 2


class BlockedError(MspError):
    """Somebody or something has to let it through first: a freeze, a suspended pipeline, a hold, an approval."""

    exit_code = 4
