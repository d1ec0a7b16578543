"""The release: made once, and taken up where somebody has made it already."""

from functools import partial

from msp.delivery.clients import Clients
from msp.delivery.creation import Creation, create
from msp.delivery.existing import unfit
from msp.delivery.outcome import DeliveryError
from msp.delivery.planning.plan import ReleasePlan
from msp.gcp.deploy_resources import Release


def make_release(plan: ReleasePlan, clients: Clients, existing: Release | None) -> tuple[Release, bool]:
    """The plan's release.

    Args:
        plan: What is to be released; its digest is known.
        clients: Where.
        existing: The release of that id, where preflight has found one.

    Returns:
        The release, and whether it was made now.

    Raises:
        DeliveryError: There is a release of that id, and it is another one.
        ApiError: Cloud Deploy refuses.
        UnreachableError: It can't be reached; running again finds out what has happened.
    """
    deploy = clients.deploy
    release, made = existing, False
    if release is None:
        creation = Creation(
            key=f"{deploy.release_name(plan.pipeline, plan.release)} {plan.tag} {plan.digest}",
            start=lambda identifier: deploy.create_release(
                plan.pipeline, plan.release, plan.as_release(), request_id=identifier
            ),
            read=Release.from_json,
            find=partial(deploy.get_release, plan.pipeline, plan.release),
        )
        release, made = create(creation, clients)
    if problem := unfit(plan, release):
        raise DeliveryError(problem.message, hint=problem.hint)
    return release, made
