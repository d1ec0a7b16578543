"""Operates services that Cloud Deploy delivers: what runs where, and what to do about it.

    bazel run //svc:msp_deploy.ops -- VERB [FLAGS]                        one service, as its BUILD file says
    bazel run @rules_msp//tools:msp -- VERB SERVICE --project=… [FLAGS]   any service, with no BUILD file

Exit codes: 0 done, 1 failed or refused, 2 usage or bad input, 3 the rollout failed, 4 blocked or waiting: an approval,
a freeze, a hold or a suspended pipeline has to let it through first.
"""

import argparse
import difflib
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from absl.flags import argparse_flags

from msp.cli import entry
from msp.cli.verbs import approve, freeze, hold, promote, repair, rollback, status
from msp.cli.verbs.common import Command, add_shared_flags
from msp.errors import UsageError

COMMANDS: tuple[Command, ...] = (
    *status.COMMANDS,
    promote.COMMAND,
    *approve.COMMANDS,
    rollback.COMMAND,
    *hold.COMMANDS,
    *freeze.COMMANDS,
    *repair.COMMANDS,
)


def main(flags: argparse.Namespace) -> int:
    """Does what the verb says."""
    command = next(each for each in COMMANDS if each.name == flags.verb)
    return command.run(flags)


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    program, service = _program()
    whole = _Parser(  # type: ignore[no-untyped-call]  # absl's
        prog=program,
        description=(__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verbs = whole.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)
    for command in COMMANDS:
        typed = f"{program} {command.name}"
        own = verbs.add_parser(
            command.name,
            help=command.help,
            usage=f"{typed} {service}[FLAGS]",
            description=command.help,
            epilog=f"example:\n  {typed} {service}{command.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        add_shared_flags(own)
        command.flags(own)
    return whole


class _Parser(argparse_flags.ArgumentParser):
    """Says what is wrong as all commands do, and what was probably meant."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=_meant(sys.argv[1:]) or f"see {self.prog} --help")


def _meant(arguments: Sequence[str]) -> str:
    """What a mistyped verb or flag may stand for, in a sentence."""
    verb = next((each for each in arguments if not each.startswith("-")), "")
    commands = {command.name: command for command in COMMANDS}
    given, known = [verb], list(commands)
    if verb in commands:
        given = [each.partition("=")[0] for each in arguments if each.startswith("--")]
        known = _flags_of(commands[verb])
    for wrong in (each for each in given if each not in known):
        if close := difflib.get_close_matches(wrong, known, n=1):
            return f"did you mean {close[0]}?"
    return ""


def _flags_of(command: Command) -> list[str]:
    own = argparse.ArgumentParser()
    add_shared_flags(own)
    command.flags(own)
    return re.findall(r"--\w+", own.format_help())


def _program() -> tuple[str, str]:
    """What a person has typed to get here, as far as that is known; and how they then name a service in examples."""
    from msp.cli.verbs.common import config_of_target
    from msp.names import bazel_run

    try:
        config = config_of_target()
    except UsageError:  # It is told where it is needed.
        config = None
    if config is not None:
        return bazel_run(config.target), ""
    by_bazel = "BUILD_WORKSPACE_DIRECTORY" in os.environ
    return bazel_run("@rules_msp//tools:msp") if by_bazel else "msp", "SERVICE --project=PROJECT "


if __name__ == "__main__":
    entry.run_parsed(parser, main)
