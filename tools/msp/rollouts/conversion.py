"""From Google's messages to facts.

The messages are read below proto-plus, which makes every access to a field of theirs slow; nothing of Google's is
imported for it.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from msp import names
from msp.deploy_policies.conversion import to_selector
from msp.gcp.messages import last_part, noted_moment, part_after, raw
from msp.rollouts import annotations
from msp.rollouts.facts import Automation, Pipeline, Promotion, Release, Rollout, RolloutKey, Stage
from msp.rollouts.states import ApprovalState, RenderState, RolloutState

if TYPE_CHECKING:
    from google.cloud import deploy_v1

# What gcloud 528 describes its rollbacks with (surface/deploy/targets/rollback.py).
_GCLOUD_ROLLBACK = "Rollback from "

_TAG = re.compile(r"[0-9a-f]{12}_(.+)")


def to_pipeline(message: "deploy_v1.DeliveryPipeline", targets: "Iterable[deploy_v1.Target] | None") -> Pipeline:
    """A pipeline and its stages.

    Args:
        message: The pipeline.
        targets: All of its location; None where they could not be read.
    """
    pipeline = raw(message)
    known = {last_part(target.name): target for target in map(raw, targets or ())}
    return Pipeline(
        id=last_part(pipeline.name),
        stages=tuple(
            _stage(stage.target_id, known.get(stage.target_id), unread=targets is None)
            for stage in pipeline.serial_pipeline.stages
        ),
        suspended=pipeline.suspended,
        labels=dict(pipeline.labels),
        reason=pipeline.annotations.get(annotations.REASON, ""),
    )


def to_stage(message: "deploy_v1.Target") -> Stage:
    """What a target is as a stage, whatever pipelines have it."""
    return _stage_of(raw(message))


def to_release(message: "deploy_v1.Release") -> Release:
    """A release."""
    release = raw(message)
    notes, parameters = release.annotations, release.deploy_parameters
    tag = parameters.get(names.TAG_PARAMETER, "")
    failures = (each.failure_message or enum_name(each, "failure_cause") for each in release.target_renders.values())
    return Release(
        id=last_part(release.name),
        created=_time(release, "create_time") or datetime.min.replace(tzinfo=UTC),
        digest=parameters.get(names.DIGEST_PARAMETER) or notes.get(annotations.DIGEST, ""),
        tag=tag,
        commit=notes.get(annotations.COMMIT, ""),
        subject=_decoded(notes.get(annotations.SUBJECT, "")),
        author=notes.get(annotations.AUTHOR, ""),
        released_by=notes.get(annotations.RELEASED_BY, ""),
        build_number=notes.get(annotations.BUILD_NUMBER) or _number_in(tag),
        build_url=notes.get(annotations.BUILD_URL, ""),
        render_state=RenderState(enum_name(release, "render_state")),
        render_failure=next((text for text in failures if text), ""),
        abandoned=release.abandoned,
        approvals=frozenset(last_part(each.name) for each in release.target_snapshots if each.require_approval),
    )


def to_rollout(message: "deploy_v1.Rollout") -> Rollout:
    """A rollout."""
    rollout = raw(message)
    phase, job = _where(rollout)
    said = rollout.description.partition(_GCLOUD_ROLLBACK)
    return Rollout(
        id=last_part(rollout.name),
        release=part_after(rollout.name, "releases"),
        target=rollout.target_id,
        created=_time(rollout, "create_time") or datetime.min.replace(tzinfo=UTC),
        state=RolloutState(enum_name(rollout, "state")),
        approval=ApprovalState(enum_name(rollout, "approval_state")),
        started=_time(rollout, "deploy_start_time"),
        ended=_time(rollout, "deploy_end_time"),
        rollback_of=_key(rollout.rollback_of_rollout),
        rolled_back_by=tuple(key for each in rollout.rolled_back_by_rollouts if (key := _key(each))),
        rolls_back_release=said[2] if said[1] and not said[0] and not rollout.rollback_of_rollout else "",
        failure_cause=enum_name(rollout, "deploy_failure_cause"),
        failure=rollout.failure_reason,
        phase=phase,
        job=job,
        reason=rollout.annotations.get(annotations.REASON, ""),
        by=rollout.annotations.get(annotations.BY, ""),
        automation=bool(rollout.metadata.automation.promote_automation_run),
    )


def to_automation(message: "deploy_v1.Automation") -> Automation:
    """An automation; one that does other things than to promote has no promotions."""
    automation = raw(message)
    return Automation(
        id=last_part(automation.name),
        sources=tuple(to_selector(each) for each in automation.selector.targets),
        promotions=tuple(_promotion(rule) for rule in automation.rules if _promotes(rule)),
        suspended=automation.suspended,
        reason=automation.annotations.get(annotations.REASON, ""),
        by=automation.annotations.get(annotations.BY, ""),
        since=noted_moment(automation.annotations.get(annotations.SINCE, "")),
    )


def enum_name(content: Any, field: str) -> str:  # noqa: ANN401 (any message below proto-plus)
    """The name of an enumerated field's value; empty where it has none, or one that is younger than the library."""
    number = getattr(content, field)
    value = content.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number.get(number)
    return value.name if value is not None and number else ""


