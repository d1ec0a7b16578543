"""What has to change for a live pipeline to be as the specification says: computed, not carried out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import proto

from msp import names
from msp.pipeline.iam import Binding
from msp.pipeline.live.compare import Difference, differences
from msp.pipeline.resources import PipelineResources


@dataclass(frozen=True)
class LiveArchive:
    """The source archive as it is.

    Attributes:
        bucket_exists: Whether its bucket is there.
        content: The archive, or None where it isn't there.
        generation: Its generation in the bucket, 0 where it isn't there.
    """

    bucket_exists: bool = False
    content: bytes | None = None
    generation: int = 0


@dataclass(frozen=True)
class Live:
    """What is there.

    Attributes:
        resources: By full name, those that the specification asks for and that exist.
        leftovers: Targets and automations that carry our labels, but which the specification no longer has.
        members: By full name of a Cloud Deploy resource, its unconditional (role, member) pairs.
        archive: The source archive.
    """

    resources: Mapping[str, proto.Message] = field(default_factory=dict)
    leftovers: tuple[proto.Message, ...] = ()
    members: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    archive: LiveArchive = LiveArchive()


@dataclass(frozen=True)
class UploadArchive:
    """The archive is missing or has other content."""

    uri: str
    live: LiveArchive


@dataclass(frozen=True)
class PutResource:
    """A resource is missing (`live` is None) or differs."""

    wanted: proto.Message
    live: proto.Message | None
    differences: tuple[Difference, ...]

    @property
    def makes_pipeline(self) -> bool:
        """Whether this is how the delivery pipeline comes into being."""
        return (
            self.live is None and "/deliveryPipelines/" in self.wanted.name and "/automations/" not in self.wanted.name
        )


@dataclass(frozen=True)
class DeleteResource:
    """A target or automation that the specification no longer has."""

    live: proto.Message


@dataclass(frozen=True)
class Grant:
    """Bindings that a Cloud Deploy resource's policy lacks."""

    resource: str
    bindings: tuple[Binding, ...]


Change = UploadArchive | PutResource | DeleteResource | Grant


def changes(made: PipelineResources, rows: tuple[Binding, ...], archive: bytes, live: Live) -> tuple[Change, ...]:
    """All changes, in the order in which they can be made.

    What refers to something comes after it, and what is referred to is deleted after what refers to it: an automation
    that is no longer wanted goes first, so that it promotes nothing meanwhile, a target last.
    """
    found: list[Change] = []
    if live.archive.content != archive:
        found.append(UploadArchive(names.source_uri(made.project), live.archive))
    found += [DeleteResource(message) for message in live.leftovers if "/automations/" in message.name]
    for wanted in wanted_resources(made):
        present = live.resources.get(wanted.name)
        differing = differences(present or type(wanted)(), wanted)
        if present is None or differing:
            found.append(PutResource(wanted, present, differing))
    found += [DeleteResource(message) for message in live.leftovers if "/automations/" not in message.name]
    for resource in sorted({row.resource for row in rows if row.scope.in_cloud_deploy}):
        there = live.members.get(resource, frozenset())
        missing = tuple(row for row in rows if row.resource == resource and (row.role, row.member) not in there)
        if missing:
            found.append(Grant(resource, missing))
    return tuple(found)


def wanted_resources(made: PipelineResources) -> tuple[proto.Message, ...]:
    """All resources, each after those that it refers to."""
    return (made.custom_target_type, *made.targets, made.delivery_pipeline, *made.automations)
