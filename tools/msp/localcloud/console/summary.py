"""A service in a row: what the fleet's page shows of a delivery pipeline, and finds it by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msp.localcloud.console.about_release import AboutRelease, KnownReleases
from msp.localcloud.console.automations import automations_of, destinations
from msp.localcloud.console.stages import StageNow, stage_now
from msp.localcloud.deploy import conditions, names
from msp.localcloud.deploy.resources import PIPELINE, Resources

PERSON = ("failed", "problem", "render", "approval", "advance")
"""Marks of what goes on only when a person does something, the worst first."""

_MOST_RELEASES = 50
_MOST_ROLLOUTS = 4


@dataclass(frozen=True)
class StageRow:
    """A stage in its service's row.

    Attributes:
        target_id: Its target.
        labels: The target's labels, by which policies go.
        release: The id of the release that runs; empty where none does.
        since: Since when, in RFC 3339.
        marks: What is to be known of it, each with the release or the words that it is about.
    """

    target_id: str
    labels: Mapping[str, str]
    release: str
    since: str
    marks: Mapping[str, str]


@dataclass(frozen=True)
class Summary:
    """A service in a row.

    Attributes:
        name: The pipeline's name.
        description: The pipeline's description.
        labels: The pipeline's labels, by which policies go.
        marks: What is to be known of the pipeline as a whole.
        stages: Its stages, in order.
        releases: Its newest releases, the newest first.
        text: What it is found by, besides its releases, in lower case.
    """

    name: str
    description: str
    labels: Mapping[str, str]
    marks: Mapping[str, str]
    stages: tuple[StageRow, ...]
    releases: tuple[AboutRelease, ...]
    text: str

    @property
    def all_marks(self) -> frozenset[str]:
        """The marks of the pipeline and of its stages."""
        return frozenset(self.marks).union(*(stage.marks for stage in self.stages))

    def release(self, text: str) -> AboutRelease | None:
        """The newest release with a text, in lower case, in what is known of it."""
        return next((release for release in self.releases if text in release.text), None)


def summarize(resources: Resources, known: KnownReleases, name: str) -> Summary | None:
    """A service in a row; `None` where there is no such pipeline.

    Args:
        resources: Loads what is there.
        known: The releases.
        name: The pipeline's name.
    """
    pipeline = resources.find(PIPELINE, name)
    if pipeline is None:
        return None
    targets = [stage.target_id for stage in pipeline.serial_pipeline.stages]
    held = {
        target: names.last(automation.name)
        for automation in automations_of(resources, name)
        if automation.suspended
        for target in destinations(resources, automation, targets)
    }
    releases = known.newest(name, _MOST_RELEASES)
    return Summary(
        name=name,
        description=pipeline.description,
        labels=dict(pipeline.labels),
        marks=_marks(resources, pipeline, releases),
        stages=tuple(_row(stage_now(resources, name, target, _MOST_ROLLOUTS), held) for target in targets),
        releases=releases,
        text=f"{name}\n{pipeline.description}".lower(),
    )


def problem_of(resources: Resources, pipeline: Any) -> str:  # noqa: ANN401 (a message)
    """Why a pipeline can't be released to, in words; empty when it can."""
    conditions.fill(resources, pipeline)
    condition = pipeline.condition
    if missing := condition.targets_present_condition.missing_targets:
        return f"missing: {', '.join(names.last(name) for name in missing)}"
    return str(condition.targets_type_condition.error_details)


def _marks(resources: Resources, pipeline: Any, releases: tuple[AboutRelease, ...]) -> dict[str, str]:  # noqa: ANN401
    marks = {}
    if problem := problem_of(resources, pipeline):
        marks["problem"] = problem
    if releases and releases[0].render == "FAILED" and not releases[0].abandoned:
        marks["render"] = names.last(releases[0].name)
    if pipeline.suspended:
        marks["suspended"] = pipeline.annotations.get("reason", "")
    return marks


def _row(stage: StageNow, held: Mapping[str, str]) -> StageRow:
    marks = stage.marks()
    if stage.target_id in held:
        marks["held"] = held[stage.target_id]
    labels = dict(stage.target.labels) if stage.target is not None else {}
    return StageRow(stage.target_id, labels, stage.release, stage.since, marks)
