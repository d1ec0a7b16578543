"""Where automations take a release, when, and which of them count."""

from google.cloud import deploy_v1
from google.protobuf import duration_pb2

from msp.pipeline.live.promotions import Promotion, promotions

PIPELINE = deploy_v1.DeliveryPipeline(
    name="pipeline",
    serial_pipeline=deploy_v1.SerialPipeline(stages=[deploy_v1.Stage(target_id=each) for each in ("a", "b", "c")]),
)


def automation(
    name: str, source: str = "a", seconds: int = 60, *, to: str = "@next", suspended: bool = False
) -> deploy_v1.Automation:
    wait = duration_pb2.Duration(seconds=seconds)
    promote = deploy_v1.PromoteReleaseRule(id="promote", wait=wait, destination_target_id=to)
    return deploy_v1.Automation(
        name=name,
        suspended=suspended,
        selector=deploy_v1.AutomationResourceSelector(targets=[deploy_v1.TargetAttribute(id=source)]),
        rules=[deploy_v1.AutomationRule(promote_release_rule=promote)],
    )


def found(*messages: deploy_v1.Automation, held_too: bool = True) -> dict[str, Promotion]:
    return promotions(PIPELINE, [PIPELINE, *messages], held_too=held_too)


def test_the_soonest_of_several_counts() -> None:
    expected = {"b": Promotion("soon", 5)}
    late, soon = automation("late", seconds=60), automation("soon", seconds=5)
    assert found(late, soon) == found(soon, late) == expected


def test_what_is_held_promotes_nothing() -> None:
    held, active = automation("held", seconds=5, suspended=True), automation("active", "b")
    assert found(held, active, held_too=False) == {"c": Promotion("active", 60)}
    assert found(held, active, held_too=True) == {"b": Promotion("held", 5), "c": Promotion("active", 60)}


def test_a_destination_is_the_next_stage_unless_it_is_named() -> None:
    assert found(automation("unsaid", to="")).keys() == {"b"}
    assert found(automation("named", to="projects/p/locations/r/targets/c")).keys() == {"c"}
    assert found(automation("last", "c")) == {}


def test_a_choice_by_labels_may_be_of_any_stage() -> None:
    assert found(automation("labels", source="")).keys() == found(automation("all", source="*")).keys() == {"b", "c"}


def test_other_rules_promote_nothing() -> None:
    repair = automation("repair")
    repair.rules = [
        deploy_v1.AutomationRule(repair_rollout_rule=deploy_v1.RepairRolloutRule(id="repair")),
        *repair.rules,
    ]
    assert found(repair) == {"b": Promotion("repair", 60)}
