"""`status`, from which services are meant to the document about them."""

from dataclasses import dataclass

from msp.ci.git import Git, ancestry
from msp.operate.facts import read_facts
from msp.operate.fleet import Fleet, named_services, services_of_project
from msp.operate.host import Cloud, Host
from msp.operate.service import Service
from msp.operate.standing import CommitCount, Standing, standing
from msp.operate.status import status_of_many, status_of_one
from msp.rollouts.facts import Facts
from msp.show.document import Document


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
        UsageError: The one service that is wanted has no pipeline.
        RemoteError: It can't be read. Of many, those that can are shown.
    """
    git = host.git()
    if len(wanted.services) == 1 and not wanted.all_of_project:
        service = wanted.services[0]
        return Look(status_of_one(_standing(service, read_facts(service, host, cloud), git)))
    found = _fleet(wanted, host, cloud)
    standings = [_standing(service, facts, git) for service, facts in found.found]
    return Look(status_of_many(standings, found.problems), 1 if found.problems else 0)


def commit_count(git: Git) -> CommitCount:
    """Counts commits that one commit has and another lacks; None where the checkout can't tell."""

    def count(since: str, until: str) -> int | None:
        if since.startswith("-") or until.startswith("-"):
            return None
        said = git("rev-list", "--count", f"{since}..{until}", "--")
        return int(said) if said is not None and said.isdecimal() else None

    return count


def _standing(service: Service, facts: Facts, git: Git) -> Standing:
    return standing(facts, service, ancestry(git), commit_count(git))


def _fleet(wanted: Wanted, host: Host, cloud: Cloud) -> Fleet:
    if wanted.all_of_project:
        return services_of_project(wanted.services[0], host, cloud)
    return named_services(wanted.services, host, cloud)
