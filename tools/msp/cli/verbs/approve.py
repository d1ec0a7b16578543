"""`approve` and `reject`, on the command line."""

import argparse

from msp.cli.verbs.common import Command, add_change_flags, add_override_flag, add_wait_flags, change, this_host


def _flags(parser: argparse.ArgumentParser) -> None:
    _shared(parser)
    parser.add_argument("--downgrade", action="store_true", help="Also where something newer runs; needs --reason.")
    parser.add_argument("--self_approval", action="store_true", help="Also of one's own commit; needs --reason.")
    add_override_flag(parser)
    add_change_flags(parser)
    add_wait_flags(parser)


def _reject_flags(parser: argparse.ArgumentParser) -> None:
    _shared(parser)
    add_override_flag(parser)
    add_change_flags(parser)


def _shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stage", default="", help="Of which stage: prod (the one that waits).")
    parser.add_argument("--release", default="", help="Of which release (the newest that waits).")


def _approve(flags: argparse.Namespace) -> int:
    from msp.ci.person import authors, known_as
    from msp.operate.approve import Approve

    host = this_host()
    verb = Approve(
        by=known_as(host.environment, host.git()),
        authors=authors(host.git()),
        stage=flags.stage,
        release=flags.release,
        downgrade=flags.downgrade,
        self_approval=flags.self_approval,
        override_freeze=tuple(flags.override_freeze),
        reason=flags.reason,
    )
    return change(verb, flags)


def _reject(flags: argparse.Namespace) -> int:
    from msp.operate.approve import Approve

    verb = Approve(
        approved=False,
        stage=flags.stage,
        release=flags.release,
        override_freeze=tuple(flags.override_freeze),
        reason=flags.reason,
    )
    return change(verb, flags)


COMMANDS = (
    Command("approve", "Approve the rollout that waits, having seen what it brings.", "--stage=prod", _flags, _approve),
    Command("reject", "Reject the rollout that waits.", "--stage=prod --reason='wrong week'", _reject_flags, _reject),
)
