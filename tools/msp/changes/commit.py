"""Commits, as git's log tells them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from msp.ci.git import Git
from msp.text import harmless

# Every field begins after a NUL, which no commit and no path can hold: nothing that a message says looks like a record.
_FORMAT = "--format=%x00%H%x00%an%x00%ae%x00%ct%x00%s%x00%b%x00"
_FIELDS = 6
# A merge's own changes are those that neither parent has: the others are listed with the commits that made them.
_PATHS = ("--name-only", "-z", "--no-renames", "--diff-merges=combined")

_REVERTED = re.compile(r"^This reverts commit ([0-9a-f]{7,64})", re.MULTILINE)


@dataclass(frozen=True)
class Commit:
    """A commit.

    Attributes:
        id: The full hash.
        author: Name of the author, harmless to show: `Ada Lovelace`.
        email: The author's address, harmless to show.
        time: When it was committed, in UTC.
        subject: The message's first line, harmless to show.
        reverts: Hashes of the commits that its message says it takes back, as the message spells them.
        paths: What it changed, from the repository's root, with `/`.
    """

    id: str
    author: str
    email: str
    time: datetime
    subject: str
    reverts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


def read_commits(git: Git, since: str, until: str, *, most: int) -> tuple[Commit, ...] | None:
    """The commits that `until` has and `since` has not, the newest first.

    Args:
        git: Runs git in the checkout.
        since: Full hash of a commit that the clone holds.
        until: Full hash of another one.
        most: The most commits to read.

    Returns:
        The commits; None where git does not answer.
    """
    said = git("log", "--topo-order", f"--max-count={most}", _FORMAT, *_PATHS, f"{since}..{until}", "--")
    return None if said is None else parse_log(said)


def parse_log(text: str) -> tuple[Commit, ...]:
    """What `git log` printed for `read_commits`, as commits."""
    tokens = text.split("\0")
    commits, at = [], 0
    # An empty token, the fields, an empty token, then the paths, which are never empty.
    while at + _FIELDS + 1 < len(tokens):
        fields, first = tokens[at + 1 : at + 1 + _FIELDS], at + _FIELDS + 2
        at = next((place for place in range(first, len(tokens)) if not tokens[place]), len(tokens))
        commits.append(_commit(fields, tokens[first:at]))
    return tuple(commits)


def _commit(fields: Sequence[str], paths: Sequence[str]) -> Commit:
    identifier, author, email, time, subject, body = fields
    return Commit(
        id=identifier,
        author=harmless(author),
        email=harmless(email),
        time=datetime.fromtimestamp(int(time), UTC),
        subject=harmless(subject),
        reverts=tuple(_REVERTED.findall(body)),
        # Before the first path git ends the message's line.
        paths=tuple(path.removeprefix("\n") for path in paths),
    )
