"""Who runs a command, as far as this machine tells."""

from collections.abc import Mapping

from msp.ci.git import Git
from msp.text import harmless


def find_person(environment: Mapping[str, str], git: Git) -> str:
    """The person's name: in a CI whoever started the build, elsewhere whoever commits here.

    It is what people read, and no proof: that is in the cloud's audit log.

    Args:
        environment: Where a CI leaves its variables, and the system the account's name.
        git: In the checkout, or wherever the person stands.

    Returns:
        `Ada Lovelace`; harmless to show; empty where nothing tells.
    """
    # https://buildkite.com/docs/pipelines/environment-variables: who unblocked a step decides more than who began it.
    names = ("BUILDKITE_UNBLOCKER", "BUILDKITE_BUILD_CREATOR")
    if environment.get("GITHUB_ACTIONS") == "true":
        # https://docs.github.com/en/actions/reference/workflows-and-actions/variables
        names = ("GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR")
    named = next((environment[name] for name in names if environment.get(name)), "")
    return harmless(named or git("config", "user.name") or environment.get("USER") or environment.get("LOGNAME") or "")
