"""`status` and `changes`, on the command line."""

import argparse
import time
from typing import TYPE_CHECKING

from msp.cli.verbs.common import (
    Command,
    cloud,
    one_service,
    output,
    said,
    seconds,
    services,
    this_host,
)

if TYPE_CHECKING:
    from msp.operate.host import Cloud, Host
    from msp.operate.looking import Wanted

_EVERY = 5.0


def _status_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--watch", action="store_true", help="Draw it again and again, until Ctrl-C.")
    parser.add_argument(
        "--every", type=seconds, default=_EVERY, metavar="DURATION", help="How often --watch looks (5s)."
    )


def _status(flags: argparse.Namespace) -> int:
    host, at = this_host(), cloud(flags)
    wanted = services(flags, host)
    while flags.watch:
        _look(wanted, host, at, flags)
        time.sleep(flags.every)
    return _look(wanted, host, at, flags)


def _look(wanted: "Wanted", host: "Host", at: "Cloud", flags: argparse.Namespace) -> int:
    from msp.operate.looking import look
    from msp.show.output import shown

    made, written = look(wanted, host, at), output(flags)
    if flags.watch and host.out.isatty():
        host.out.write("\x1b[H\x1b[2J")
    return said(written, lambda: shown(made.document, written, made.exit_code))


def _changes_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stage", default="", help="What would come to this stage (the last one).")
    parser.add_argument("--since", default="", metavar="RELEASE|STAGE", help="From what else than the stage runs.")
    parser.add_argument("--until", default="", metavar="RELEASE|STAGE", help="To what else than the stage before runs.")
    parser.add_argument("--all", action="store_true", help="Every commit, also what can't change the image.")


def _changes(flags: argparse.Namespace) -> int:
    from msp.operate.compare import Comparison, compare
    from msp.operate.facts import read_facts
    from msp.show.output import shown

    host, service, written = this_host(), one_service(flags), output(flags)
    asked = Comparison(flags.stage, flags.since, flags.until, flags.all)
    facts = read_facts(service, host, cloud(flags))
    return said(written, lambda: shown(compare(asked, facts, service, host), written))


COMMANDS = (
    Command("status", "What runs where, and what needs a person.", "--format=markdown", _status_flags, _status),
    Command("changes", "The commits that a stage would get.", "--stage=prod", _changes_flags, _changes),
)
