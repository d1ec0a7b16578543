"""What the resources that users write must be like (google.cloud.deploy.v1's own documentation says so)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msp.localcloud import newer_fields
from msp.localcloud.deploy import formats, names
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.cron import Schedule
from msp.localcloud.methods import AnyMessage
from msp.localcloud.status import invalid

_LABEL_KEY = re.compile(r"[^\W\dA-Z_][\w-]*")
_PARAMETER = re.compile(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?(/[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?)?", re.ASCII)
_MOST_LABELS = 64
_MOST_LABEL_BYTES = 128
_MOST_DESCRIPTION = 255
_MOST_ANNOTATION_BYTES = 256 * 1024
_MOST_RULES = 250
_MOST_PARAMETERS = 50
_LONGEST_PARAMETER_KEY = 63
_LONGEST_PARAMETER = 512
_RESERVED_PREFIX = "CLOUD_DEPLOY_"


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
    for key in message.annotations:
        formats.check_annotation_key(f"{field}.annotations", key)
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
        for values in stage.deploy_parameters:
            deploy_parameters(f"{at}.deploy_parameters", values.values)
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
    """Checks where a target deploys and what executes that."""
    kind = target.WhichOneof("deployment_target")
    if kind is None:
        raise invalid("target", "needs one of gke, anthos_cluster, run, multi_target, custom_target")
    field = f"target.{kind}"
    if kind == "gke":
        _check_cluster(field, target.gke)
    elif kind == "anthos_cluster":
        form = "projects/{project}/locations/{location}/memberships/{membership}"
        formats.check_name(f"{field}.membership", target.anthos_cluster.membership, form)
    elif kind == "run":
        formats.check_name(f"{field}.location", target.run.location, "projects/{project}/locations/{location}")
    elif kind == "custom_target":
        _check_custom_target_type(f"{field}.custom_target_type", target.custom_target.custom_target_type)
    else:
        _check_children(f"{field}.target_ids", target.multi_target.target_ids)
    _check_execution_configs("target.execution_configs", target.execution_configs)
    deploy_parameters("target.deploy_parameters", target.deploy_parameters)


def _check_cluster(field: str, gke: "pb.GkeCluster") -> None:
    form = "projects/{project}/locations/{location}/clusters/{cluster}"
    formats.check_name(f"{field}.cluster", gke.cluster, form)
    if gke.internal_ip and gke.dns_endpoint:
        raise invalid(field, "internal_ip and dns_endpoint can't both be set")


def _check_custom_target_type(field: str, name: str) -> None:
    if not name:
        raise invalid(field, "is required")
    if "/" in name:
        formats.check_name(field, name, "projects/{project}/locations/{location}/customTargetTypes/{type}")
    names.check_id(field, names.last(name))


def _check_children(field: str, ids: Sequence[str]) -> None:
    if not ids:
        raise invalid(field, "at least one is required")
    if len(set(ids)) != len(ids):
        raise invalid(field, "have the same id twice")


def _check_execution_configs(field: str, configs: Sequence["pb.ExecutionConfig"]) -> None:
    usages: set[int] = set()
    for number, config in enumerate(configs):
        at = f"{field}[{number}]"
        if not config.usages:
            raise invalid(f"{at}.usages", "at least one is required")
        if usages & set(config.usages):
            raise invalid(f"{at}.usages", "a usage stands in two configs")
        usages |= set(config.usages)
        if config.HasField("execution_timeout"):
            formats.check_execution_timeout(f"{at}.execution_timeout", config.execution_timeout)
        for pool in filter(None, (config.worker_pool, config.private_pool.worker_pool)):
            form = "projects/{project}/locations/{location}/workerPools/{pool}"
            formats.check_name(f"{at}.worker_pool", pool, form)
    kinds = pb.ExecutionConfig.ExecutionEnvironmentUsage
    missing = [kinds.Name(usage) for usage in (kinds.RENDER, kinds.DEPLOY) if usages and usage not in usages]
    if missing:
        raise invalid(field, f"must have the usages RENDER and DEPLOY; {' and '.join(missing)} is in none")


def custom_target_type(kind: "pb.CustomTargetType") -> None:
    """Checks that a custom target type has an action or a task that deploys."""
    if not kind.custom_actions.deploy_action and "deploy" not in newer_fields.get(kind).get("tasks", {}):
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
        body = getattr(rule, which)
        ids.append(names.check_id(f"{at}.{which}.id", body.id))
        if which == "repair_rollout_rule":
            _check_repair(f"{at}.{which}", body)
        elif which == "timed_promote_release_rule":
            _check_schedule(f"{at}.{which}", body)
        else:
            formats.check_wait(f"{at}.{which}.wait", body.wait)
    _check_unique("automation.rules", ids)


def _check_schedule(field: str, rule: "pb.TimedPromoteReleaseRule") -> None:
    zone = _zone(f"{field}.time_zone", rule.time_zone)
    try:
        schedule = Schedule.parse(rule.schedule, zone)
    except ValueError as error:
        raise invalid(f"{field}.schedule", str(error)) from None
    # Whatever day it is: what comes at all comes within the longest distance between two days.
    if schedule.after(datetime(2000, 1, 1, tzinfo=UTC)) is None:
        raise invalid(f"{field}.schedule", f"{rule.schedule!r} never comes")


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
            formats.check_wait(f"{at}.retry.wait", phase.retry.wait)


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
    _zone(f"{field}.time_zone", windows.time_zone)
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


def _zone(field: str, name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(field, f"{name!r} is not a time zone") from None


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
    """Checks the keys of deploy parameters, `name` or `prefix/name`, and how many and how long they may be."""
    if len(parameters) > _MOST_PARAMETERS:
        raise invalid(field, f"there are more than {_MOST_PARAMETERS}")
    for key, value in parameters.items():
        if not _PARAMETER.fullmatch(key):
            raise invalid(field, f"{key!r} is not a parameter's name")
        if max(map(len, key.split("/"))) > _LONGEST_PARAMETER_KEY:
            raise invalid(field, f"{key!r} has more than {_LONGEST_PARAMETER_KEY} characters")
        if key.startswith(_RESERVED_PREFIX):
            raise invalid(field, f"{key!r} begins with {_RESERVED_PREFIX}, which Cloud Deploy keeps to itself")
        if len(value) > _LONGEST_PARAMETER:
            raise invalid(field, f"the value of {key!r} has more than {_LONGEST_PARAMETER} characters")
