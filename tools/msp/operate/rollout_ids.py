"""The ids of rollouts to make: the same for everybody who decides by the same facts, so that one of them wins."""

from msp import names
from msp.rollouts.facts import Facts


def next_rollout_id(facts: Facts, release: str, target: str) -> str:
    """The id of a release's next rollout to a target: `deploy-0123456789ab-42-to-prod-us-central1-0002`."""
    taken = {each.id for each in facts.rollouts if each.release == release}
    numbers = range(1, len(taken) + 2)
    return next(found for n in numbers if (found := names.rollout_id(release, target, n)) not in taken)
