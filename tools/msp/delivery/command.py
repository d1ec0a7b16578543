"""A deployment as a command: from what was asked and what the BUILD file says to its end."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from msp.ci.build import find_build
from msp.ci.git import git_in
from msp.delivery.clients import Clients
from msp.delivery.deliver import Delivery
from msp.delivery.image_push import ImagePush, LayoutPush, ProgramPush
from msp.delivery.outcome import PLANNED, Outcome
from msp.delivery.planning.plan import plan
from msp.delivery.report.ci import CiReport
from msp.delivery.report.events import Finished, Report, retries, to_all
from msp.delivery.report.json_file import JsonReport
from msp.delivery.report.terminal import Console, brief, plan_text
from msp.delivery.request import DeliveryRequest
from msp.delivery.target.config import DeliveryConfig
from msp.delivery.target.rollout import specified_rollout
from msp.gcp.retry import RetryPolicy
from msp.image.progress import Silent, progress_for


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


def deploy(request: DeliveryRequest, config: DeliveryConfig, host: Host, report: Report | None = None) -> Outcome:
    """Deploys, or says what would be done.

    Args:
        request: What was asked for, by flags.
        config: What the target says: the service, its project, its image.
        host: The process that this runs in.
        report: Is told of each event; by default the user, the CI and a file, if one was asked for, are.

    Returns:
        How it ended; its exit code tells whether the rollout failed.

    Raises:
        UsageError: The plan can't be made.
        PreflightError: Something stands in the way; nothing was changed.
        DeliveryError: It could not be brought to its end.
    """
    image = _image(request, config, host)
    report = report or _report(request, config, host)
    git = git_in(Path(host.environment.get("BUILD_WORKSPACE_DIRECTORY") or Path.cwd()), host.environment)
    build = find_build(request.known, host.environment, git, host.now())
    made = plan(
        config,
        build,
        digest=image.digest,
        rollout=specified_rollout(host.find(config.spec)) if config.spec else None,
        overrides=request.overrides,
        local_cloud=request.endpoints.cloud_deploy if request.endpoints.is_local else "",
    )
    if request.dry_run:
        print(plan_text(made), file=host.out)
        planned = Outcome(made, made.stages, PLANNED, made.release)
        report(Finished(planned))
        return planned
    clients = Clients.connect(request.endpoints, retry=RetryPolicy(notify=retries(report)))
    return Delivery(made, image, clients, report=report, git=git, settings=request.settings, now=host.now).run()


def _report(request: DeliveryRequest, config: DeliveryConfig, host: Host) -> Report:
    reports: list[Report] = []
    if not request.dry_run:
        reports.append(brief(host.out) if request.quiet else Console(host.out, host.environment).report)
    # Before what tells others, so that they can read it.
    if request.json_output is not None:
        reports.append(JsonReport(request.json_output, host.out).report)
    if not request.dry_run:
        reports.append(CiReport(host.environment, host.out, config.msp_service_id).report)
    return to_all(reports)


def _image(request: DeliveryRequest, config: DeliveryConfig, host: Host) -> ImagePush:
    if config.push is not None:
        program = host.find(config.push)
        runfiles = host.environment.get("RUNFILES_DIR")
        # The program has runfiles among ours, and may find them by this alone.
        extra = {"RUNFILES_DIR": os.fspath(Path(runfiles).absolute())} if runfiles else {}
        return ProgramPush(program, {**host.environment, **extra})
    progress = Silent() if request.quiet or request.dry_run else progress_for(host.out)
    return LayoutPush(host.find(config.image or ""), progress)
