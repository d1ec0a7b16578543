"""A deployment as a command: from what was asked and what the BUILD file says to its end."""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TextIO

from msp.ci.build import Known, find_build
from msp.ci.git import git_in
from msp.delivery.clients import Clients
from msp.delivery.deliver import Delivery, Settings
from msp.delivery.image_push import ImagePush, LayoutPush, ProgramPush
from msp.delivery.outcome import PLANNED, Outcome
from msp.delivery.planning.plan import Overrides, plan
from msp.delivery.report.ci import CiReport
from msp.delivery.report.events import Finished, Noted, Report, to_all
from msp.delivery.report.json_file import JsonReport
from msp.delivery.report.terminal import Console, brief, plan_text
from msp.delivery.target.config import DeliveryConfig
from msp.delivery.target.rollout import specified_rollout
from msp.gcp.endpoints import Endpoints
from msp.gcp.errors import RemoteError
from msp.gcp.retry import RetryPolicy
from msp.image.progress import Silent, progress_for


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        known: What the user says about the build: its commit, number and author.
        overrides: Other names, more labels.
        settings: Whether and how long to wait, and whether to release what runs already.
        endpoints: Google's services, or a local cloud.
        dry_run: Only print the plan.
        quiet: Print only how it ended.
        json_output: The file to write the result to, or None.
    """

    known: Known = field(default_factory=Known)
    overrides: Overrides = field(default_factory=Overrides)
    settings: Settings = field(default_factory=Settings)
    endpoints: Endpoints = field(default_factory=Endpoints.google)
    dry_run: bool = False
    quiet: bool = False
    json_output: Path | None = None


@dataclass(frozen=True)
class Host:
    """Where the command runs.

    Attributes:
        environment: The process's variables: `os.environ`.
        out: The stream that people and CIs read: stdout.
        now: Tells the time, in UTC.
        find: Finds a file that the config names: `_main/svc/image` to its path in the runfiles.
    """

    environment: Mapping[str, str]
    out: TextIO
    now: Callable[[], datetime]
    find: Callable[[str], Path]


def deploy(request: Request, config: DeliveryConfig, around: Host, report: Report | None = None) -> Outcome:
    """Deploys, or says what would be done.

    Args:
        request: What was asked for, by flags.
        config: What the target says: the service, its project, its image.
        around: The process that this runs in.
        report: Is told of each event; by default the user, the CI and a file, if one was asked for, are.

    Returns:
        How it ended; its exit code tells whether the rollout failed.

    Raises:
        UsageError: The plan can't be made.
        PreflightError: Something stands in the way; nothing was changed.
        DeliveryError: It could not be brought to its end.
    """
    report = report or _report(request, config, around)
    git = git_in(Path(around.environment.get("BUILD_WORKSPACE_DIRECTORY") or Path.cwd()), around.environment)
    build = find_build(request.known, around.environment, git, around.now())
    rollout = specified_rollout(around.find(config.spec)) if config.spec else None
    image = _image(request, config, around)
    made = plan(
        config,
        build,
        digest=image.digest,
        rollout=rollout,
        overrides=request.overrides,
        local_cloud=request.endpoints.cloud_deploy if request.endpoints.is_local else "",
    )
    if request.dry_run:
        print(plan_text(made), file=around.out)
        planned = Outcome(made, made.stages, PLANNED, made.release)
        report(Finished(planned))
        return planned
    retry = RetryPolicy(notify=_notify(report))
    clients = Clients.connect(request.endpoints, retry=retry)
    return Delivery(made, image, clients, report=report, git=git, settings=request.settings, now=around.now).run()


def _report(request: Request, config: DeliveryConfig, around: Host) -> Report:
    reports: list[Report] = []
    if not request.dry_run:
        reports.append(brief(around.out) if request.quiet else Console(around.out, around.environment).report)
    # Before what tells others, so that they can read it.
    if request.json_output is not None:
        reports.append(JsonReport(request.json_output, around.out).report)
    if not request.dry_run:
        reports.append(CiReport(around.environment, around.out, config.msp_service_id).report)
    return to_all(reports)


def _image(request: Request, config: DeliveryConfig, around: Host) -> ImagePush:
    if config.push is not None:
        program = around.find(config.push)
        runfiles = around.environment.get("RUNFILES_DIR")
        # The program has runfiles among ours, and may find them by this alone.
        extra = {"RUNFILES_DIR": os.fspath(Path(runfiles).absolute())} if runfiles else {}
        return ProgramPush(program, {**around.environment, **extra})
    progress = Silent() if request.quiet or request.dry_run else progress_for(around.out)
    return LayoutPush(around.find(config.image or ""), progress)


def _notify(report: Report) -> Callable[[RemoteError, float], None]:
    told: set[str] = set()
    lock = threading.Lock()

    def notify(error: RemoteError, seconds: float) -> None:
        with lock:
            # Once each: where a service can't be reached, that meets every request.
            if error.message in told:
                return
            told.add(error.message)
        report(Noted(f"{error.message}; trying again in {seconds:.1f} s"))

    return notify
