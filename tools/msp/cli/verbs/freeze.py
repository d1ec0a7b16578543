"""`freeze` and `unfreeze`, on the command line."""

import argparse
from typing import TYPE_CHECKING

from msp.cli.verbs.common import Command, add_change_flags, change, change_each, change_location, this_host
from msp.errors import UsageError

if TYPE_CHECKING:
    from msp.operate.command import Verb
    from msp.operate.until import Until


def _shared(parser: argparse.ArgumentParser, *, without: str) -> None:
    parser.add_argument(
        "--stage",
        action="append",
        default=[],
        help=f"Which stage: prod; may be repeated; all for every one ({without}).",
    )
    parser.add_argument(
        "--category", default="", help="Instead of services: every stage of this category in the project and region."
    )
    add_change_flags(parser)


def _freeze_flags(parser: argparse.ArgumentParser) -> None:
    _shared(parser, without="those of category external")
    parser.add_argument(
        "--until",
        required=True,
        metavar="TIME",
        help="When it ends: 2026-11-30T09:00, 2026-11-30; or how long: 8h, 2d.",
    )
    parser.add_argument("--time_zone", default="", metavar="ZONE", help="Whose clocks: Europe/Berlin (the machine's).")
    parser.add_argument("--shorten", action="store_true", help="Also where it would last longer by now.")


def _unfreeze_flags(parser: argparse.ArgumentParser) -> None:
    _shared(parser, without="all that are frozen")
    parser.add_argument("--policy", default="", metavar="ID", help="Only this deploy policy (all made by hand).")


def _freeze(flags: argparse.Namespace) -> int:
    from msp.operate.freeze import Freeze, FreezeCategory

    until = _until(flags)
    if _is_category(flags):
        return change_location(FreezeCategory(flags.category, until, flags.reason, flags.shorten), flags)
    verb = Freeze(until, flags.reason, tuple(flags.stage), flags.shorten)
    return _carry_out(verb, flags)


def _unfreeze(flags: argparse.Namespace) -> int:
    from msp.operate.unfreeze import Unfreeze, UnfreezeCategory

    if _is_category(flags):
        if flags.policy:
            raise UsageError("--policy goes with a service, and --category names its own", hint="leave one of them out")
        return change_location(UnfreezeCategory(flags.category, flags.reason), flags)
    verb = Unfreeze(flags.reason, tuple(flags.stage), flags.policy)
    return _carry_out(verb, flags)


def _until(flags: argparse.Namespace) -> "Until":
    from msp.operate.until import find_zone, parse_until

    host = this_host()
    return parse_until(flags.until, find_zone(flags.time_zone, host.environment), host.now())


def _is_category(flags: argparse.Namespace) -> bool:
    if flags.category and (flags.services or flags.stage):
        given = flags.services[0] if flags.services else f"--stage={flags.stage[0]}"
        raise UsageError(
            f"--category={flags.category} is about every service of a project: leave out {given}",
            hint="name services and stages, or a category",
        )
    return bool(flags.category)


def _carry_out(verb: "Verb", flags: argparse.Namespace) -> int:
    several = len(flags.services) > 1 or any("/" in each or ":" in each for each in flags.services)
    return change_each(verb, flags) if several else change(verb, flags)


COMMANDS = (
    Command(
        "freeze",
        "Let nothing go forward into a stage for a while; rolling back stays possible.",
        "--stage=prod --until=8h --reason='INC-7'",
        _freeze_flags,
        _freeze,
    ),
    Command(
        "unfreeze",
        "End a freeze that was made by hand.",
        "--stage=prod --reason='INC-7: mended'",
        _unfreeze_flags,
        _unfreeze,
    ),
)
