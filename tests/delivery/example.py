"""A service's plan and how its delivery may end, told without a cloud; and a Buildkite agent that remembers."""

import io
import subprocess
from pathlib import Path
from typing import Any

from google.cloud.deploy_v1 import Rollout

from msp.ci.build import Build
from msp.ci.buildkite import BuildkiteAgent
from msp.ci.github import GitHubActions
from msp.delivery.outcome import Outcome
from msp.delivery.planning.plan import ReleasePlan, plan
from msp.delivery.report.ci import CiReport
from msp.delivery.report.events import (
    Event,
    Finished,
    Noted,
    Planned,
    PreflightPassed,
    Pushed,
    Released,
    Report,
    RolloutSeen,
)
from msp.delivery.target.config import DeliveryConfig

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CLOUD_DEPLOY = "google.cloud.deploy.v1.CloudDeploy"
DIGEST = "sha256:" + "a" * 64
STAGES = ("staging-us-central1", "prod-us-central1")
CONFIG = DeliveryConfig(
    target="//svc:msp_deploy",
    gcp_project="msp-example-prod-0000",
    msp_service_id="msp-example",
    repository="us.gcr.io/sourcegraph-dev/msp-example",
    image="image",
)


def made(subject: str = "Count faster", *, number: str = "42", local_cloud: str = "") -> ReleasePlan:
    build = Build(COMMIT, number, "Ada", "main", "https://ci/42", subject)
    return plan(CONFIG, build, digest=DIGEST, local_cloud=local_cloud)


def outcome(state: str = "SUCCEEDED", failure: str = "", **fields: Any) -> Outcome:
    rollout = "deploy-0123456789ab-42-to-staging-us-central1-0001"
    return Outcome(made(), STAGES, state, "deploy-0123456789ab-42", rollout, created=True, failure=failure, **fields)


def tell(report: Report, end: Outcome) -> None:
    states = (Rollout.State.PENDING_RELEASE, Rollout.State.IN_PROGRESS, Rollout.State.IN_PROGRESS)
    story: list[Event] = [
        Planned(made()),
        PreflightPassed(("something is odd",)),
        Noted("asked again"),
        Pushed(made()),
        Released(made(), created=True),
        *(RolloutSeen(Rollout(target_id=STAGES[0], state=state)) for state in states),
        Finished(end),
    ]
    for event in story:
        report(event)


class Agent:
    """Keeps what `buildkite-agent` is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], str]] = []

    def __call__(
        self,
        command: list[str],
        *,
        input: bytes,  # noqa: A002 (as subprocess.run)
        **_: Any,
    ) -> "subprocess.CompletedProcess[bytes]":
        self.calls.append((command[1:], input.decode()))
        return subprocess.CompletedProcess(command, 0)


def ci_report(agent: Agent, summary: Path | None = None) -> CiReport:
    environment = {"BUILDKITE": "true"} if summary is None else {"GITHUB_ACTIONS": "true"}
    if summary is not None:
        environment |= {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(summary.with_suffix(".out"))}
    out = io.StringIO()
    return CiReport(
        environment, out, "msp-example", BuildkiteAgent(environment, out, agent), GitHubActions(environment, out)
    )
