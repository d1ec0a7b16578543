"""What the verbs have in common: flags, and the service, the cloud and the output that they name."""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msp.cli.durations import parse_seconds
from msp.errors import MspError, UsageError
from msp.text import harmless

if TYPE_CHECKING:
    from msp.operate.command import Settings, Verb
    from msp.operate.config import OpsConfig
    from msp.operate.host import Cloud, Host
    from msp.operate.looking import Wanted
    from msp.operate.service import Service
    from msp.show.output import Output


_REGION = "us-central1"
# Characters; what is longer belongs into the incident's page.
_MOST_OF_A_REASON = 500


@dataclass(frozen=True)
class Command:
    """One verb of the command line.

    Attributes:
        name: `promote`.
        help: What it does, in a line.
        example: Flags of a typical use, for its help: `--stage=prod`; of one service.
        flags: Adds its own flags to a parser.
        run: Does it, and returns the exit code.
    """

    name: str
    help: str
    example: str
    flags: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def add_shared_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that every verb has."""
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="The service's id; a .ops target knows its own.")
    parser.add_argument("--project", default="", help="The project of the service's pipeline.")
    parser.add_argument("--region", default="", help=f"The pipeline's region ({_REGION}).")
    parser.add_argument(
        "--format", choices=["table", "json", "markdown", "html"], default="table", help="How to print it (table)."
    )
    parser.add_argument(
        "--local_cloud",
        default=os.environ.get("MSP_LOCAL_CLOUD", ""),
        metavar="HOST:PORT",
        help="A local cloud to use instead of Google's; MSP_LOCAL_CLOUD says the same.",
    )


def add_change_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of verbs that change something."""
    parser.add_argument("--reason", type=_one_line, default="", help="Why: kept by the audit log and on what is made.")
    parser.add_argument("--dry_run", action="store_true", help="Only show what would be done.")
    parser.add_argument("--yes", action="store_true", help="Don't ask, also where customers are concerned.")


def add_override_flag(parser: argparse.ArgumentParser) -> None:
    """Adds the flag of verbs that a freeze can block."""
    parser.add_argument(
        "--override_freeze",
        action="append",
        default=[],
        metavar="POLICY",
        help="Override this deploy policy; needs --reason, and the permission to.",
    )


