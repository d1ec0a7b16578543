"""Which commits a release brings, and which it takes away, as far as an image is concerned."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from msp.changes.build_history import with_history
from msp.changes.commit import Commit, read_commits
from msp.changes.inputs import ImageInputs
from msp.changes.query import query_inputs
from msp.ci.bazel import Bazel
from msp.ci.git import Git, refusal

# More than that nobody reads; the number of the rest is told.
MOST_COMMITS = 5000
# In one command, whose length systems bound.
_MOST_PATHS = 500


@dataclass(frozen=True)
class Revert:
    """A commit that takes another one back.

    Attributes:
        commit: The one that takes back.
        reverted: Hash of what it takes back, as its message spells it.
    """

    commit: Commit
    reverted: str


@dataclass(frozen=True)
class Changes:
    """What would be different.

    Attributes:
        since: Full hash of the commit that runs.
        until: Full hash of the commit that would come.
        come: Commits that it brings, the newest first.
        leave: Commits that run now and that it has not, the newest first: it is older, or on another branch.
        skipped: How many commits were left out because they touch nothing that the image is built from.
        known: Whether both commits are in the clone; where not, nothing is listed.
        notes: What is to be known about the list, in sentences with the commands that mend it.
    """

    since: str
    until: str
    come: tuple[Commit, ...] = ()
    leave: tuple[Commit, ...] = ()
    skipped: int = 0
    known: bool = True
    notes: tuple[str, ...] = ()

    @property
    def reverts(self) -> tuple[Revert, ...]:
        """What is taken back, to be told first."""
        return tuple(Revert(commit, reverted) for commit in self.come for reverted in commit.reverts)


@dataclass(frozen=True)
class Checkout:
    """One checkout, as far as it is looked at.

    Attributes:
        git: Runs git in the checkout.
        bazel: Runs Bazel in the checkout's workspace.
        exists: Whether a path from the repository's root is there.
    """

    git: Git
    bazel: Bazel
    exists: Callable[[str], bool]


def changes_between(checkout: Checkout, since: str, until: str, *, image: str = "") -> Changes:
    """The commits between what runs and what would come.

    Args:
        checkout: Git and Bazel in one checkout.
        since: Full hash of the commit that runs.
        until: Full hash of the commit that would come.
        image: The label of the image, to list only what can change it: `//svc:image`; empty for every commit.

    Returns:
        The changes; with `known` false where the clone lacks one of the commits.
    """
    missing = [each for each in (since, until) if not _has(checkout.git, each)]
    if missing:
        return Changes(since, until, known=False, notes=(_how_to_fetch(checkout.git, missing),))
    come = read_commits(checkout.git, since, until, most=MOST_COMMITS + 1)
    leave = read_commits(checkout.git, until, since, most=MOST_COMMITS + 1)
    if come is None or leave is None:
        return Changes(since, until, known=False, notes=("git does not tell the commits; ask it yourself: git log",))
    notes = _notes(checkout.git, come, leave)
    everything = Changes(since, until, come[:MOST_COMMITS], leave[:MOST_COMMITS], notes=notes)
    return _only_of_image(everything, checkout, image) if image and (come or leave) else everything


def _only_of_image(everything: Changes, checkout: Checkout, image: str) -> Changes:
    git, since, until = checkout.git, everything.since, everything.until

    def diff(files: list[str]) -> str:
        return "\n".join(_patches(git, span, files) for span in (f"{since}...{until}", f"{until}...HEAD", "HEAD"))

    inputs = with_history(partial(query_inputs, checkout.bazel), image, diff)
    if inputs is None:
        note = f"Bazel does not tell what {image} is built from here: every commit is listed"
        return replace(everything, notes=(*everything.notes, note))
    paths = {path for commit in (*everything.come, *everything.leave) for path in commit.paths}
    gone = frozenset(path for path in paths if not checkout.exists(path))
    come, leave = _touching(everything.come, inputs, gone), _touching(everything.leave, inputs, gone)
    skipped = len(everything.come) + len(everything.leave) - len(come) - len(leave)
    return replace(everything, come=come, leave=leave, skipped=skipped)


def _patches(git: Git, span: str, files: list[str]) -> str:
    """What a range of commits changed in some files; of `HEAD`, what the checkout has changed since."""
    how = ("--unified=0", "--no-renames", "--no-color", "--no-ext-diff", "--src-prefix=", "--dst-prefix=")
    log = ("log", "--format=", "--diff-merges=first-parent", "--patch")
    command = (*(("diff",) if span == "HEAD" else log), *how, span)
    parts = [files[first : first + _MOST_PATHS] for first in range(0, len(files), _MOST_PATHS)]
    return "\n".join(git(*command, "--", *part) or "" for part in parts)


def _touching(commits: Sequence[Commit], inputs: ImageInputs, gone: frozenset[str]) -> tuple[Commit, ...]:
    return tuple(commit for commit in commits if inputs.touched_by(commit.paths, gone))


def _has(git: Git, commit: str) -> bool:
    return git("cat-file", "-e", f"{commit}^{{commit}}") is not None


def _notes(git: Git, come: Sequence[Commit], leave: Sequence[Commit]) -> tuple[str, ...]:
    notes = []
    if len(come) > MOST_COMMITS or len(leave) > MOST_COMMITS:
        notes.append(f"only the newest {MOST_COMMITS} commits were looked at")
    if git("rev-parse", "--is-shallow-repository") == "true":
        notes.append("this clone is shallow, so commits may be missing: git fetch --unshallow")
    return tuple(notes)


def _how_to_fetch(git: Git, missing: Sequence[str]) -> str:
    names = " and ".join(commit[:12] for commit in missing)
    if refused := refusal(git):
        return f"what is between {names} can't be told: {refused.reason}; if you trust it: {refused.command}"
    if git("rev-parse", "--git-dir") is None:
        return f"no git checkout here, so what is between the commits can't be told (they are {names})"
    shallow = git("rev-parse", "--is-shallow-repository") == "true"
    command = "git fetch --unshallow" if shallow else shlex.join(["git", "fetch", "origin", *missing])
    return f"commit {names} is not in this clone: {command}"
