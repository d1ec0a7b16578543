"""What counts as an administrator's activity: the methods that Google logs as `ADMIN_WRITE`, and what each needs.

As Google lists them (https://cloud.google.com/deploy/docs/audit-logs, …/artifact-registry/docs/audit-logging,
…/run/docs/audit-logging). Deleting packages and versions is data access to Google, whose log is off by default.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce

from msp.localcloud.methods import AnyMessage, Method

DEPLOY = "google.cloud.deploy.v1.CloudDeploy"
_ARTIFACTS = "google.devtools.artifactregistry.v1.ArtifactRegistry"
_RUN = "google.cloud.run.v2"
SET_IAM_POLICY = "google.iam.v1.IAMPolicy/SetIamPolicy"


@dataclass(frozen=True, slots=True)
class Activity:
    """A method that is logged.

    Attributes:
        service: The service's name, `clouddeploy.googleapis.com`.
        method: The method's, `google.cloud.deploy.v1.CloudDeploy.CreateRollout`.
        permission: What it takes, `clouddeploy.rollouts.create`.
    """

    service: str
    method: str
    permission: str


def activity(method: Method, request: AnyMessage) -> Activity | None:
    """What a call is logged as; `None` when it is not logged."""
    if method.name == "SetIamPolicy":
        *_, collection, _ = request.resource.split("/")
        known = {"repositories": "artifactregistry", "services": "run"}
        short = known.get(collection, "clouddeploy")
        return Activity(
            f"{short}.googleapis.com", SET_IAM_POLICY.replace("/", "."), f"{short}.{collection}.setIamPolicy"
        )
    return ACTIVITIES.get(method.full_name)


def resource_name(method: Method, request: AnyMessage) -> str:
    """The full name of what a call changes."""
    binding = method.bindings[0]
    field = next(iter(binding.templates))
    found = str(reduce(getattr, field.split("."), request))
    if field != "parent":
        return found
    collection = binding.path.rpartition("/")[2]
    return f"{found}/{collection}/{getattr(request, f'{binding.body}_id')}"


def _written() -> Iterator[tuple[str, str]]:
    """Cloud Deploy's methods and permissions."""
    kinds = {
        "DeliveryPipeline": "deliveryPipelines",
        "Target": "targets",
        "CustomTargetType": "customTargetTypes",
        "Automation": "automations",
        "DeployPolicy": "deployPolicies",
    }
    for kind, collection in kinds.items():
        for verb in ("create", "update", "delete"):
            yield f"{verb.capitalize()}{kind}", f"{collection}.{verb}"
    yield from {
        "CreateRelease": "releases.create",
        "AbandonRelease": "releases.abandon",
        "CreateRollout": "rollouts.create",
        "ApproveRollout": "rollouts.approve",
        "AdvanceRollout": "rollouts.advance",
        "CancelRollout": "rollouts.cancel",
        "IgnoreJob": "rollouts.ignoreJob",
        "RetryJob": "rollouts.retryJob",
        "RollbackTarget": "rollouts.rollback",
        "TerminateJobRun": "jobRuns.terminate",
        "CancelAutomationRun": "automationRuns.cancel",
    }.items()


def _table() -> Iterator[tuple[str, Activity]]:
    for name, permission in _written():
        yield (
            f"{DEPLOY}/{name}",
            Activity("clouddeploy.googleapis.com", f"{DEPLOY}.{name}", f"clouddeploy.{permission}"),
        )
    for verb in ("Create", "Update", "Delete"):
        for kind, collection in (("Repository", "repositories"), ("Tag", "tags")):
            permission = f"artifactregistry.{collection}.{verb.lower()}"
            method = f"{_ARTIFACTS}.{verb}{kind}"
            yield f"{_ARTIFACTS}/{verb}{kind}", Activity("artifactregistry.googleapis.com", method, permission)
        method = f"{_RUN}.Services.{verb}Service"
        yield f"{_RUN}.Services/{verb}Service", Activity("run.googleapis.com", method, f"run.services.{verb.lower()}")
    method = f"{_RUN}.Revisions.DeleteRevision"
    yield f"{_RUN}.Revisions/DeleteRevision", Activity("run.googleapis.com", method, "run.revisions.delete")


ACTIVITIES: Mapping[str, Activity] = dict(_table())
"""By the name that faults know a method by, `google.cloud.deploy.v1.CloudDeploy/CreateRollout`."""
