"""Standing freezes: the deploy policies of `rollout.freezes`, and the same in words."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from google.cloud import deploy_v1

from msp import names
from msp.deploy_policies.freeze import restriction, weekly_windows
from msp.deploy_policies.message import to_message
from msp.deploy_policies.policy import DAY, OneTimeWindow, Policy, PolicySelector, Restriction
from msp.deploy_policies.selection import ResourceSelector
from msp.spec import Environment, Freeze, Spec, WeeklyWindow
from msp.spec.clock import DAYS, moment, time_of_day


def freeze_policies(
    spec: Spec, pipeline: str, *, project: str, region: str, labels: Mapping[str, str]
) -> tuple[deploy_v1.DeployPolicy, ...]:
    """A deploy policy for each freeze, in the specification's order.

    Targets are selected by their ids: who may set a target's labels can't take it out of a freeze.

    Args:
        spec: A valid specification with a rollout.
        pipeline: The delivery pipeline's id, and no other pipeline is frozen: `msp-example-us-central1-rollout`.
        project: The pipeline's project.
        region: The pipeline's region.
        labels: Whose the service's resources are.

    Raises:
        InvalidNameError: A policy's id would be longer than Cloud Deploy takes.
    """
    marked = {**labels, names.FREEZE_LABEL: names.STANDING_FREEZE}
    return tuple(
        to_message(
            Policy(
                id=names.freeze_policy_id(spec.service.id, freeze.name),
                selectors=tuple(
                    PolicySelector(
                        ResourceSelector(pipeline), ResourceSelector(names.target_id(environment.id, region))
                    )
                    for environment in frozen(spec, freeze)
                ),
                restrictions=(_restriction(freeze),),
                suspended=freeze.suspended,
                description=f"{freeze.name}: {freeze.reason}",
                reason=freeze.reason,
            ),
            project=project,
            region=region,
            labels=marked,
        )
        for freeze in freezes(spec)
    )


def freezes(spec: Spec) -> tuple[Freeze, ...]:
    """The specification's freezes."""
    return (spec.rollout.freezes if spec.rollout else None) or ()


def frozen(spec: Spec, freeze: Freeze) -> tuple[Environment, ...]:
    """The environments that a freeze is about, in the stages' order."""
    stages = [environment for _, environment in spec.stages]
    if freeze.environments is None:
        return tuple(environment for environment in stages if environment.category == "external")
    return tuple(environment for environment in stages if environment.id in freeze.environments)


def when(freeze: Freeze) -> str:
    """A freeze's times: `from 2026-12-20 00:00 until 2027-01-04 09:00 (Europe/Berlin)`."""
    if freeze.start and freeze.end:
        times = f"from {moment(freeze.start):%Y-%m-%d %H:%M} until {moment(freeze.end):%Y-%m-%d %H:%M}"
    else:
        times = "; ".join(_weekly_in_words(window) for window in freeze.weekly or ())
    return f"{times} ({freeze.time_zone})"


def _restriction(freeze: Freeze) -> Restriction:
    once = [OneTimeWindow(moment(freeze.start), moment(freeze.end))] if freeze.start and freeze.end else []
    weekly = [made for window in freeze.weekly or () for made in weekly_windows(*_times(window))]
    return restriction(freeze.time_zone, once=once, weekly=list(dict.fromkeys(weekly)))


def _times(window: WeeklyWindow) -> tuple[frozenset[int], timedelta, timedelta]:
    days = frozenset(DAYS.index(day) + 1 for day in window.days or ())
    return days, time_of_day(window.start or "00:00"), time_of_day(window.end) if window.end else DAY


def _weekly_in_words(window: WeeklyWindow) -> str:
    days = _listed([day.capitalize() for day in DAYS if day in window.days]) if window.days else "day"
    if not window.start or not window.end:
        return f"every {days}"
    _, start, end = _times(window)
    return f"every {days}, {window.start} to {window.end}{'' if start < end else ' of the next day'}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
