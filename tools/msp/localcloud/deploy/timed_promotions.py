"""`timedPromoteReleaseRule`: what runs in a target is promoted when a schedule says so."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names
from msp.localcloud.deploy.automations import Automations, selects
from msp.localcloud.deploy.cron import Schedule
from msp.localcloud.deploy.resources import AUTOMATION, PIPELINE, ROLLOUT, Resources, slot_of, slot_state
from msp.localcloud.engine import Engine

_TASK = "timed-promotion"


class TimedPromotions:
    """Begins a run for each target that a rule selects, each time its schedule comes.

    Args:
        resources: Loads automations, pipelines and rollouts.
        engine: Wakes it.
        automations: Carries the runs out.
    """

    def __init__(self, resources: Resources, engine: Engine, automations: Automations) -> None:
        self._resources = resources
        self._automations = automations
        engine.on(_TASK, self._promote)

    def plan(self, automation: "pb.Automation") -> None:
        """Waits for the next time of each of an automation's rules; called when it was written."""
        for rule in _rules(automation):
            self._plan(automation.name, rule)

    def _plan(self, automation: str, rule: "pb.TimedPromoteReleaseRule") -> None:
        due = schedule(rule).after(self._resources.clock.now())
        if due is not None:
            self._resources.store.schedule(due, _TASK, f"{automation}|{rule.id}")

    def _promote(self, task: str) -> None:
        """Begins the runs of a rule whose time has come; a task of the engine."""
        name, _, rule_id = task.partition("|")
        automation = self._resources.find(AUTOMATION, name)
        rule = automation and next((each for each in _rules(automation) if each.id == rule_id), None)
        if automation is None or rule is None:
            return
        self._plan(name, rule)
        if automation.suspended:
            return
        for source, destination in promotions(self._resources, automation, rule):
            rollout = self._last_success(names.pipeline(name), source)
            if rollout is not None:
                self._automations.begin_timed_promotion(automation, rule, rollout, destination)

    def _last_success(self, pipeline: str, target_id: str) -> "pb.Rollout | None":
        """The rollout that put there what a target runs."""
        keys = slot_state(slot_of(pipeline, target_id), pb.Rollout.State.SUCCEEDED)
        rollouts = self._resources.list(ROLLOUT, keys=keys)
        return max(rollouts, key=lambda each: each.deploy_end_time.ToNanoseconds(), default=None)


def schedule(rule: "pb.TimedPromoteReleaseRule") -> Schedule:
    """The schedule of a valid rule."""
    return Schedule.parse(rule.schedule, ZoneInfo(rule.time_zone))


def promotions(
    resources: Resources, automation: "pb.Automation", rule: "pb.TimedPromoteReleaseRule"
) -> Iterator[tuple[str, str]]:
    """From which target to which a rule promotes, by their ids, in the order of the pipeline's stages."""
    pipeline = resources.find(PIPELINE, names.pipeline(automation.name))
    order = [stage.target_id for stage in pipeline.serial_pipeline.stages] if pipeline is not None else []
    for source, following in zip(order, [*order[1:], None], strict=True):
        destination = following if rule.destination_target_id in {"", "@next"} else rule.destination_target_id
        if destination is not None and selects(resources, automation, source):
            yield source, destination


def fill_condition(resources: Resources, automation: "pb.Automation") -> None:
    """Writes `condition` of an automation's timed rules: when they promote next, and from where to where."""
    for rule in _rules(automation):
        condition = rule.condition.timed_promote_release_condition
        condition.Clear()
        if not automation.suspended and (due := schedule(rule).after(resources.clock.now())) is not None:
            condition.next_promotion_time.FromDatetime(due)
        for source, destination in promotions(resources, automation, rule):
            condition.targets_list.add(source_target_id=source, destination_target_id=destination)


def _rules(automation: "pb.Automation") -> list["pb.TimedPromoteReleaseRule"]:
    which = "timed_promote_release_rule"
    return [rule.timed_promote_release_rule for rule in automation.rules if rule.WhichOneof("rule") == which]