def _number_in(tag: str) -> str:
    """The build number of a release that has it in its tag alone, `0123456789ab_42`; another tag may be anything."""
    found = _TAG.fullmatch(tag)
    return found[1] if found else ""


def _stage(target_id: str, target: Any, *, unread: bool) -> Stage:  # noqa: ANN401 (Target, below proto-plus)
    return Stage(target_id, exists=unread) if target is None else _stage_of(target)


def _stage_of(target: Any) -> Stage:  # noqa: ANN401 (Target, below proto-plus)
    return Stage(
        target=last_part(target.name),
        category=target.labels.get(names.CATEGORY_LABEL, ""),
        require_approval=target.require_approval,
        not_author=_is_set(target.annotations, annotations.NOT_AUTHOR),
        labels=dict(target.labels),
    )


def _is_set(notes: Mapping[str, str], key: str) -> bool:
    return notes.get(key, "").lower() == "true"


def _where(rollout: Any) -> tuple[str, str]:  # noqa: ANN401 (Rollout, below proto-plus)
    """The phase and job that are under way; where none is, those that failed."""
    for wanted in ("IN_PROGRESS", "FAILED"):
        for phase in rollout.phases:
            job = next((job for job in _jobs(phase) if enum_name(job, "state") == wanted), None)
            if job is not None or enum_name(phase, "state") == wanted:
                return phase.id, "" if job is None else job.id
    return "", ""


def _jobs(phase: Any) -> Iterator[Any]:  # noqa: ANN401 (Phase, below proto-plus)
    yield from (job for _, job in phase.deployment_jobs.ListFields())
    for _, jobs in phase.child_rollout_jobs.ListFields():
        yield from jobs


def _promotes(rule: Any) -> bool:  # noqa: ANN401 (AutomationRule, below proto-plus)
    return rule.WhichOneof("rule") in {"promote_release_rule", "timed_promote_release_rule"}


def _promotion(rule: Any) -> Promotion:  # noqa: ANN401 (AutomationRule, below proto-plus)
    if rule.WhichOneof("rule") == "timed_promote_release_rule":
        timed = rule.timed_promote_release_rule
        return Promotion(timed.destination_target_id, schedule=timed.schedule, zone=timed.time_zone)
    promote = rule.promote_release_rule
    return Promotion(promote.destination_target_id, wait=timedelta(seconds=promote.wait.seconds))


def _key(name: str) -> RolloutKey | None:
    return RolloutKey(part_after(name, "releases"), last_part(name)) if name else None


def _time(message: Any, field: str) -> datetime | None:  # noqa: ANN401 (any message below proto-plus)
    return getattr(message, field).ToDatetime(tzinfo=UTC) if message.HasField(field) else None


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode(errors="replace")
    except (binascii.Error, ValueError):
        return ""
