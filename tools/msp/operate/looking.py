"""`status`, from which services are meant to the document about them."""

import functools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from msp import names
from msp.ci.git import Git, ancestry
from msp.errors import UsageError
from msp.operate.facts import read_facts
from msp.operate.fleet import Fleet, named_services, services_of_project
from msp.operate.host import Cloud, Host
from msp.operate.service import Service
from msp.operate.standing import CommitCount, standing
from msp.operate.status import status_of_many, status_of_one
from msp.show.document import Document

_THREADS = 8


@dataclass(frozen=True)
class Wanted:
    """Which services.

    Attributes:
        services: These, or one that stands for all of its project and region.
        all_of_project: Whether every service with the label `msp` there is meant.
    """

    services: tuple[Service, ...]
    all_of_project: bool = False


@dataclass(frozen=True)
class Look:
    """What was seen.

    Attributes:
        document: To show.
        exit_code: 1 where something could not be read, else 0.
    """

    document: Document
    exit_code: int = 0


def look(wanted: Wanted, host: Host, cloud: Cloud) -> Look:
    """What runs where.

    Raises:
        UsageError: The one service that is wanted has no pipeline, or the project has none.
        RemoteError: It can't be read. Of many, those that can are shown.
    """
    git = _git(host)
    if len(wanted.services) == 1 and not wanted.all_of_project:
        service = wanted.services[0]
        facts = read_facts(service, host, cloud)
        return Look(status_of_one(standing(facts, service, ancestry(git), commit_count(git))))
    found = _fleet(wanted, host, cloud)
    if wanted.all_of_project and not found.found and not found.problems:
        raise UsageError(
            f"no delivery pipeline in {wanted.services[0].location} has the label {names.OWNER_LABEL}",
            hint="check --project and --region; a pipeline is made by applying its specification",
        )
    is_ancestor, count = ancestry(git), commit_count(git)
    # What takes time is git, once a stage.
    with ThreadPoolExecutor(_THREADS) as pool:
        standings = list(pool.map(lambda each: standing(each[1], each[0], is_ancestor, count), found.found))
    return Look(status_of_many(standings, found.problems), 1 if found.problems else 0)


def commit_count(git: Git) -> CommitCount:
    """Counts commits that one commit has and another lacks; None where the checkout can't tell."""

    @functools.cache
    def count(since: str, until: str) -> int | None:
        if since.startswith("-") or until.startswith("-"):
            return None
        said = git("rev-list", "--count", f"{since}..{until}", "--")
        return int(said) if said is not None and said.isdecimal() else None

    return count


def _git(host: Host) -> Git:
    """The checkout's; where there is none, it is asked for that alone."""
    git = host.git()
    return git if git("rev-parse", "--git-dir") is not None else lambda *_: None


def _fleet(wanted: Wanted, host: Host, cloud: Cloud) -> Fleet:
    if wanted.all_of_project:
        return services_of_project(wanted.services[0], host, cloud)
    return named_services(wanted.services, host, cloud)
