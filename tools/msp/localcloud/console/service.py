"""A service's page: its stages, automations, freezes and latest releases."""

from collections.abc import Iterable, Sequence
from typing import Any

from msp.localcloud.console import automations, freezes, rollouts
from msp.localcloud.console.about_release import about
from msp.localcloud.console.stages import StageNow, stage_now
from msp.localcloud.console.summary import problem_of
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names
from msp.localcloud.deploy.resources import PIPELINE, RELEASE, Resources

MOST_RELEASES = 200
_MOST_ROLLOUTS = 12


def service(resources: Resources, name: str, most_releases: int) -> dict[str, Any]:
    """What a service's page shows.

    Args:
        resources: Loads what is there.
        name: The pipeline's name.
        most_releases: How many releases, `MOST_RELEASES` at most.

    Raises:
        ApiError: `NOT_FOUND`.
    """
    pipeline = resources.get(PIPELINE, name)
    targets = [stage.target_id for stage in pipeline.serial_pipeline.stages]
    now = [stage_now(resources, name, target, _MOST_ROLLOUTS) for target in targets]
    frozen = freezes.freezes_now(resources, names.location(name))
    most = min(max(most_releases, 1), MOST_RELEASES)
    releases = resources.list(RELEASE, parent=name, limit=most + 1)
    return {
        "name": name,
        "id": names.last(name),
        "project": name.split("/")[1],
        "location": name.split("/")[3],
        "description": pipeline.description,
        "suspended": pipeline.suspended,
        "reason": pipeline.annotations.get("reason", ""),
        "by": pipeline.annotations.get("by", ""),
        "problem": problem_of(resources, pipeline),
        "stages": [_stage(resources, pipeline, stage, frozen) for stage in now],
        "automations": [
            automations.to_json(resources, each, targets) for each in automations.automations_of(resources, name)
        ],
        "waiting": automations.waiting(resources, name),
        "releases": [about(each).to_json() | _more(each, now) for each in releases[:most]],
        "moreReleases": len(releases) > most,
    }


def _stage(
    resources: Resources, pipeline: "pb.DeliveryPipeline", stage: StageNow, frozen: Iterable[freezes.Freeze]
) -> dict[str, Any]:
    target = stage.target
    labels = target.labels if target is not None else {}
    on_it = [each for each in frozen if each.is_on(pipeline.name, pipeline.labels, stage.target_id, labels)]
    running = stage.running or {}
    release = resources.find(RELEASE, f"{pipeline.name}/releases/{stage.release}") if stage.release else None
    return {
        "target": stage.target_id,
        "exists": target is not None,
        "requireApproval": target is not None and target.require_approval,
        "running": about(release).to_json() if release is not None else None,
        "rollout": running.get("rollout", ""),
        "images": running.get("images", []),
        "since": stage.since,
        "marks": stage.marks(),
        "rollouts": [rollouts.to_json(resources, each) for each in stage.rollouts],
        "asking": [rollouts.to_json(resources, each) for each in stage.asking],
        "freezes": freezes.to_json(on_it, resources.clock.now()),
    }


def _more(release: "pb.Release", stages: Sequence[StageNow]) -> dict[str, Any]:
    failures = sorted({render.failure_message for render in release.target_renders.values()} - {""})
    return {"failure": "; ".join(failures), "places": places(names.last(release.name), stages)}


def places(release: str, stages: Iterable[StageNow]) -> list[dict[str, str]]:
    """Where a release is: the stages that run it (`RUNNING`), and its newest rollout in others unless it succeeded."""
    found = []
    for stage in stages:
        newest = next((each for each in stage.rollouts if names.last(names.release(each.name)) == release), None)
        state = pb.Rollout.State.Name(newest.state) if newest is not None else ""
        if stage.release == release:
            found.append({"target": stage.target_id, "state": "RUNNING"})
        if state not in {"", "SUCCEEDED"}:
            found.append({"target": stage.target_id, "state": state})
    return found
