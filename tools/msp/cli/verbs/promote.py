"""`promote`, on the command line."""

import argparse

from msp.cli.verbs.common import Command, add_change_flags, add_override_flag, add_wait_flags, change


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stage", default="", help="Where to: prod (the stage after the furthest it has reached).")
    parser.add_argument("--release", default="", help="Which release (the newest).")
    parser.add_argument("--downgrade", action="store_true", help="Also where something newer runs; needs --reason.")
    parser.add_argument("--hotfix", action="store_true", help="Without the stage before; needs --reason.")
    add_override_flag(parser)
    add_change_flags(parser)
    add_wait_flags(parser)


def _run(flags: argparse.Namespace) -> int:
    from msp.operate.promote import Promote

    verb = Promote(
        stage=flags.stage,
        release=flags.release,
        downgrade=flags.downgrade,
        hotfix=flags.hotfix,
        override_freeze=tuple(flags.override_freeze),
        reason=flags.reason,
    )
    return change(verb, flags)


COMMAND = Command("promote", "Roll a release out to the next stage.", "--stage=prod", _flags, _run)
