"""Whether an image's repository would take it."""

from typing import TYPE_CHECKING

from msp.delivery.clients import Clients
from msp.delivery.gcloud import gcloud_command
from msp.delivery.planning.plan import ReleasePlan
from msp.delivery.preflight.findings import Problem
from msp.gcp.errors import NotFoundError
from msp.gcp.messages import enum_name, last_part
from msp.names import references
from msp.names.artifact_registry import Package

if TYPE_CHECKING:
    from google.cloud.artifactregistry_v1 import Repository


def repository_problem(plan: ReleasePlan, clients: Clients) -> Problem | None:
    """What stands in the way of a push, as far as Artifact Registry tells; others tell when they are pushed to.

    Raises:
        ApiError: It doesn't tell: `PermissionDeniedError` where one may not look.
        UnreachableError: It can't be reached.
        CredentialsError: There are no credentials.
    """
    place = references.Repository.parse(plan.image)
    package = Package.of_image(place.host, place.name)
    if package is None:
        return None
    try:
        repository = clients.artifacts.read(clients.artifacts.client.get_repository, name=package.repository_name)
    except NotFoundError:
        return Problem(
            f"repository {package.repository!r} does not exist in Artifact Registry, "
            f"project {package.project}, {package.location}",
            f"make it: {_create(plan, package)}",
        )
    return _kind_problem(package, repository) or (
        _tag_problem(plan, package, clients) if repository.docker_config.immutable_tags else None
    )


def _create(plan: ReleasePlan, package: Package) -> str:
    where = (f"--location={package.location}", f"--project={package.project}")
    name, cloud = package.repository, plan.local_cloud
    return gcloud_command(cloud, "artifacts", "repositories", "create", name, "--repository-format=docker", *where)


def _kind_problem(package: Package, repository: "Repository") -> Problem | None:
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


def _tag_problem(plan: ReleasePlan, package: Package, clients: Clients) -> Problem | None:
    there = _tag_digest(plan, package, clients)
    if not there or not plan.digest or there == plan.digest:
        return None
    return Problem(
        f"{plan.image}:{plan.tag} is {there} and can't be moved (its repository has immutable tags); "
        f"this image is {plan.digest}",
        "give another --build_number, or another --tag",
    )


def _tag_digest(plan: ReleasePlan, package: Package, clients: Clients) -> str:
    """The digest (`sha256:…`) that the plan's tag stands for, empty where there is no such tag."""
    # In the API, a slash in the name of a package is written %2F.
    name = f"{package.repository_name}/packages/{package.package.replace('/', '%2F')}/tags/{plan.tag}"
    try:
        return last_part(clients.artifacts.read(clients.artifacts.client.get_tag, name=name).version)
    except NotFoundError:
        return ""
