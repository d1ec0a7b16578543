"""Who runs a command, as far as this machine tells."""

import re
from collections.abc import Callable, Mapping

from msp.ci.git import Git
from msp.text import harmless

_WITH_ADDRESS = re.compile(r"(.*?)\s*<([^<>]+)>")

Authors = Callable[[str], frozenset[str]]
"""By what names the author of a commit is known, given its full hash; none where the clone lacks it."""


def find_person(environment: Mapping[str, str], git: Git) -> str:
    """The person's name: in a CI whoever started the build, elsewhere whoever commits here.

    It is what people read, and no proof: that is in the cloud's audit log.

    Args:
        environment: Where a CI leaves its variables, and the system the account's name.
        git: In the checkout, or wherever the person stands.

    Returns:
        `Ada Lovelace`; harmless to show; empty where nothing tells.
    """
    in_ci = _in_ci(environment)
    named = in_ci[0] if in_ci else ""
    return harmless(named or git("config", "user.name") or environment.get("USER") or environment.get("LOGNAME") or "")


def known_as(environment: Mapping[str, str], git: Git) -> frozenset[str]:
    """By what names the person may be known, to tell whether a commit is theirs.

    Args:
        environment: As of `find_person`.
        git: Likewise.

    Returns:
        Names, addresses and logins, as `names_in` gives them.
    """
    if in_ci := _in_ci(environment):
        return names_in(*in_ci)
    own = (git("config", "user.name"), git("config", "user.email"), environment.get("USER"))
    return names_in(*(each or "" for each in own))


def authors(git: Git) -> Authors:
    """Asks a clone by what names commits' authors are known."""

    def of_commit(commit: str) -> frozenset[str]:
        said = None if commit.startswith("-") else git("log", "-1", "--format=%an%n%ae", commit, "--")
        return names_in(*(said or "").split("\n"))

    return of_commit


def names_in(*texts: str) -> frozenset[str]:
    """Names to compare, in lower case: `ada lovelace` and `ada@example.com` of `Ada Lovelace <ada@example.com>`."""
    found: list[str] = []
    for text in texts:
        parts = _WITH_ADDRESS.fullmatch(text.strip())
        found += parts.groups() if parts else [text]
    return frozenset(each.strip().casefold() for each in found if each.strip())


# https://buildkite.com/docs/pipelines/environment-variables: who unblocked a step decides more than who began it.
_BUILDKITE = ("BUILDKITE_UNBLOCKER", "BUILDKITE_BUILD_CREATOR")
# https://docs.github.com/en/actions/reference/workflows-and-actions/variables
_GITHUB = ("GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR")


def _in_ci(environment: Mapping[str, str]) -> list[str]:
    """Whoever decided in a CI last: a name, then an address where it is told; nothing where this is no CI."""
    variables = _GITHUB if environment.get("GITHUB_ACTIONS") == "true" else _BUILDKITE
    variable = next((name for name in variables if environment.get(name)), "")
    told = (environment.get(variable, ""), environment.get(f"{variable}_EMAIL", ""))
    return [each for each in told if each]
