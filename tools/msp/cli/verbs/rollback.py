"""`rollback`, on the command line."""

import argparse

from msp.cli.verbs.common import Command, add_change_flags, add_override_flag, add_wait_flags, change


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stage", required=True, help="Which stage: prod.")
    parser.add_argument("--to", default="", metavar="RELEASE", help="To which release (the last good one).")
    parser.add_argument("--nohold", dest="hold", action="store_false", help="Don't hold promotion into the stage.")
    add_override_flag(parser)
    add_change_flags(parser)
    add_wait_flags(parser)


def _run(flags: argparse.Namespace) -> int:
    from msp.operate.rollback import Rollback

    verb = Rollback(
        stage=flags.stage,
        to=flags.to,
        override_freeze=tuple(flags.override_freeze),
        reason=flags.reason,
        hold=flags.hold,
    )
    return change(verb, flags)


COMMAND = Command(
    "rollback",
    "Take a stage back to its last good release, and hold promotion into it.",
    "--stage=prod --reason='INC-7: checkout fails'",
    _flags,
    _run,
)
