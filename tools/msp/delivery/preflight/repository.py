"""Whether an image's repository would take it."""

from msp.delivery.clients import Clients
from msp.delivery.planning.plan import ReleasePlan
from msp.delivery.preflight.findings import Problem
from msp.gcp.artifact_registry import Repository
from msp.gcp.errors import NotFoundError
from msp.names import references
from msp.names.artifact_registry import Package


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
        repository = clients.artifacts.get_repository(package)
    except NotFoundError:
        return Problem(
            f"repository {package.repository!r} does not exist in Artifact Registry, "
            f"project {package.project}, {package.location}",
            f"make it: gcloud artifacts repositories create {package.repository} --repository-format=docker"
            f" --location={package.location} --project={package.project}",
        )
    return _kind_problem(package, repository) or (
        _tag_problem(plan, package, clients) if repository.immutable_tags else None
    )


def _kind_problem(package: Package, repository: Repository) -> Problem | None:
    if repository.format not in {"", "DOCKER"}:
        return Problem(
            f"{package.repository_name} holds {repository.format} packages, no images",
            "correct `repository`: it takes a repository of the format DOCKER",
        )
    if repository.mode not in {"", "MODE_UNSPECIFIED", "STANDARD_REPOSITORY"}:
        return Problem(
            f"{package.repository_name} is a {repository.mode.lower().replace('_', ' ')}, which can't be pushed to",
            "correct `repository`: it takes a standard repository",
        )
    return None


def _tag_problem(plan: ReleasePlan, package: Package, clients: Clients) -> Problem | None:
    there = clients.artifacts.tag_digest(package, plan.tag)
    if not there or not plan.digest or there == plan.digest:
        return None
    return Problem(
        f"{plan.image}:{plan.tag} is {there} and can't be moved (its repository has immutable tags); "
        f"this image is {plan.digest}",
        "give another --build_number, or another --tag",
    )
