"""What the resources that users write must be like (google.cloud.deploy.v1's own documentation says so)."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names
from msp.localcloud.methods import AnyMessage
from msp.localcloud.status import ApiError, Code, invalid

_LABEL_KEY = re.compile(r"[^\W\dA-Z_][\w-]*")
_PARAMETER = re.compile(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?(/[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?)?", re.ASCII)
_LONGEST_WAIT = timedelta(days=14)
_MOST_LABELS = 64
_MOST_LABEL_BYTES = 128
_MOST_DESCRIPTION = 255
_MOST_ANNOTATION_BYTES = 256 * 1024
_MOST_RULES = 250


def common(field: str, message: AnyMessage) -> None:
    """Checks description, labels and annotations.

    Raises:
        ApiError: `INVALID_ARGUMENT`, with the field's path; so do all functions here.
    """
    if "description" in message.DESCRIPTOR.fields_by_name and len(message.description) > _MOST_DESCRIPTION:
        raise invalid(f"{field}.description", f"has more than {_MOST_DESCRIPTION} characters")
    if len(message.labels) > _MOST_LABELS:
        raise invalid(f"{field}.labels", f"there are more than {_MOST_LABELS}")
    for key, value in message.labels.items():
        _check_label(f"{field}.labels", key, value)
    size = sum(len(key.encode()) + len(value.encode()) for key, value in message.annotations.items())
    if size > _MOST_ANNOTATION_BYTES:
        raise invalid(f"{field}.annotations", f"have {size} bytes; {_MOST_ANNOTATION_BYTES} are allowed")


def _check_label(field: str, key: str, value: str) -> None:
    for text in (key, value):
        if len(text.encode()) > _MOST_LABEL_BYTES:
            raise invalid(field, f"{text!r} has more than {_MOST_LABEL_BYTES} bytes")
        if text != text.lower() or not re.fullmatch(r"[\w-]*", text):
            raise invalid(field, f"{text!r} may have lower case letters, digits, underscores and dashes only")
    if not _LABEL_KEY.match(key):
        raise invalid(field, f"the key {key!r} must begin with a letter")


def delivery_pipeline(pipeline: "pb.DeliveryPipeline") -> None:
    """Checks a pipeline's stages."""
    field = "delivery_pipeline.serial_pipeline.stages"
    seen = set()
    for number, stage in enumerate(pipeline.serial_pipeline.stages):
        at = f"{field}[{number}]"
        if not stage.target_id:
            raise invalid(f"{at}.target_id", "is required")
        if "/" in stage.target_id:
            raise invalid(f"{at}.target_id", f"{stage.target_id!r} must be the target's id alone, not its name")
        if stage.target_id in seen:
            raise invalid(f"{at}.target_id", f"{stage.target_id!r} is already another stage's")
        seen.add(stage.target_id)
        if stage.HasField("strategy"):
            _check_strategy(f"{at}.strategy", stage.strategy)


def _check_strategy(field: str, strategy: "pb.Strategy") -> None:
    if strategy.WhichOneof("deployment_strategy") != "canary":
        return
    canary, field = strategy.canary, f"{field}.canary"
    mode = canary.WhichOneof("mode")
    if mode == "canary_deployment":
        percentages = list(canary.canary_deployment.percentages)
        if not percentages:
            raise invalid(f"{field}.canary_deployment.percentages", "at least one is required")
        if percentages != sorted(set(percentages)) or not all(0 <= number < 100 for number in percentages):
            raise invalid(
                f"{field}.canary_deployment.percentages", "must ascend, from 0 to 99; 100 is the stable phase"
            )
    elif mode == "custom_canary_deployment":
        phases = canary.custom_canary_deployment.phase_configs
        if not phases or phases[-1].phase_id != "stable" or phases[-1].percentage != 100:
            raise invalid(
                f"{field}.custom_canary_deployment.phase_configs", "must end with phase stable at 100 percent"
            )
        if len({phase.phase_id for phase in phases}) != len(phases):
            raise invalid(f"{field}.custom_canary_deployment.phase_configs", "have the same phase_id twice")
        for phase in phases:
            names.check_id(f"{field}.custom_canary_deployment.phase_configs.phase_id", phase.phase_id)
    else:
        raise invalid(field, "needs canary_deployment or custom_canary_deployment")


def target(target: "pb.Target") -> None:
    """Checks that a target says where it deploys."""
    if target.WhichOneof("deployment_target") is None:
        raise invalid("target", "needs one of gke, anthos_cluster, run, multi_target, custom_target")
    if target.HasField("custom_target") and not target.custom_target.custom_target_type:
        raise invalid("target.custom_target.custom_target_type", "is required")
    if target.HasField("multi_target"):
        ids = list(target.multi_target.target_ids)
        if not ids:
            raise invalid("target.multi_target.target_ids", "at least one is required")
        if len(set(ids)) != len(ids):
            raise invalid("target.multi_target.target_ids", "have the same id twice")
    usages: set[int] = set()
    for number, config in enumerate(target.execution_configs):
        if not config.usages:
            raise invalid(f"target.execution_configs[{number}].usages", "at least one is required")
        if usages & set(config.usages):
            raise invalid(f"target.execution_configs[{number}].usages", "a usage stands in two configs")
        usages |= set(config.usages)


