"""Who needs which role where for a pipeline to work: least privilege, each row with its reason.

Roles and their permissions: https://cloud.google.com/iam/docs/roles-permissions/clouddeploy and its neighbours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from msp import names
from msp.names.artifact_registry import Package
from msp.pipeline import yaml_text
from msp.pipeline.resources import PipelineResources
from msp.spec import Spec

PIPELINE_UID = "{pipeline uid}"
"""Stands in a bucket's name for the uid that Cloud Deploy gives the pipeline when it is made."""


class Scope(StrEnum):
    """The kind of resource whose policy a binding is part of."""

    PROJECT = "project"
    BUCKET = "bucket"
    SERVICE_ACCOUNT = "service-account"
    IMAGE_REPOSITORY = "image-repository"
    DELIVERY_PIPELINE = "delivery-pipeline"
    TARGET = "target"
    CUSTOM_TARGET_TYPE = "custom-target-type"

    @property
    def in_cloud_deploy(self) -> bool:
        """Whether Cloud Deploy keeps the policy, so that whoever makes the pipeline can set it too."""
        return self in {Scope.DELIVERY_PIPELINE, Scope.TARGET, Scope.CUSTOM_TARGET_TYPE}


@dataclass(frozen=True, order=True)
class Binding:
    """One member with one role on one resource.

    Attributes:
        scope: The kind of resource whose policy it is part of.
        resource: Its name as its own service's API writes it: a project's id, a bucket's name, an account's email,
            a full resource name for the rest.
        role: The role in full: `roles/clouddeploy.viewer`.
        member: As a policy writes it: `serviceAccount:ci@ci-project.iam.gserviceaccount.com`.
        reason: Why it is needed, and why no more is.
    """

    scope: Scope
    resource: str
    role: str
    member: str
    reason: str


def bindings(spec: Spec, made: PipelineResources) -> tuple[Binding, ...]:
    """Every binding that the pipeline needs, in order of scope, resource, role and member."""
    rows = [*_executor(spec, made)]
    releasers = {names.releaser_account(made.project)}
    if spec.rollout is not None and spec.rollout.service_account:
        releasers.add(spec.rollout.service_account)
    for account in releasers:
        rows += _releaser(made, f"serviceAccount:{account}")
    order = list(Scope)
    return tuple(sorted(rows, key=lambda row: (order.index(row.scope), row)))


def _executor(spec: Spec, made: PipelineResources) -> Iterator[Binding]:
    member = f"serviceAccount:{names.executor_account(made.project)}"
    yield Binding(
        Scope.PROJECT,
        made.project,
        "roles/clouddeploy.jobRunner",
        member,
        "Runs the render and deploy actions: reads the archive, writes logs, manifest and results. The actions only "
        "create objects in a new folder each run, so this role's object create, get and list replace storage.admin.",
    )
    for project in sorted({environment.project_id for _, environment in spec.stages}):
        yield Binding(
            Scope.PROJECT,
            project,
            "roles/run.developer",
            member,
            "Deploys the service's new revision; can't change who may call it, as run.admin could.",
        )
        yield Binding(
            Scope.PROJECT,
            project,
            "roles/iam.serviceAccountUser",
            member,
            "Cloud Run asks it of whoever deploys, on the account that the service runs as; which one that is, the "
            "specification does not say.",
        )
    repository = _image_repository(spec.build.image)
    if repository is not None:
        yield Binding(
            Scope.IMAGE_REPOSITORY,
            repository,
            "roles/artifactregistry.reader",
            member,
            "Cloud Run checks that whoever deploys an image may read it.",
        )


def _releaser(made: PipelineResources, member: str) -> Iterator[Binding]:
    pipeline = made.delivery_pipeline.name
    yield Binding(
        Scope.PROJECT,
        made.project,
        "roles/clouddeploy.releaser",
        member,
        "Creates releases and rollouts, and follows their operations.",
    )
    yield Binding(
        Scope.PROJECT,
        made.project,
        "roles/storage.bucketViewer",
        member,
        "gcloud looks for the pipeline's staging bucket by listing, and a delivery for the source bucket's owner; "
        "names only, no object.",
    )
    yield Binding(
        Scope.BUCKET,
        names.source_bucket(made.project),
        "roles/storage.objectViewer",
        member,
        "Reads the archive that a release names; nobody who releases can replace it.",
    )
    yield Binding(
        Scope.BUCKET,
        f"{PIPELINE_UID}_clouddeploy",
        "roles/storage.objectCreator",
        member,
        "gcloud copies the archive there under a new name for each release; nothing is read back or overwritten.",
    )
    yield Binding(
        Scope.SERVICE_ACCOUNT,
        names.executor_account(made.project),
        "roles/iam.serviceAccountUser",
        member,
        "Cloud Deploy asks it of whoever starts a rollout, on the account that executes it; on this one account only.",
    )
    yield Binding(
        Scope.DELIVERY_PIPELINE,
        pipeline,
        "roles/clouddeploy.releaser",
        member,
        "Releases and promotes through this pipeline, even where the project's own policy is set elsewhere.",
    )
    for target in made.targets:
        yield Binding(
            Scope.TARGET,
            target.name,
            "roles/clouddeploy.viewer",
            member,
            "Sees, before releasing, that the stage is there.",
        )
    yield Binding(
        Scope.CUSTOM_TARGET_TYPE,
        made.custom_target_type.name,
        "roles/clouddeploy.viewer",
        member,
        "Sees, before releasing, that there is something to deploy with.",
    )


def _image_repository(image: str) -> str | None:
    """The full name of the Artifact Registry repository that an image is in; None where it is in another registry."""
    host, _, name = image.partition("/")
    package = Package.of_image(host, name)
    return package.repository_name if package else None


def iam_yaml(rows: tuple[Binding, ...], header: str) -> str:
    """`iam.yaml`: one binding a row, under a heading for each resource.

    Args:
        rows: The bindings, in order of scope and resource.
        header: Comment lines that say what the file is made from, each with its `#` and line end.
    """
    lines = [header, "bindings:\n"]
    resource = ""
    for row in rows:
        if row.resource != resource:
            resource = row.resource
            lines.append(f"  # {row.scope}, set by {'apply' if row.scope.in_cloud_deploy else 'its owner'}\n")
        lines.append(f"  - {yaml_text.row(_plain(row))}\n")
    return "".join(lines)


def _plain(row: Binding) -> dict[str, str]:
    return {
        "kind": row.scope.value,
        "resource": row.resource,
        "role": row.role,
        "member": row.member,
        "reason": row.reason,
    }
