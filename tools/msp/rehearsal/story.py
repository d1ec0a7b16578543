"""A whole delivery on this machine: the pipeline is made, the image pushed and released, and time moved on."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from msp import names
from msp.ci.build import Known, UnknownBuildError, find_build
from msp.ci.git import git_in
from msp.delivery.clients import Clients
from msp.delivery.command import Host, deploy
from msp.delivery.existing import release_digest
from msp.delivery.outcome import DeliveryError, Outcome
from msp.delivery.report.terminal import Console
from msp.delivery.request import DeliveryRequest
from msp.delivery.target.config import DeliveryConfig
from msp.errors import MspError, UsageError
from msp.gcp.endpoints import Endpoints
from msp.gcp.messages import enum_name, part_after
from msp.gcp.polling import Polling
from msp.localcloud.clock import ManualClock
from msp.localcloud.cloud import LocalCloud
from msp.localcloud.thread import CloudThread
from msp.pipeline.live.pipeline import LivePipeline
from msp.pipeline.live.report import headline
from msp.pipeline.picture import duration, promotion
from msp.pipeline.resources import delay_seconds, promotes_automatically
from msp.spec import Spec, parse

_OPERATION_SECONDS = 60.0
# Enough for what a promotion sets off at once.
_SPARE = timedelta(minutes=1)
# Stands for the commit where there is no checkout to take one from.
_NO_COMMIT = "0" * 40


def play(config: DeliveryConfig, host: Host) -> int:
    """Delivers to a local cloud that lives as long as this takes, and shows every stage.

    Args:
        config: What the service's target says.
        host: The process that this runs in.

    Returns:
        The exit code, as of a deployment.

    Raises:
        MspError: As a deployment does.
    """
    spec = _spec(config, host.find)
    clock = ManualClock(host.now())
    with CloudThread(LocalCloud(clock=clock, strict_images=True)) as cloud:
        story = _Story(config, spec, cloud, host.out)
        story.open()
        # The story ends with its own picture of the stages.
        report = Console(host.out, host.environment, stages=False).report
        try:
            outcome = deploy(DeliveryRequest(known=_known(host), endpoints=story.endpoints), config, host, report)
        except DeliveryError as error:
            raise _ended(error, config) from error
        if outcome.exit_code == 0:
            story.let_time_pass()
        story.close(outcome)
        return outcome.exit_code


def _ended(error: DeliveryError, config: DeliveryConfig) -> DeliveryError:
    """The error, without the commands that go on in a cloud which is gone by the time they are read."""
    cause = error.__cause__
    why = cause.hint if isinstance(cause, MspError) else ""
    ended = DeliveryError(error.message, hint=f"{why}\nto play it again: bazel run {config.target}.local".strip())
    ended.exit_code = error.exit_code
    return ended


class _Story:
    def __init__(self, config: DeliveryConfig, spec: Spec, cloud: CloudThread, out: TextIO) -> None:
        self._config = config
        self._spec = spec
        self._cloud = cloud
        self._out = out
        self.endpoints = Endpoints.local(cloud.http_url)

    def open(self) -> None:
        """Makes the pipeline."""
        self._say(
            f"A local cloud at {self._cloud.http_url} stands for Google's: no account, nothing leaves this machine."
        )
        self._say("")
        self._say(
            f"Making the pipeline{'' if self._config.spec else ' (no spec is set: two stages, staging and prod)'}"
        )
        pipeline = LivePipeline(
            self._spec,
            self._config.gcp_region,
            self.endpoints,
            timeout=_OPERATION_SECONDS,
            polling=Polling(initial=0.01, maximum=0.1),
        )
        for change in pipeline.changes():
            pipeline.make(change)
            self._say(f"  {headline(change)}")
        self._say("")

    def let_time_pass(self) -> None:
        """Moves the clock as far as the automations wait."""
        waits = [delay_seconds(stage) for stage, _ in self._spec.stages if promotes_automatically(stage)]
        if not waits:
            return
        self._cloud.advance(timedelta(seconds=sum(waits)) + _SPARE)
        self._say("")
        self._say(f"Automations promote: the local cloud's clock is moved on by {duration(sum(waits))}, nobody waits")

    def close(self, outcome: Outcome) -> None:
        """Shows the stages and what each of them runs."""
        clients = Clients.connect(self.endpoints)
        self._say("")
        width = max(len(environment.id) for _, environment in self._spec.stages)
        for number, (_, environment) in enumerate(self._spec.stages):
            if number:
                self._say(f"  │ {promotion(self._spec.stages[number - 1][0])}")
            target = names.target_id(environment.id, self._config.gcp_region)
            self._say(f"  {self._running(clients, outcome.plan.pipeline_name, target, environment.id.ljust(width))}")
        self._say("")
        self._say("That was all of it, and it is gone now. The same against Google's cloud:")
        self._say(f"  bazel run {self._config.target}")
        self._say("and then, to see what runs where:")
        self._say(f"  bazel run {self._config.target}.ops -- status")

    def _running(self, clients: Clients, pipeline: str, target: str, label: str) -> str:
        deploy = clients.deploy
        rollouts = deploy.pages(
            deploy.client.list_rollouts,
            most=1,
            parent=f"{pipeline}/releases/-",
            filter=f'targetId="{target}"',
            order_by="createTime desc",
        )
        newest = next(rollouts, None)
        if newest is None:
            return f"○ {label}  nothing yet"
        release_id, state = part_after(newest.name, "releases"), enum_name(newest, "state")
        if state != "SUCCEEDED":
            return f"✗ {label}  {release_id}: {newest.failure_reason or state.replace('_', ' ').lower()}"
        release = deploy.read(deploy.client.get_release, name=f"{pipeline}/releases/{release_id}")
        return f"● {label}  {release_id}  {self._config.repository}@{release_digest(release)[:19]}…"

    def _say(self, line: str) -> None:
        print(line, file=self._out, flush=True)


def _known(host: Host) -> Known:
    """What stands for a commit where there is none: the story can be played from an unpacked archive."""
    directory = Path(host.environment.get("BUILD_WORKSPACE_DIRECTORY") or Path.cwd())
    try:
        find_build(Known(), host.environment, git_in(directory, host.environment), host.now())
    except UnknownBuildError:
        return Known(commit=_NO_COMMIT, author="you", subject="no checkout, so no commit")
    return Known()


def _spec(config: DeliveryConfig, find: Callable[[str], Path]) -> Spec:
    if config.spec is not None:
        path = find(config.spec)
        return parse(path.read_bytes(), str(path))
    service = config.msp_service_id
    stages = {"staging": f"{service}-staging-0"[:30], "prod": config.gcp_project}
    tree = {
        "service": {"id": service, "owners": ["you"], "description": "Made for a local run."},
        "build": {"image": config.repository, "source": {"repo": "local", "dir": "."}},
        "rollout": {
            "stages": [
                {
                    "environment": "staging",
                    "promotionStrategy": {"type": "automatic", "automatic": {"delaySeconds": 300}},
                },
                {"environment": "prod"},
            ]
        },
        "environments": [
            {"id": name, "projectID": project, "category": "test", "deploy": {"type": "rollout"}}
            for name, project in stages.items()
        ],
    }
    try:
        # The fields' own rules only: nobody has asked for a specification here, so its rules across fields don't hold.
        return Spec.model_validate_json(json.dumps(tree))
    except ValueError as error:
        raise UsageError(
            f"{config.target}: no pipeline can be made from its attributes: {_first_line(error)}",
            hint="correct gcp_project, msp_service_id and repository, or set `spec`",
        ) from None


def _first_line(error: ValueError) -> str:
    return " ".join(str(error).split())[:200]