def custom_target_type(kind: "pb.CustomTargetType") -> None:
    """Checks that a custom target type has a deploy action."""
    if not kind.custom_actions.deploy_action:
        raise invalid("custom_target_type.custom_actions.deploy_action", "is required")


def automation(automation: "pb.Automation") -> None:
    """Checks an automation's selector and rules."""
    if not automation.service_account:
        raise invalid("automation.service_account", "is required")
    if not automation.selector.targets:
        raise invalid("automation.selector.targets", "at least one is required")
    if not automation.rules:
        raise invalid("automation.rules", "at least one is required")
    if len(automation.rules) > _MOST_RULES:
        raise invalid("automation.rules", f"there are more than {_MOST_RULES}")
    ids = []
    for number, rule in enumerate(automation.rules):
        at, which = f"automation.rules[{number}]", rule.WhichOneof("rule")
        if which is None:
            raise invalid(at, "needs a rule")
        if which == "timed_promote_release_rule":
            raise ApiError(Code.UNIMPLEMENTED, f"{at}: the local cloud does not emulate timedPromoteReleaseRule")
        body = getattr(rule, which)
        ids.append(names.check_id(f"{at}.{which}.id", body.id))
        if which == "repair_rollout_rule":
            _check_repair(f"{at}.{which}", body)
        else:
            _check_wait(f"{at}.{which}.wait", body.wait)
    _check_unique("automation.rules", ids)


def _check_repair(field: str, rule: "pb.RepairRolloutRule") -> None:
    if not rule.repair_phases:
        raise invalid(f"{field}.repair_phases", "at least one is required")
    for number, phase in enumerate(rule.repair_phases):
        at, which = f"{field}.repair_phases[{number}]", phase.WhichOneof("repair_phase")
        if which is None:
            raise invalid(at, "needs retry or rollback")
        if which == "retry":
            if not 1 <= phase.retry.attempts <= 10:
                raise invalid(f"{at}.retry.attempts", f"must be from 1 to 10, not {phase.retry.attempts}")
            _check_wait(f"{at}.retry.wait", phase.retry.wait)


def _check_wait(field: str, wait: AnyMessage) -> None:
    length = wait.ToTimedelta()
    if not timedelta(0) <= length <= _LONGEST_WAIT:
        raise invalid(field, f"must be from 0 to 14 days, not {length}")


def deploy_policy(policy: "pb.DeployPolicy") -> None:
    """Checks a policy's selectors, rules and time windows."""
    if not policy.selectors:
        raise invalid("deploy_policy.selectors", "at least one is required")
    if not policy.rules:
        raise invalid("deploy_policy.rules", "at least one is required")
    ids = []
    for number, rule in enumerate(policy.rules):
        at = f"deploy_policy.rules[{number}].rollout_restriction"
        if rule.WhichOneof("rule") != "rollout_restriction":
            raise invalid(at, "is required")
        ids.append(names.check_id(f"{at}.id", rule.rollout_restriction.id))
        _check_windows(f"{at}.time_windows", rule.rollout_restriction.time_windows)
    _check_unique("deploy_policy.rules", ids)


def _check_windows(field: str, windows: "pb.TimeWindows") -> None:
    if not windows.one_time_windows and not windows.weekly_windows:
        raise invalid(field, "needs a window")
    try:
        ZoneInfo(windows.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(f"{field}.time_zone", f"{windows.time_zone!r} is not a time zone") from None
    for number, once in enumerate(windows.one_time_windows):
        at = f"{field}.one_time_windows[{number}]"
        begin = (once.start_date.year, once.start_date.month, once.start_date.day, *_time(at, once.start_time))
        end = (once.end_date.year, once.end_date.month, once.end_date.day, *_time(at, once.end_time))
        for day in (once.start_date, once.end_date):
            _check_date(at, day)
        if begin >= end:
            raise invalid(at, "ends before it begins")
    for number, weekly in enumerate(windows.weekly_windows):
        at = f"{field}.weekly_windows[{number}]"
        if weekly.HasField("start_time") != weekly.HasField("end_time"):
            raise invalid(at, "needs both start_time and end_time, or neither")
        if weekly.HasField("start_time") and _time(at, weekly.start_time) >= _time(at, weekly.end_time):
            raise invalid(at, "ends before it begins")


def _check_date(field: str, day: AnyMessage) -> None:
    try:
        date(day.year, day.month, day.day)
    except ValueError as error:
        raise invalid(field, f"{day.year}-{day.month}-{day.day} is not a date: {error}") from None


def _time(field: str, time: AnyMessage) -> tuple[int, int, int, int]:
    value = (time.hours, time.minutes, time.seconds, time.nanos)
    whole_day = value == (24, 0, 0, 0)
    if not whole_day and not (0 <= time.hours < 24 and 0 <= time.minutes < 60 and 0 <= time.seconds < 60):
        raise invalid(field, f"{time.hours}:{time.minutes}:{time.seconds} is not a time of day")
    return value


def _check_unique(field: str, ids: Iterable[str]) -> None:
    seen = set()
    for each in ids:
        if each in seen:
            raise invalid(field, f"the id {each!r} stands there twice")
        seen.add(each)


def deploy_parameters(field: str, parameters: Mapping[str, str]) -> None:
    """Checks the keys of deploy parameters: `name`, or `prefix/name`."""
    for key in parameters:
        if not re.fullmatch(
            r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?(/[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?", key
        ):
            raise invalid(field, f"{key!r} is not a parameter's name")
