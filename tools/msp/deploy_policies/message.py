"""From values to Google's deploy policies: what `conversion` reads, written."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from google.cloud import deploy_v1
from google.type import date_pb2, timeofday_pb2

from msp import names
from msp.deploy_policies.actions import Action, Invoker
from msp.deploy_policies.policy import OneTimeWindow, Policy, PolicySelector, Restriction, WeeklyWindow
from msp.deploy_policies.selection import ResourceSelector
from msp.names.grammar import MAX_DESCRIPTION


def to_message(policy: Policy, *, project: str, region: str, labels: Mapping[str, str]) -> deploy_v1.DeployPolicy:
    """A deploy policy as the API takes it.

    Args:
        policy: With selectors, and restrictions that have windows; see `freeze` for those of a freeze. Its reason,
            who made it and when become annotations, and its description is cut at what Cloud Deploy takes.
        project: The pipelines' project: `msp-example-prod-0000`.
        region: Their region: `us-central1`.
        labels: What marks whose policy it is: `{"msp-freeze": "by-hand"}`.

    Raises:
        InvalidNameError: The policy's id is not one that Cloud Deploy takes, or the region does not exist.
    """
    policy_id = names.check_id(policy.id, "deploy policy", "give the freeze a shorter name")
    said = {names.REASON_ANNOTATION: policy.reason, names.BY_ANNOTATION: policy.by}
    if policy.since is not None:
        said[names.SINCE_ANNOTATION] = f"{policy.since:%Y-%m-%dT%H:%M:%SZ}"
    return deploy_v1.DeployPolicy(
        name=names.deploy_policy_name(project, region, policy_id),
        description=_cut(policy.description),
        labels=dict(labels),
        annotations={key: text for key, text in said.items() if text},
        suspended=policy.suspended,
        selectors=[_selector(selector) for selector in policy.selectors],
        rules=[deploy_v1.PolicyRule(rollout_restriction=_restriction(rule)) for rule in policy.restrictions],
    )


def _selector(selector: PolicySelector) -> deploy_v1.DeployPolicyResourceSelector:
    made = deploy_v1.DeployPolicyResourceSelector()
    if selector.pipeline is not None:
        made.delivery_pipeline = deploy_v1.DeliveryPipelineAttribute(_attribute(selector.pipeline))
    if selector.target is not None:
        made.target = deploy_v1.TargetAttribute(_attribute(selector.target))
    return made


def _attribute(selector: ResourceSelector) -> dict[str, object]:
    return {"id": selector.id, "labels": dict(selector.labels)}


def _restriction(restriction: Restriction) -> deploy_v1.RolloutRestriction:
    return deploy_v1.RolloutRestriction(
        id=restriction.id,
        actions=[action.value for action in Action if action in restriction.actions],
        invokers=[invoker.value for invoker in Invoker if invoker in restriction.invokers],
        time_windows=deploy_v1.TimeWindows(
            time_zone=restriction.zone,
            one_time_windows=[_once(window) for window in restriction.once],
            weekly_windows=[_weekly(window) for window in restriction.weekly],
        ),
    )


def _once(window: OneTimeWindow) -> deploy_v1.OneTimeWindow:
    return deploy_v1.OneTimeWindow(
        start_date=_date(window.start),
        start_time=_time(_since_midnight(window.start)),
        end_date=_date(window.end),
        end_time=_time(_since_midnight(window.end)),
    )


def _weekly(window: WeeklyWindow) -> deploy_v1.WeeklyWindow:
    # google.type.DayOfWeek counts from Monday, 1, as ISO 8601 does.
    return deploy_v1.WeeklyWindow(
        days_of_week=sorted(window.days), start_time=_time(window.start), end_time=_time(window.end)
    )


def _date(moment: datetime) -> date_pb2.Date:
    return date_pb2.Date(year=moment.year, month=moment.month, day=moment.day)


def _time(since_midnight: timedelta) -> timeofday_pb2.TimeOfDay:
    minutes, seconds = divmod(int(since_midnight.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return timeofday_pb2.TimeOfDay(hours=hours, minutes=minutes, seconds=seconds)


def _since_midnight(moment: datetime) -> timedelta:
    return timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_DESCRIPTION else text[: MAX_DESCRIPTION - 1] + "…"
