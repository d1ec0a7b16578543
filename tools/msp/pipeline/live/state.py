"""What is live of a pipeline, as it was read: the facts that everything else here is computed from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import proto


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
        leftovers: Targets, automations and standing freezes that carry our labels, but which the specification no
            longer has.
        members: By full name of a Cloud Deploy resource, its unconditional (role, member) pairs.
        archive: The source archive in its bucket.
        released: Whether anything was ever released through the pipeline. One through which nothing was is still
            being made, by an earlier run that was cut short: what that run left undone opens nothing.
        now: When it was read, aware: a freeze that was over by then guards nothing. None where that is not known.
    """

    resources: Mapping[str, proto.Message] = field(default_factory=dict)
    leftovers: tuple[proto.Message, ...] = ()
    members: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    archive: LiveArchive = LiveArchive()
    released: bool = False
    now: datetime | None = None
