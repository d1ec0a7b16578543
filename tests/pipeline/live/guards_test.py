"""No change makes a live pipeline less guarded without being told apart, in words."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from google.cloud import deploy_v1
from tests.pipeline.live.transition import ANOTHER, ARCHIVE, PROJECT, as_live, compared, make, stage

from msp import names
from msp.pipeline.iam import bindings
from msp.pipeline.live.changes import PutResource, pipeline_changes
from msp.pipeline.live.guards import less_guarded
from msp.pipeline.live.keep import kept_guards
from msp.pipeline.live.report import headline, weakening
from msp.pipeline.live.state import Live
from msp.pipeline.resources import resources
from msp.spec import Spec


def told(was: Spec, becomes: Spec, edit: Callable[[dict[str, Any]], None] = lambda _: None) -> list[str]:
    _, found = compared(becomes, as_live(was, becomes, edit))
    return [weakening(each) for each in found]


def kept(spec: Spec, live: Live) -> list[str]:
    return [f"{guard} of {names.short_name(name)}" for name, guard in kept_guards(resources(spec, "us-central1"), live)]


PIPELINE = "delivery pipeline msp-example-us-central1-rollout"
APPROVED = {"required": True}


def by_hand(live: dict[str, Any]) -> None:
    live["target prod-us-central1"].require_approval = True
    live["target prod-us-central1"].annotations[ANOTHER] = "true"
    live["target prod-us-central1"].labels["frozen-for"] = "audit"
    live[PIPELINE].suspended = True
    live[PIPELINE].serial_pipeline.stages[1].strategy = deploy_v1.Strategy(standard=deploy_v1.Standard(verify=True))
    live["automation promote-staging-us-central1"].suspended = True
    live["automation promote-staging-us-central1"].annotations["hold"] = "we look at it"


SILENT = make(stage("staging", 60), stage("prod"))


def test_what_the_specification_is_silent_on_stays_as_it_is_live() -> None:
    live = as_live(SILENT, SILENT, by_hand)
    assert compared(SILENT, live) == ((), ())
    assert kept(SILENT, live) == [
        "approval of target prod-us-central1",
        "approval by someone else than the author of target prod-us-central1",
        f"suspension of {PIPELINE}",
        "suspension of automation promote-staging-us-central1",
    ]


def test_a_new_automation_waits_with_a_suspended_pipeline_and_is_nobodys_hold() -> None:
    by_hand_only = make(stage("staging"), stage("prod"))

    def suspend(live: dict[str, Any]) -> None:
        live[PIPELINE].suspended = True

    live = as_live(by_hand_only, SILENT, suspend)
    (change,), _ = compared(SILENT, live)
    assert isinstance(change, PutResource)
    assert change.wanted.suspended
    assert kept(SILENT, live) == [f"suspension of {PIPELINE}"]


def test_what_the_specification_suspends_itself_is_not_kept_by_hand() -> None:
    suspended = make(stage("staging", 60), stage("prod"), suspended=True)
    assert kept(suspended, as_live(suspended, suspended)) == []


def test_what_is_silent_stays_also_when_something_else_changes() -> None:
    longer = make(stage("staging", 3600), stage("prod"))
    changes, found = compared(longer, as_live(SILENT, longer, by_hand))
    (change,) = changes
    assert isinstance(change, PutResource)
    assert change.wanted.suspended
    assert change.wanted.annotations == {"hold": "we look at it"}
    assert found == ()


def test_what_the_specification_says_in_words_is_done_and_told_apart() -> None:
    said = make(stage("staging", 60), stage("prod", approval={"required": False}), suspended=False)
    changes, found = compared(said, as_live(SILENT, said, by_hand))
    assert [headline(change) for change in changes] == [
        "~ target prod-us-central1",
        "- suspension of automation promote-staging-us-central1",
        f"- suspension of {PIPELINE}",
    ]
    assert {each.specified for each in found} == {True}
    assert [weakening(each) for each in found] == [
        "automation promote-staging-us-central1 is no longer suspended (the specification says so)"
        if "automations" in each.resource
        else f"{names.short_name(each.resource)} {each.what} (the specification says so)"
        for each in found
    ]
    assert len(found) == 4


def test_a_hold_of_one_automation_is_not_ended_by_what_is_said_of_the_pipeline() -> None:
    said = make(stage("staging", 60), stage("prod"), suspended=False)

    def hold(live: dict[str, Any]) -> None:
        live["automation promote-staging-us-central1"].suspended = True

    assert compared(said, as_live(said, said, hold)) == ((), ())


def test_a_suspended_pipeline_is_suspended_for_good_before_it_is_changed() -> None:
    said = make(stage("staging", 5), stage("prod", approval=APPROVED), suspended=False)
    frozen = make(stage("staging"), stage("prod"), suspended=True)
    changes, _ = compared(said, as_live(frozen, said))
    assert [headline(change) for change in changes] == [
        "~ target prod-us-central1",
        "+ automation promote-staging-us-central1",
        f"- suspension of {PIPELINE}",
    ]


def test_approval_is_given_up_after_everything_else() -> None:
    was = make(stage("staging", approval=APPROVED), stage("prod", approval=APPROVED))
    becomes = make(stage("staging", approval={"required": False}), stage("prod", approval=APPROVED))

    def drift(live: dict[str, Any]) -> None:
        live["target prod-us-central1"].description = "mine"

    changes, _ = compared(becomes, dataclasses.replace(as_live(was, becomes, drift), members={}))
    first, *between, last = [headline(change) for change in changes]
    assert (first, last) == ("~ target prod-us-central1", "~ target staging-us-central1")
    assert between
    assert all(each.startswith("+ access to ") for each in between)


def moved(live: dict[str, Any]) -> None:
    live["target staging-us-central1"].deploy_parameters[PROJECT] = "elsewhere-0000"


def stricter(live: dict[str, Any]) -> None:
    live["target staging-us-central1"].labels["msp-category"] = "external"


def uncategorized(live: dict[str, Any]) -> None:
    del live["target staging-us-central1"].labels["msp-category"]
    live["target prod-us-central1"].labels["msp-category"] = "internal"


def held(live: dict[str, Any]) -> None:
    live["automation promote-dev-us-central1"].suspended = True


def nothing(live: dict[str, Any]) -> None:
    del live


AUTOMATION = "automation promote-staging-us-central1"
BY_ITSELF = f"{AUTOMATION} promotes to target prod-us-central1 by itself, where somebody had to decide it"
OUT_OF_DEV = BY_ITSELF.replace("prod", "_").replace("staging", "dev").replace("_", "staging")
MOVED = (
    "target staging-us-central1 deploys elsewhere: customTarget/projectID is msp-example-staging-0000, "
    "no longer elsewhere-0000"
)
CASES: dict[str, tuple[Spec, Spec, Callable[[dict[str, Any]], None], list[str]]] = {
    "an automation into an external stage": (make(stage("staging"), stage("prod")), SILENT, nothing, [BY_ITSELF]),
    "an automation into a stage that asks for approval": (
        make(stage("dev"), stage("staging", approval=APPROVED), stage("prod")),
        make(stage("dev", 3600), stage("staging"), stage("prod")),
        nothing,
        [OUT_OF_DEV],
    ),
    "an automation into a stage whose approval is given up in words": (
        make(stage("dev"), stage("staging", approval=APPROVED), stage("prod")),
        make(stage("dev", 3600), stage("staging", approval={"required": False}), stage("prod")),
        nothing,
        [OUT_OF_DEV, "target staging-us-central1 no longer asks for approval (the specification says so)"],
    ),
    "an automation into a stage that asks for approval from now on": (
        make(stage("dev"), stage("staging"), stage("prod")),
        make(stage("dev", 3600), stage("staging", approval=APPROVED), stage("prod")),
        nothing,
        [OUT_OF_DEV],
    ),
    "less time to step in when a hold ends": (
        make(stage("dev", 60), stage("staging"), stage("prod")),
        make(stage("dev", 5), stage("staging"), stage("prod")),
        held,
        ["automation promote-dev-us-central1 promotes to target staging-us-central1 after 5s, no longer 60s"],
    ),
    "an automation into a stage that nobody guards": (
        make(stage("dev"), stage("staging"), stage("prod")),
        make(stage("dev", 0), stage("staging"), stage("prod")),
        nothing,
        [],
    ),
    "less time to step in": (
        SILENT,
        make(stage("staging", 5), stage("prod")),
        nothing,
        [f"{AUTOMATION} promotes to target prod-us-central1 after 5s, no longer 60s"],
    ),
    "more time to step in": (SILENT, make(stage("staging", 90), stage("prod")), nothing, []),
    "fewer stages before prod": (
        make(stage("dev"), stage("staging"), stage("prod")),
        make(stage("dev"), stage("prod")),
        nothing,
        [f"{PIPELINE} no longer has the stage of target staging-us-central1"],
    ),
    "more stages before prod": (
        make(stage("staging"), stage("prod")),
        make(stage("dev"), stage("staging"), stage("prod")),
        nothing,
        [],
    ),
    "a stage before the only one, and an automation out of it": (make(stage("prod")), SILENT, nothing, []),
    "stages in another order": (
        make(stage("dev"), stage("staging"), stage("prod")),
        make(stage("staging"), stage("dev"), stage("prod")),
        nothing,
        [f"{PIPELINE} no longer passes target dev-us-central1 before staging-us-central1"],
    ),
    "a target that deploys elsewhere": (
        SILENT,
        SILENT,
        moved,
        [
            f"{PIPELINE} no longer has the stage of target staging-us-central1",
            MOVED,
        ],
    ),
    "a category that policies choose": (
        make(stage("staging"), stage("prod")),
        make(stage("staging"), stage("prod")),
        stricter,
        [
            "target staging-us-central1 is no longer external, but test: deploy policies choose by it",
        ],
    ),
    "a category where there was none, and one that weighs more": (SILENT, SILENT, uncategorized, []),
    "somebody else who may release": (
        SILENT,
        make(stage("staging", 60), stage("prod"), serviceAccount="ci@ci.iam.gserviceaccount.com"),
        nothing,
        [f"{PIPELINE} may be released through by serviceAccount:ci@ci.iam.gserviceaccount.com"],
    ),
    "approval asked for": (SILENT, make(stage("staging", 60), stage("prod", approval=APPROVED)), nothing, []),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_opens_a_pipeline_is_told_in_words(
    case: tuple[Spec, Spec, Callable[[dict[str, Any]], None], list[str]],
) -> None:
    was, becomes, edit, expected = case
    assert told(was, becomes, edit) == expected


def test_a_pipeline_that_an_earlier_run_left_half_made_is_completed() -> None:
    becomes = make(stage("staging", 60), stage("prod", approval=APPROVED))
    made = resources(becomes, "us-central1")
    whole = as_live(becomes, becomes)
    half = dataclasses.replace(
        whole,
        resources={name: found for name, found in whole.resources.items() if "/automations/" not in name},
        members={},
        released=False,
    )
    changes = pipeline_changes(made, bindings(becomes, made), ARCHIVE, half)
    assert len(changes) == 5
    assert less_guarded(made, half, changes) == ()
    assert less_guarded(made, dataclasses.replace(half, released=True), changes) != ()
