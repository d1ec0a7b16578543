"""`retry` and `cancel`, on the command line."""

import argparse

from msp.cli.verbs.common import Command, add_change_flags, add_override_flag, add_wait_flags, change


def _flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stage", default="", help="On which stage: prod (the only one that it can be).")
    add_override_flag(parser)
    add_change_flags(parser)


def _retry_flags(parser: argparse.ArgumentParser) -> None:
    _flags(parser)
    add_wait_flags(parser)


def _retry(flags: argparse.Namespace) -> int:
    from msp.operate.repair import Retry

    return change(Retry(flags.stage, tuple(flags.override_freeze), flags.reason), flags)


def _cancel(flags: argparse.Namespace) -> int:
    from msp.operate.repair import Cancel

    return change(Cancel(flags.stage, tuple(flags.override_freeze), flags.reason), flags)


COMMANDS = (
    Command("retry", "Run the failed job of a rollout again.", "--stage=prod", _retry_flags, _retry),
    Command("cancel", "Stop a rollout that is under way.", "--stage=prod", _flags, _cancel),
)
