"""`hold` and `resume`, on the command line."""

import argparse

from msp.cli.verbs.common import Command, add_change_flags, change


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stage", required=True, help="Into which stage: prod.")
    add_change_flags(parser)


def _hold(flags: argparse.Namespace) -> int:
    from msp.operate.hold import Hold

    return change(Hold(flags.stage, flags.reason), flags)


def _resume(flags: argparse.Namespace) -> int:
    from msp.operate.hold import Resume

    return change(Resume(flags.stage, flags.reason), flags)


COMMANDS = (
    Command("hold", "Stop automations from promoting into a stage.", "--stage=prod --reason='INC-7'", _flags, _hold),
    Command("resume", "Let automations promote into a stage again.", "--stage=prod", _flags, _resume),
)
