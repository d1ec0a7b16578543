"""The one place where a command's errors are printed and its exit code is chosen."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from absl import app, flags

from msp.errors import MspError


def run(main: Callable[[list[str]], int]) -> NoReturn:
    """Runs an absl command and exits with what it returns.

    An `MspError` is printed to stderr as one message and its hint, never as a traceback, and its `exit_code` ends
    the process. A flag that is unknown or has a bad value ends it with 2.

    Args:
        main: Takes the positional arguments, the command's name first; returns the exit code:
            0 done, 1 failed, 2 usage or bad input, 3 release made but rollout failed.
    """

    def guarded(argv: list[str]) -> int:
        try:
            return main(argv)
        except MspError as error:
            print(describe(error), file=sys.stderr)
            return error.exit_code
        except BrokenPipeError:
            # The reader went away (`… | head`): without this, the interpreter complains when it flushes stdout at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130

    app.run(guarded, flags_parser=_parse_flags)
    raise AssertionError("absl.app.run does not return")


def describe(error: MspError) -> str:
    """The error as its reader sees it: the message, then its hint, indented, if it has one."""
    lines = [f"error: {error.message}"]
    lines += [f"  {line}" for line in error.hint.splitlines()]
    return "\n".join(lines)


def user_path(text: str, environment: Mapping[str, str] = os.environ) -> Path:
    """A path given by the user, taken from where the user stands.

    `bazel run` starts programs in their runfiles and names the user's directory in `BUILD_WORKING_DIRECTORY`
    (https://bazel.build/docs/user-manual#running-executables).
    """
    return Path(environment.get("BUILD_WORKING_DIRECTORY", "")) / text


def _parse_flags(argv: list[str]) -> list[str]:
    if {"--help", "-h", "-help"} & set(argv[1 : argv.index("--") if "--" in argv else None]):
        print(_help())
        sys.exit(0)
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        print(f"error: {error}\n  see --help", file=sys.stderr)
        sys.exit(2)


def _help() -> str:
    """The command's own words and its flags, without the path that absl heads them with."""
    described = (sys.modules["__main__"].__doc__ or "").strip()
    _, _, own_flags = flags.FLAGS.main_module_help().strip().partition("\n")
    return f"{described}\n\nFlags:\n{own_flags}\n\n--helpfull shows those of the libraries too."
