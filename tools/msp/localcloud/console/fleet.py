"""The fleet: all services, each read once until something of it changes, searched and shown a page at a time."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from msp.localcloud.console.about_release import KnownReleases
from msp.localcloud.console.freezes import Freeze, freezes_now
from msp.localcloud.console.summary import PERSON, StageRow, Summary, summarize
from msp.localcloud.deploy import names
from msp.localcloud.deploy.resources import (
    AUTOMATION,
    CUSTOM_TARGET_TYPE,
    PIPELINE,
    RELEASE,
    ROLLOUT,
    TARGET,
    Resources,
)

MOST_A_PAGE = 50
_OF_A_PIPELINE = {kind.name for kind in (PIPELINE, AUTOMATION, RELEASE, ROLLOUT)}
_READ_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the fleet.

    Attributes:
        text: What a service, or one of its newest releases, has in its names, commit, author or subject.
        mark: A mark that it has, or `person`: one that needs a person; empty for all.
        page: Which page, from 1.
    """

    text: str = ""
    mark: str = ""
    page: int = 1


class Fleet:
    """All services.

    Args:
        resources: Loads them, and tells when one is written.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._releases = KnownReleases(resources)
        self._services: dict[str, Summary] = {}
        self._on_target: dict[str, set[str]] = {}
        self._stale = {document.name for document in resources.store.list(PIPELINE.name)}
        resources.store.observe(self._written)

    async def page(self, wanted: Wanted) -> dict[str, Any]:
        """A page of services, those that need a person first, with counts of all that the text finds."""
        await self._read()
        freezes = self._freezes()
        text = wanted.text.strip().lower()
        rows = [
            _Row(service, _frozen(service, freezes.get(names.location(service.name), [])))
            for service in self._services.values()
            if not text or text in service.text or service.release(text)
        ]
        counts = Counter(mark for row in rows for mark in row.marks)
        counts["person"] = sum(row.needs_person for row in rows)
        shown = [row for row in rows if row.has(wanted.mark)]
        shown.sort(key=lambda row: row.rank)
        pages = max(-(-len(shown) // MOST_A_PAGE), 1)
        page = min(max(wanted.page, 1), pages)
        return {
            "total": len(self._services),
            "found": len(rows),
            "matching": len(shown),
            "counts": dict(counts),
            "page": page,
            "pages": pages,
            "services": [row.to_json(text) for row in shown[(page - 1) * MOST_A_PAGE : page * MOST_A_PAGE]],
        }

    def _written(self, kind: str, name: str) -> None:
        """Notes which services are to be read anew, now that a document was written or deleted."""
        if kind == RELEASE.name:
            self._releases.forget(name)
        if kind in _OF_A_PIPELINE:
            self._stale.add(names.pipeline(name))
        elif kind == "running":
            self._stale.add(name.partition("|")[0])
        elif kind == TARGET.name:
            self._stale |= self._on_target.get(name, set())
        elif kind == CUSTOM_TARGET_TYPE.name:
            self._stale |= self._services.keys()

    async def _read(self) -> None:
        """Reads what has changed; others get their turn meanwhile."""
        read = 0
        while self._stale:
            name = self._stale.pop()
            service = summarize(self._resources, self._releases, name)
            if service is None:
                self._services.pop(name, None)
            else:
                self._services[name] = service
                for stage in service.stages:
                    self._on_target.setdefault(names.target(name, stage.target_id), set()).add(name)
            read += 1
            if read % _READ_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _freezes(self) -> dict[str, list[Freeze]]:
        locations = {names.location(name) for name in self._services}
        return {
            location: [each for each in freezes_now(self._resources, location) if each.stops_progress]
            for location in locations
        }


@dataclass(frozen=True)
class _Row:
    service: Summary
    frozen: frozenset[str]

    @property
    def marks(self) -> frozenset[str]:
        return self.service.all_marks | ({"frozen"} if self.frozen else set())

    @property
    def needs_person(self) -> bool:
        return not self.marks.isdisjoint(PERSON)

    @property
    def rank(self) -> tuple[int, str, str]:
        """What needs a person comes first, the worst of it at the top; all else by name."""
        marks = self.marks
        worst = next((number for number, mark in enumerate(PERSON) if mark in marks), len(PERSON))
        return worst, names.last(self.service.name), self.service.name

    def has(self, mark: str) -> bool:
        return not mark or (self.needs_person if mark == "person" else mark in self.marks)

    def to_json(self, text: str) -> dict[str, Any]:
        service = self.service
        hit = service.release(text) if text and text not in service.text else None
        return {
            "name": service.name,
            "id": names.last(service.name),
            "project": service.name.split("/")[1],
            "location": service.name.split("/")[3],
            "description": service.description,
            "needsPerson": self.needs_person,
            "marks": dict(service.marks),
            "stages": [self._stage(stage) for stage in service.stages],
            "hit": hit.to_json() if hit is not None else None,
        }

    def _stage(self, stage: StageRow) -> dict[str, Any]:
        marks = dict(stage.marks) | ({"frozen": ""} if stage.target_id in self.frozen else {})
        return {"target": stage.target_id, "release": stage.release, "since": stage.since, "marks": marks}


def _frozen(service: Summary, freezes: Iterable[Freeze]) -> frozenset[str]:
    """The targets of a service where a freeze lets nothing go forward."""
    return frozenset(
        stage.target_id
        for freeze in freezes
        for stage in service.stages
        if freeze.is_on(service.name, service.labels, stage.target_id, stage.labels)
    )
