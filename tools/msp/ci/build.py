"""Which commit and which build are being released, and whose: from flags, the CI's variables, or git."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Literal

from msp.ci.git import Git, refusal
from msp.errors import UsageError
from msp.text import harmless

Source = Literal["flags", "buildkite", "github", "git"]

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class UnknownBuildError(UsageError):
    """It can't be told which commit is being released."""


@dataclass(frozen=True)
class Build:
    """What is being released; each text is on one line, with no control character in it.

    Attributes:
        commit: The full hash, in lower case.
        build_number: The CI's; on a laptop the time, with `-dirty` where files were changed: `20261122213005-dirty`.
        author: Who made the change, by name: `Ada Lovelace`.
        branch: Empty where it isn't known, as are the next two.
        build_url: The build's page.
        subject: The first line of the commit's message.
        dirty: Whether the checkout has changes that are in no commit.
        source: Where `commit` was found.
    """

    commit: str
    build_number: str
    author: str
    branch: str = ""
    build_url: str = ""
    subject: str = ""
    dirty: bool = False
    source: Source = "flags"


@dataclass(frozen=True)
class Known:
    """What one source says about the build; empty where it doesn't."""

    commit: str = ""
    build_number: str = ""
    author: str = ""
    branch: str = ""
    build_url: str = ""
    subject: str = ""


def find_build(given: Known, environment: Mapping[str, str], git: Git, now: datetime) -> Build:
    """Asks flags, Buildkite, GitHub Actions and git, in this order; each fact comes from the first that knows it.

    Args:
        given: What the user said with flags: `--commit`, `--build_number`, `--author`.
        environment: Where a CI leaves its variables: `{"BUILDKITE_COMMIT": …}`.
        git: Asked only for what nobody else says, and for the meaning of a commit that is no full hash.
        now: The time, for a build number where no CI counts builds; in UTC.

    Raises:
        UnknownBuildError: Nobody knows the commit, or it is none.
    """
    ci_source, ci = _from_ci(environment)
    source: Source = "flags" if given.commit else ci_source if ci.commit else "git"
    commit = _full_hash(given.commit or ci.commit or "HEAD", source, git)
    if source == "flags" and ci.commit and not commit.startswith(ci.commit.lower()):
        # What the CI says of its own commit is not true of another one.
        ci = replace(ci, author="", branch="", subject="")
    known = _first(given, ci)
    dirty = source == "git" and git("status", "--porcelain") not in {"", None}
    number = known.build_number or f"{now:%Y%m%d%H%M%S}{'-dirty' if dirty else ''}"
    author = known.author or _author(commit, source, git)
    branch = known.branch or (_branch(git) if source == "git" else "")
    subject = known.subject or git("log", "-1", "--format=%s", commit) or ""
    return Build(
        commit=commit,
        build_number=harmless(number),
        author=harmless(author),
        branch=harmless(branch),
        build_url=harmless(known.build_url),
        subject=harmless(subject),
        dirty=dirty,
        source=source,
    )


def _from_ci(environment: Mapping[str, str]) -> tuple[Source, Known]:
    get = environment.get
    if get("BUILDKITE_COMMIT") or get("BUILDKITE_BUILD_NUMBER"):
        # https://buildkite.com/docs/pipelines/environment-variables
        return "buildkite", Known(
            commit=get("BUILDKITE_COMMIT", ""),
            build_number=get("BUILDKITE_BUILD_NUMBER", ""),
            author=get("BUILDKITE_BUILD_AUTHOR") or get("BUILDKITE_BUILD_CREATOR", ""),
            branch=get("BUILDKITE_BRANCH", ""),
            build_url=get("BUILDKITE_BUILD_URL", ""),
            subject=_first_line(get("BUILDKITE_MESSAGE", "")),
        )
    if get("GITHUB_ACTIONS") == "true":
        # https://docs.github.com/en/actions/reference/workflows-and-actions/variables
        page = (get("GITHUB_SERVER_URL"), get("GITHUB_REPOSITORY"), "actions/runs", get("GITHUB_RUN_ID"))
        return "github", Known(
            commit=get("GITHUB_SHA", ""),
            build_number=get("GITHUB_RUN_NUMBER", ""),
            author=get("GITHUB_ACTOR", ""),
            branch=get("GITHUB_HEAD_REF") or get("GITHUB_REF_NAME", ""),
            build_url="/".join(part for part in page if part) if all(page) else "",
        )
    return "git", Known()


def _first(*sources: Known) -> Known:
    """By field, what the first source that says something says."""
    chosen = {
        field.name: next((text for known in sources if (text := getattr(known, field.name).strip())), "")
        for field in fields(Known)
    }
    return Known(**chosen)


def _full_hash(commit: str, source: Source, git: Git) -> str:
    """The hash of what may also be a name: Buildkite says `HEAD` of a build that was started by hand."""
    commit = commit.strip()
    if _COMMIT.fullmatch(commit.lower()):
        return commit.lower()
    # A name that starts with a dash would be an option to git.
    is_option = commit.startswith("-")
    found = None if is_option else git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    if found and _COMMIT.fullmatch(found):
        return found
    if not is_option and (refused := refusal(git)):
        raise UnknownBuildError(
            f"{'no commit is known' if source == 'git' else f'{commit!r} is no full commit hash'}, and this checkout "
            f"can't be read: {refused.reason}",
            hint=f"if you trust what is in it: {refused.command}\nor give --commit (and --build_number)",
        )
    missing = not is_option and git("--version") is None
    if source == "git":
        why = "git can't be run" if missing else "this is no git checkout with a commit"
        raise UnknownBuildError(
            f"no commit is known: {why}, and no CI has set its variables",
            hint=f"{'put git on PATH' if missing else 'run it in a checkout'}, or give --commit (and --build_number)",
        )
    where = {"flags": "--commit", "buildkite": "BUILDKITE_COMMIT", "github": "GITHUB_SHA"}[source]
    why = "git can't be run to look it up" if missing else "git here knows no commit of that name"
    raise UnknownBuildError(
        f"{where}: {commit!r} is no full commit hash, and {why}",
        hint="give all 40 digits, as `git rev-parse HEAD` prints them",
    )


def _author(commit: str, source: Source, git: Git) -> str:
    """On a laptop whoever sits there, otherwise the commit's author."""
    here = git("config", "user.name") if source == "git" else None
    return here or git("log", "-1", "--format=%an", commit) or "unknown"


def _branch(git: Git) -> str:
    return git("symbolic-ref", "--quiet", "--short", "HEAD") or ""


def _first_line(message: str) -> str:
    return message.strip().partition("\n")[0].strip()
