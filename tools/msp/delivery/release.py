"""The release: made once, and taken up where somebody has made it already."""

from typing import TYPE_CHECKING

from msp.delivery.clients import Clients
from msp.delivery.existing import unfit
from msp.delivery.outcome import DeliveryError
from msp.delivery.planning.plan import ReleasePlan
from msp.gcp.creation import Creation, create

if TYPE_CHECKING:
    from google.cloud.deploy_v1 import Release


def make_release(plan: ReleasePlan, clients: Clients, existing: "Release | None") -> "tuple[Release, bool]":
    """The plan's release.

    Args:
        plan: What is to be released; its digest is known.
        clients: Cloud Deploy's among them.
        existing: The release of that id, where preflight has found one.

    Returns:
        The release, and whether it was made now.

    Raises:
        DeliveryError: There is a release of that id, and it is another one.
        ApiError: Cloud Deploy refuses.
        UnreachableError: It can't be reached; running again finds out what has happened.
    """
    release, made = (
        (existing, False) if existing is not None else create(_creation(plan, clients), clients.deploy, clients.retry)
    )
    if not made and (problem := unfit(plan, release)):
        raise DeliveryError(problem.message, hint=problem.hint)
    return release, made


def as_release(plan: ReleasePlan) -> "Release":
    """The plan's release as Cloud Deploy is to create it."""
    from google.cloud.deploy_v1 import Release

    return Release(
        skaffold_config_uri=plan.source_uri,
        description=plan.description,
        labels=plan.labels,
        annotations=plan.annotations,
        deploy_parameters=plan.parameters,
    )


def _creation(plan: ReleasePlan, clients: Clients) -> "Creation[Release]":
    from google.cloud.deploy_v1 import Release

    deploy = clients.deploy
    return Creation(
        kind=Release,
        start=lambda identifier: deploy.change(
            deploy.client.create_release,
            parent=plan.pipeline_name,
            release_id=plan.release,
            release=as_release(plan),
            request_id=identifier,
        ),
        find=lambda: deploy.read(deploy.client.get_release, name=plan.release_name),
    )
