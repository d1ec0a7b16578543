"""Whether an image's repository would take it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from msp.delivery.clients import Clients
from msp.delivery.gcloud import gcloud_command
from msp.delivery.planning.plan import ReleasePlan
from msp.delivery.preflight.findings import Problem
from msp.errors import MspError
from msp.gcp.errors import NotFoundError
from msp.gcp.messages import enum_name
from msp.names.artifact_registry import Package
from msp.names.references import Repository

if TYPE_CHECKING:
    from google.cloud import artifactregistry_v1


def tag_digest(plan: ReleasePlan, clients: Clients) -> str:
    """The digest, `sha256:…`, that the plan's tag stands for in the registry; empty where there is no such tag.

    Empty, too, where the registry does not tell: then the push says why.
    """
    remote = clients.registry.repository(Repository.parse(plan.image), deadline=clients.deadline)
    quietly = replace(clients.retry, notify=lambda _error, _seconds: None)  # The push, which asks the same, tells.
    try:
        return quietly.run(lambda: remote.manifest_digest(plan.tag), deadline=clients.deadline) or ""
    except MspError:
        return ""


def refusal(plan: ReleasePlan, clients: Clients) -> Problem | None:
    """Why a registry may have refused an image, as far as Artifact Registry tells. Raises nothing."""
    try:
        return repository_problem(plan, clients)
    except MspError:
        return None


def repository_problem(plan: ReleasePlan, clients: Clients, there: str = "") -> Problem | None:
    """What stands in the way of a push, as far as Artifact Registry tells; others tell when they are pushed to.

    Args:
        plan: What is to be pushed, and to where.
        clients: Artifact Registry's among them.
        there: What the plan's tag stands for, as `tag_digest` has it.

    Raises:
        ApiError: It doesn't tell: `PermissionDeniedError` where one may not look.
        UnreachableError: It can't be reached.
        CredentialsError: There are no credentials.
    """
    place = Repository.parse(plan.image)
    package = Package.of_image(place.host, place.name)
    if package is None:
        return None
    artifacts = clients.artifact_registry()
    try:
        repository = artifacts.read(artifacts.client.get_repository, name=package.repository_name)
    except NotFoundError:
        return Problem(
            f"repository {package.repository!r} does not exist in Artifact Registry, "
            f"project {package.project}, {package.location}",
            f"make it: {_create(plan, package)}",
        )
    return _kind_problem(package, repository) or (
        _tag_problem(plan, there) if repository.docker_config.immutable_tags else None
    )


def _create(plan: ReleasePlan, package: Package) -> str:
    where = (f"--location={package.location}", f"--project={package.project}")
    name, cloud = package.repository, plan.local_cloud
    return gcloud_command(cloud, "artifacts", "repositories", "create", name, "--repository-format=docker", *where)


def _kind_problem(package: Package, repository: "artifactregistry_v1.Repository") -> Problem | None:
    kind, mode = enum_name(repository, "format_"), enum_name(repository, "mode")
    if kind not in {"FORMAT_UNSPECIFIED", "DOCKER"}:
        return Problem(
            f"{package.repository_name} holds {kind} packages, no images",
            "correct `repository`: it takes a repository of the format DOCKER",
        )
    if mode not in {"MODE_UNSPECIFIED", "STANDARD_REPOSITORY"}:
        return Problem(
            f"{package.repository_name} is a {mode.lower().replace('_', ' ')}, which can't be pushed to",
            "correct `repository`: it takes a standard repository",
        )
    return None


def _tag_problem(plan: ReleasePlan, there: str) -> Problem | None:
    if not there or not plan.digest or there == plan.digest:
        return None
    return Problem(
        f"{plan.image}:{plan.tag} is {there} and can't be moved (its repository has immutable tags); "
        f"this image is {plan.digest}",
        "give another --build_number, or another --tag",
    )
