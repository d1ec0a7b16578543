"""Many services at once: which they are, and what is known of each, in few calls."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from msp import names
from msp.errors import MspError
from msp.gcp.errors import about
from msp.operate.facts import at_once
from msp.operate.host import Cloud, Host
from msp.operate.service import Service
from msp.rollouts.facts import Facts
from msp.rollouts.reading import Bounds, Reader

if TYPE_CHECKING:
    from google.cloud.deploy_v1 import DeliveryPipeline

# Of each pipeline: enough for what runs, comes and failed; where it isn't, one more call is made.
_BOUNDS = Bounds(releases=50, rollouts=50)


@dataclass(frozen=True)
class Fleet:
    """What was found out about many services.

    Attributes:
        found: Each service with its facts, in the order of their names.
        problems: What could not be read, a sentence each.
    """

    found: tuple[tuple[Service, Facts], ...]
    problems: tuple[str, ...] = ()


def named_services(services: Sequence[Service], host: Host, cloud: Cloud) -> Fleet:
    """What is known of services that are known by name; those of a location are read together."""
    by_location: dict[str, list[Service]] = defaultdict(list)
    parts = []
    for service in services:
        try:
            by_location[service.location].append(service)
        except names.InvalidNameError as error:
            parts.append(Fleet((), (f"{service.id}: {error.message}",)))
    for location, wanted in sorted(by_location.items()):
        by_pipeline = {service.pipeline: service for service in wanted}
        part = _location(location, by_pipeline, host, cloud)
        there = {service.pipeline for service, _ in part.found}
        missing = () if part.problems else tuple(each for name, each in by_pipeline.items() if name not in there)
        lacks = (f"{each.id} has no delivery pipeline {each.pipeline_id!r} in {location}" for each in missing)
        parts.append(replace(part, problems=(*part.problems, *lacks)))
    return _together(parts)


def services_of_project(template: Service, host: Host, cloud: Cloud) -> Fleet:
    """What is known of every service whose pipeline carries the label `msp` in a project and region.

    Args:
        template: Has the project, the region and how commands about a service are typed; its id is of no matter.
        host: Tells the time.
        cloud: Whom to ask.
    """
    return _location(template.location, template, host, cloud)


def _location(location: str, wanted: "dict[str, Service] | Service", host: Host, cloud: Cloud) -> Fleet:
    """The services of one location; where it can't be read, the others are told all the same."""

    def takes(pipeline: "DeliveryPipeline") -> bool:
        if isinstance(wanted, Service):
            return pipeline.labels.get(names.OWNER_LABEL) == "true"
        return pipeline.name in wanted

    try:
        with about(location):
            facts = Reader(cloud.deploy, _BOUNDS, at_once).location(location, host.now(), takes)
    except MspError as error:
        return Fleet((), (error.message,))
    return Fleet(tuple((_service(each, location, wanted), each) for each in facts))


def _service(facts: Facts, location: str, wanted: "dict[str, Service] | Service") -> Service:
    if not isinstance(wanted, Service):
        return wanted[f"{location}/deliveryPipelines/{facts.pipeline.id}"]
    by_name = facts.pipeline.id.removesuffix(f"-{wanted.region}-rollout")
    return replace(wanted, id=facts.pipeline.labels.get(names.SERVICE_LABEL) or by_name)


def _together(parts: Iterable[Fleet]) -> Fleet:
    parts = list(parts)
    found = sorted((each for part in parts for each in part.found), key=lambda each: each[0].pipeline)
    return Fleet(tuple(found), tuple(problem for part in parts for problem in part.problems))