def add_wait_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of verbs that begin a rollout."""
    parser.add_argument("--wait", action="store_true", default=True, help="Wait until the rollout has ended (default).")
    parser.add_argument("--nowait", dest="wait", action="store_false", help="Don't wait for it.")
    parser.add_argument(
        "--timeout", type=seconds, default=1800.0, metavar="DURATION", help="How long to wait: 1800, 30m (30m)."
    )


def seconds(text: str) -> float:
    """A duration as argparse takes its types: `5m`."""
    try:
        return parse_seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _one_line(text: str) -> str:
    """A reason as it is kept: on one line, with nothing in it that acts on whoever reads it."""
    return harmless(text, limit=_MOST_OF_A_REASON)


def change(verb: "Verb", flags: argparse.Namespace) -> int:
    """Carries out a verb that changes something of one service."""
    from msp.operate.command import Command as Operation

    with_output = output(flags)
    operation = Operation(verb, one_service(flags), this_host(), cloud(flags), with_output, settings(flags))
    return said(with_output, operation.run)


def change_each(verb: "Verb", flags: argparse.Namespace) -> int:
    """Carries out a verb that changes something of each of several services."""
    from msp.operate.command import Command as Operation
    from msp.operate.each import run_each

    host, at, with_output, how = this_host(), cloud(flags), output(flags), settings(flags)
    wanted = services(flags, host).services
    title = f"{flags.verb} {len(wanted)} services"
    return said(
        with_output,
        lambda: run_each(title, (Operation(verb, each, host, at, with_output, how) for each in wanted), with_output),
    )


def change_location(verb: "Verb", flags: argparse.Namespace) -> int:
    """Carries out a verb that changes something of every service of a project and region.

    Raises:
        UsageError: No project is named, or a target's own program is asked.
    """
    from msp.names import bazel_run
    from msp.operate.command import Command as Operation
    from msp.operate.facts import read_location

    host, with_output = this_host(), output(flags)
    wanted = services(flags, host)
    if not wanted.all_of_project:
        raise UsageError(
            f"--category is about every service of a project, and this about {wanted.services[0].id} alone",
            hint=f"for all of them: {bazel_run('@rules_msp//tools:msp')} {flags.verb} "
            f"--category={flags.category} --project=PROJECT",
        )
    operation = Operation(
        verb, wanted.services[0], host, cloud(flags), with_output, settings(flags), read=read_location
    )
    return said(with_output, operation.run)


def settings(flags: argparse.Namespace) -> "Settings":
    """How to go about a change, as the flags say."""
    from msp.operate.command import Settings

    return Settings(
        dry_run=flags.dry_run,
        wait=getattr(flags, "wait", False),
        timeout=getattr(flags, "timeout", 0.0),
        yes=flags.yes,
        by=person(),
    )


def person() -> str:
    """Who runs this: `Ada Lovelace`."""
    from msp.ci.person import find_person

    host = this_host()
    return find_person(host.environment, host.git())


def said(output: "Output", run: Callable[[], int]) -> int:
    """Runs something, and writes what it had to say, also where it fails."""
    try:
        code = run()
    except MspError as error:
        output.record(error=error.message, hint=error.hint, exit_code=error.exit_code)
        raise
    else:
        output.record(exit_code=code)
        return code
    finally:
        output.end()


def one_service(flags: argparse.Namespace) -> "Service":
    """The one service that a command is about.

    Raises:
        UsageError: None is named, or more than one, or its project isn't.
    """
    wanted = services(flags, this_host())
    if wanted.all_of_project or len(wanted.services) != 1:
        given = "none is named" if wanted.all_of_project else f"{len(wanted.services)} are named"
        raise UsageError(f"{flags.verb} is about one service, and {given}", hint="give the service's id")
    return wanted.services[0]


def services(flags: argparse.Namespace, host: "Host") -> "Wanted":
    """The services that a command is about: of the `.ops` target, of target patterns, by their ids, or a project's.

    Raises:
        UsageError: A project is needed and not named, or there is no such target.
    """
    from msp.ci.bazel import bazel_in
    from msp.operate.looking import Wanted
    from msp.operate.service import Service
    from msp.operate.workspace import services_in_workspace

    local_cloud = flags.local_cloud.removeprefix("http://")
    if (config := config_of_target()) is not None:
        return Wanted((_of_target(config, flags, local_cloud),))
    patterns = [each for each in flags.services if "/" in each or ":" in each]
    found: list[Service] = []
    if patterns:
        found = services_in_workspace(bazel_in(host.workspace, host.environment), patterns, local_cloud)
    ids = [each for each in flags.services if each not in patterns]
    if (ids or not patterns) and not flags.project:
        raise UsageError(
            "--project is missing",
            hint="give the project of the delivery pipelines, or targets of the workspace: //...",
        )
    region = flags.region or _REGION
    found += [Service(flags.project, region, each, local_cloud=local_cloud) for each in ids]
    if not flags.services:
        return Wanted((Service(flags.project, region, "", local_cloud=local_cloud),), all_of_project=True)
    return Wanted(tuple(found))


def config_of_target() -> "OpsConfig | None":
    """What the `.ops` target knows that this process runs for; None where it runs for none.

    Raises:
        UsageError: Its file is not what the rule writes.
    """
    from msp.operate.config import OpsConfig
    from msp.runfiles import files_of_this_process
    from msp.target_config import load_config

    if not (name := os.environ.get("MSP_CONFIG")):
        return None
    return load_config(OpsConfig, files_of_this_process(os.environ, sys.argv[0]).path(name), "msp_delivery")


def _of_target(config: "OpsConfig", flags: argparse.Namespace, local_cloud: str) -> "Service":
    from msp.names import bazel_run
    from msp.operate.service import Service

    given = next(iter(flags.services), "--project" if flags.project else "--region" if flags.region else "")
    if given:
        raise UsageError(
            f"{config.target} is about {config.msp_service_id}: leave out {given}",
            hint=f"for another service: {bazel_run(f'{config.tools}:msp')} {flags.verb} SERVICE --project=PROJECT",
        )
    return Service(
        config.gcp_project,
        config.gcp_region,
        config.msp_service_id,
        image=config.image or "",
        command=bazel_run(config.target),
        by_target=True,
        local_cloud=local_cloud,
    )


def this_host() -> "Host":
    """The process that this is."""
    from msp.operate.host import Host

    return Host(os.environ, sys.stdout, sys.stderr, sys.stdin, lambda: datetime.now(UTC))


def cloud(flags: argparse.Namespace) -> "Cloud":
    """What `--local_cloud` names, or Google's."""
    from msp.gcp.endpoints import Endpoints
    from msp.operate.host import Cloud

    return Cloud.connect(Endpoints.local(flags.local_cloud) if flags.local_cloud else Endpoints.google())


def output(flags: argparse.Namespace) -> "Output":
    """Stdout, in the format that is asked for."""
    from msp.show.output import Format, Output, terminal_of

    return Output(sys.stdout, Format(flags.format), terminal_of(sys.stdout, os.environ))
