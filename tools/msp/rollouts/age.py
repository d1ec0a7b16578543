"""Which of two releases is the older one: by their commits, and where those can't tell, by the CI's count of builds."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from msp.rollouts.facts import Facts, Release, Rollout
from msp.rollouts.running import running

Ancestry = Callable[[str, str], bool | None]
"""Whether the first commit is an ancestor of the second; None where that can't be told, as in a shallow clone."""


class Age(StrEnum):
    """What one release is to another."""

    SAME = "SAME"
    """Of the same commit, or the same image."""
    OLDER = "OLDER"
    NEWER = "NEWER"
    DIVERGED = "DIVERGED"
    """Neither commit holds the other: they are of two branches."""
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Superseded:
    """What stands in the way of an older build.

    Attributes:
        newer: Rollouts of newer releases that run on the target or are about to: what runs first.
        unknown: Rollouts of which it can't be told.
    """

    newer: tuple[Rollout, ...]
    unknown: tuple[Rollout, ...]


def age(release: Release, other: Release, ancestry: Ancestry) -> Age:
    """What a release is to another one.

    Args:
        release: The one in question; before it exists, a value of what it is to be.
        other: What it is compared with.
        ancestry: Knows which commit comes from which.

    Returns:
        `OLDER` where `release` is older than `other`.
    """
    if (release.commit and release.commit == other.commit) or (release.digest and release.digest == other.digest):
        return Age.SAME
    by_commit = _by_commit(release.commit, other.commit, ancestry)
    return by_commit if by_commit is not Age.UNKNOWN else _by_build(release, other)


def superseded(facts: Facts, target: str, release: Release, ancestry: Ancestry) -> Superseded:
    """Whether rolling a release out would take a target back to something older.

    Args:
        facts: With what runs on the target, and what waits.
        target: Its id.
        release: What is to be rolled out; it need not exist yet.
        ancestry: Knows which commit comes from which.
    """
    there = running(facts, target)
    rollouts = ((there.rollout,) if there.rollout else ()) + there.coming
    ages = [(each, _age_of(facts, release, each, ancestry)) for each in rollouts if each.release != release.id]
    return Superseded(
        newer=tuple(each for each, found in ages if found is Age.OLDER),
        unknown=tuple(each for each, found in ages if found is Age.UNKNOWN),
    )


def _age_of(facts: Facts, release: Release, rollout: Rollout, ancestry: Ancestry) -> Age:
    other = facts.release(rollout.release)
    return age(release, other, ancestry) if other else Age.UNKNOWN


def _by_commit(commit: str, other: str, ancestry: Ancestry) -> Age:
    if not commit or not other:
        return Age.UNKNOWN
    before, after = ancestry(commit, other), ancestry(other, commit)
    if before or after:
        return Age.OLDER if before else Age.NEWER
    return Age.DIVERGED if before is False and after is False else Age.UNKNOWN


def _by_build(release: Release, other: Release) -> Age:
    """By the build number, where the same CI pipeline counted both."""
    line, other_line = _pipeline_of(release.build_url), _pipeline_of(other.build_url)
    numbers = release.build_number, other.build_number
    if not line or line != other_line or not all(number.isascii() and number.isdecimal() for number in numbers):
        return Age.UNKNOWN
    mine, others = map(int, numbers)
    return Age.OLDER if mine < others else Age.NEWER if mine > others else Age.UNKNOWN


def _pipeline_of(build_url: str) -> str:
    # https://buildkite.com/sourcegraph/deploy/builds/42, https://github.com/sourcegraph/app/actions/runs/9876543210
    return build_url.rstrip("/").rpartition("/")[0]
