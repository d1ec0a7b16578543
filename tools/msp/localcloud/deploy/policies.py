"""Deploy policies: what they forbid, to whom, where and when."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names
from msp.localcloud.deploy.resources import DEPLOY_POLICY, PIPELINE, TARGET, Resources
from msp.localcloud.methods import AnyMessage
from msp.localcloud.status import ApiError, Code, not_found


class PolicyError(ApiError):
    """A deploy policy forbids an action.

    Attributes:
        violation: A `PolicyViolation`: which policies and rules.
    """

    def __init__(self, message: str, violation: "pb.PolicyViolation") -> None:
        super().__init__(Code.FAILED_PRECONDITION, message, (violation,))
        self.violation = violation


class Policies:
    """Asks a location's policies.

    Args:
        resources: Loads policies, and the labels of pipelines and targets.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def check(
        self,
        action: str,
        pipeline: str,
        target_id: str,
        *,
        overrides: Sequence[str] = (),
        by_automation: bool = False,
    ) -> None:
        """Lets an action pass, or not.

        Args:
            action: Of `RolloutRestriction.RolloutActions`: `CREATE`, `APPROVE`, ….
            pipeline: The delivery pipeline's name.
            target_id: The target of the rollout.
            overrides: Names of policies that the caller sets aside.
            by_automation: Whether an automation acts, and not a user.

        Raises:
            PolicyError: A policy forbids it.
            ApiError: `NOT_FOUND`: an override names no policy.
        """
        policies = self._resources.list(DEPLOY_POLICY, parent=names.location(pipeline))
        known = {policy.name for policy in policies}
        set_aside = {_full_name(pipeline, override) for override in overrides}
        for missing in sorted(set_aside - known):
            raise not_found(missing)
        invoker = pb.DeployPolicy.Invoker.DEPLOY_AUTOMATION if by_automation else pb.DeployPolicy.Invoker.USER
        violation = pb.PolicyViolation()
        for policy in policies:
            if policy.suspended or policy.name in set_aside or not self._selects(policy, pipeline, target_id):
                continue
            for rule in policy.rules:
                restriction = rule.rollout_restriction
                if _restricts(restriction, pb.RolloutRestriction.RolloutActions.Value(action), invoker, self._now()):
                    violation.policy_violation_details.add(
                        policy=policy.name,
                        rule_id=restriction.id,
                        failure_message=f"rule {restriction.id!r} of deploy policy {names.last(policy.name)!r} "
                        f"restricts {action} on target {target_id!r} now",
                    )
        if violation.policy_violation_details:
            reasons = "; ".join(detail.failure_message for detail in violation.policy_violation_details)
            raise PolicyError(f"the action is restricted by deploy policy: {reasons}", violation)

    def _now(self) -> datetime:
        return self._resources.clock.now()

    def _selects(self, policy: "pb.DeployPolicy", pipeline: str, target_id: str) -> bool:
        return any(
            self._has(PIPELINE, pipeline, selector, "delivery_pipeline")
            and self._has(TARGET, names.target(pipeline, target_id), selector, "target")
            for selector in policy.selectors
        )

    def _has(self, kind: AnyMessage, name: str, selector: AnyMessage, field: str) -> bool:
        attribute = getattr(selector, field)
        if not selector.HasField(field):
            return True
        resource = self._resources.find(kind, name)
        return selected(attribute, names.last(name), resource.labels if resource is not None else {})


def selected(attribute: AnyMessage, resource_id: str, labels: AnyMessage) -> bool:
    """Whether a selector's attribute (`id`, which may be `*`, and `labels`) takes a resource."""
    if attribute.id not in {"", "*", resource_id}:
        return False
    return all(labels.get(key) == value for key, value in attribute.labels.items())


def _full_name(anywhere: str, policy: str) -> str:
    return policy if "/" in policy else f"{names.location(anywhere)}/deployPolicies/{policy}"


def _restricts(restriction: "pb.RolloutRestriction", action: int, invoker: int, now: datetime) -> bool:
    return (
        (not restriction.actions or action in restriction.actions)
        and (not restriction.invokers or invoker in restriction.invokers)
        and inside(restriction.time_windows, now)
    )


def inside(windows: "pb.TimeWindows", now: datetime) -> bool:
    """Whether a moment is in one of the windows: a window's start is inside, its end outside."""
    zone = ZoneInfo(windows.time_zone)
    return _once(windows.one_time_windows, zone, now) or _weekly(windows.weekly_windows, zone, now)


def _once(windows: Iterable["pb.OneTimeWindow"], zone: ZoneInfo, now: datetime) -> bool:
    return any(
        _moment(window.start_date, window.start_time, zone) <= now < _moment(window.end_date, window.end_time, zone)
        for window in windows
    )


def _weekly(windows: Iterable["pb.WeeklyWindow"], zone: ZoneInfo, now: datetime) -> bool:
    local = now.astimezone(zone)
    for window in windows:
        # google.type.DayOfWeek counts from Monday, 1.
        if window.days_of_week and local.isoweekday() not in window.days_of_week:
            continue
        if not window.HasField("start_time"):
            return True
        into_day = timedelta(
            hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond
        )
        if _time(window.start_time) <= into_day < _time(window.end_time):
            return True
    return False


def _moment(date: AnyMessage, time: AnyMessage, zone: ZoneInfo) -> datetime:
    naive = datetime(date.year, date.month, date.day) + _time(time)  # noqa: DTZ001 (the zone is added next)
    return naive.replace(tzinfo=zone).astimezone(UTC)


def _time(time: AnyMessage) -> timedelta:
    return timedelta(hours=time.hours, minutes=time.minutes, seconds=time.seconds, microseconds=time.nanos // 1000)
