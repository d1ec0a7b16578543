"""No change makes a live pipeline less guarded without being told apart: by example, and for random pairs."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import proto
import pytest
import yaml
from google.cloud import deploy_v1
from hypothesis import given, settings
from hypothesis import strategies as st

from msp import names
from msp.pipeline.iam import bindings
from msp.pipeline.live.changes import (
    DeleteResource,
    Grant,
    LiftSuspension,
    PipelineChange,
    PutResource,
    pipeline_changes,
    wanted_resources,
)
from msp.pipeline.live.guards import LessGuarded, less_guarded
from msp.pipeline.live.keep import kept_guards
from msp.pipeline.live.report import headline, weakening
from msp.pipeline.live.state import Live, LiveArchive
from msp.pipeline.resources import PipelineResources, resources
from msp.spec import Spec, parse

ARCHIVE = b"archive"
CATEGORIES = {"dev": "test", "staging": "test", "dogfood": "internal", "prod": "external"}
ANOTHER = "approval.not-author"
PROJECT = "customTarget/projectID"


def make(*stages: dict[str, Any], **rollout: Any) -> Spec:
    tree = {
        "service": {"id": "msp-example", "owners": ["core-services"], "description": "An example."},
        "build": {"image": "us.gcr.io/p/msp-example", "source": {"repo": "github.com/a/b", "dir": "c"}},
        "rollout": {"stages": list(stages), **rollout},
        "environments": [
            {
                "id": stage["environment"],
                "projectID": f"msp-example-{stage['environment']}-0000",
                "category": CATEGORIES[stage["environment"]],
                "deploy": {"type": "rollout"},
            }
            for stage in stages
        ],
    }
    return parse(yaml.safe_dump(tree).encode(), "service.yaml")


def stage(environment: str, wait: int | None = None, approval: dict[str, bool] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"environment": environment}
    if wait is not None:
        found["promotionStrategy"] = {"type": "automatic", "automatic": {"delaySeconds": wait}}
    if approval is not None:
        found["approval"] = approval
    return found


def as_live(was: Spec, becomes: Spec, edit: Callable[[dict[str, Any]], None] = lambda _: None) -> Live:
    """What there is after one specification was applied and edited by hand, as it is read for another one."""
    made, asked = resources(was, "us-central1"), resources(becomes, "us-central1")
    there = {message.name: type(message)(message) for message in wanted_resources(made)}
    edit({names.short_name(name): message for name, message in there.items()})
    wanted = {message.name for message in wanted_resources(asked)}
    members = dict[str, set[tuple[str, str]]]()
    for row in bindings(was, made):
        members.setdefault(row.resource, set()).add((row.role, row.member))
    return Live(
        resources={name: message for name, message in there.items() if name in wanted},
        leftovers=tuple(message for name, message in there.items() if name not in wanted),
        members={name: frozenset(found) for name, found in members.items()},
        archive=LiveArchive(bucket_exists=True, content=ARCHIVE, generation=1),
        released=True,
    )


def compared(becomes: Spec, live: Live) -> tuple[tuple[PipelineChange, ...], tuple[LessGuarded, ...]]:
    made = resources(becomes, "us-central1")
    changes = pipeline_changes(made, bindings(becomes, made), ARCHIVE, live)
    return changes, less_guarded(made, live, changes)


def told(was: Spec, becomes: Spec, edit: Callable[[dict[str, Any]], None] = lambda _: None) -> list[str]:
    _, found = compared(becomes, as_live(was, becomes, edit))
    return [weakening(each) for each in found]


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
    kept = [
        f"{guard} of {names.short_name(name)}" for name, guard in kept_guards(resources(SILENT, "us-central1"), live)
    ]
    assert kept == [
        "approval of target prod-us-central1",
        "approval by someone else than the author of target prod-us-central1",
        f"suspension of {PIPELINE}",
        "suspension of automation promote-staging-us-central1",
    ]


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


def moved(live: dict[str, Any]) -> None:
    live["target staging-us-central1"].deploy_parameters[PROJECT] = "elsewhere-0000"


def swapped(live: dict[str, Any]) -> None:
    first, second = live[PIPELINE].serial_pipeline.stages
    live[PIPELINE].serial_pipeline = deploy_v1.SerialPipeline(stages=[second, first])


def stricter(live: dict[str, Any]) -> None:
    live["target staging-us-central1"].labels["msp-category"] = "external"


def nothing(live: dict[str, Any]) -> None:
    del live


AUTOMATION = "automation promote-staging-us-central1"
BY_ITSELF = f"{AUTOMATION} promotes to target prod-us-central1 by itself, where somebody had to decide it"
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
        [
            BY_ITSELF.replace("prod", "_").replace("staging", "dev").replace("_", "staging"),
        ],
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


# ---- random pairs, against a measure of its own -------------------------------------------------------------------

ENVIRONMENTS = st.lists(st.sampled_from(["dev", "staging", "dogfood"]), unique=True, max_size=3)
WAITS = st.sampled_from([None, 0, 60, 300])
APPROVALS = st.sampled_from(
    [None, None, {"required": False}, {"required": True}, {"required": True, "notAuthor": True}]
)
SUSPENDED = st.sampled_from([None, None, True, False])
ACCOUNTS = st.sampled_from([None, "ci@ci.iam.gserviceaccount.com", "cd@cd.iam.gserviceaccount.com"])


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    names = draw(ENVIRONMENTS)
    stages = [stage(name, draw(WAITS), draw(APPROVALS)) for name in names] + [stage("prod", None, draw(APPROVALS))]
    rollout = {"suspended": draw(SUSPENDED), "serviceAccount": draw(ACCOUNTS)}
    return make(*stages, **{key: value for key, value in rollout.items() if value is not None})


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Spec, Live]:
    was, becomes = draw(specs()), draw(specs())

    def edit(live: dict[str, Any]) -> None:
        for message in live.values():
            if isinstance(message, deploy_v1.Target):
                message.require_approval |= draw(st.booleans())
                message.labels["msp-category"] = draw(st.sampled_from([message.labels["msp-category"], "external"]))
            elif isinstance(message, deploy_v1.Automation | deploy_v1.DeliveryPipeline):
                message.suspended |= draw(st.booleans())

    live = as_live(was, becomes, edit)
    kept = {name: found for name, found in live.resources.items() if "Pipelines/" not in name or draw(st.booleans())}
    whole = draw(st.booleans())
    return becomes, dataclasses.replace(live, resources=live.resources if whole else kept, released=draw(st.booleans()))


State = dict[str, Any]


def states(live: Live, changes: tuple[PipelineChange, ...], *, prune: bool) -> Iterator[tuple[State, State]]:
    """What is there, and who may release, after each change."""
    there = {message.name: message for message in (*live.resources.values(), *live.leftovers)}
    members = dict(live.members)
    for change in changes:
        match change:
            case PutResource():
                there[change.wanted.name] = change.wanted
            case DeleteResource() if prune:
                del there[change.live.name]
            case Grant():
                added = {(row.role, row.member) for row in change.bindings}
                members[change.resource] = members.get(change.resource, frozenset()) | added
            case LiftSuspension():
                lifted: proto.Message = type(change.live)(there[change.live.name])
                lifted.suspended = False
                there[lifted.name] = lifted
        yield dict(there), dict(members)


def protections(pipeline: str, there: State, members: State, *, released: bool) -> set[tuple[Any, ...]]:
    """All that keeps a release back, one by one: what is in the set before and not after was lost."""
    if pipeline not in there:
        return set()
    location = pipeline.partition("/deliveryPipelines/")[0]
    ids = [each.target_id for each in there[pipeline].serial_pipeline.stages]
    targets = [there[f"{location}/targets/{name}"] for name in ids]
    places = [target.deploy_parameters[PROJECT] for target in targets]
    found: set[tuple[Any, ...]] = {("before", one, places[n]) for n in range(len(places)) for one in places[:n]}
    found |= {("stage", place) for place in places}
    found |= {("approval", place) for place, target in zip(places, targets, strict=True) if target.require_approval}
    found |= {
        ("another", place) for place, target in zip(places, targets, strict=True) if ANOTHER in target.annotations
    }
    for place, target in zip(places, targets, strict=True):
        order = ["test", "internal", "external"]
        found |= {("category", place, each) for each in order[: order.index(target.labels["msp-category"]) + 1]}
    automations = [message for message in there.values() if isinstance(message, deploy_v1.Automation)]
    # An automation that is gone promotes nothing: nor does one that is suspended.
    found |= {("suspended", each.name) for each in [there[pipeline], *automations] if each.suspended}
    found |= {("goes on", each.name) for each in automations if not each.suspended}
    if not released:
        return found
    for account in ("ci@ci", "cd@cd"):
        member = f"serviceAccount:{account}.iam.gserviceaccount.com"
        if ("roles/clouddeploy.releaser", member) not in members.get(pipeline, ()):
            found.add(("kept out", account))
    for held_too in (True, False):
        for place, into, target in zip(places[1:], ids[1:], targets[1:], strict=True):
            source = ids[ids.index(into) - 1]
            waits = [
                deploy_v1.Automation.pb(each).rules[0].promote_release_rule.wait.seconds
                for each in automations
                if each.selector.targets[0].id == source and (held_too or not each.suspended)
            ]
            for limit in (0, 60, 300, 1e9):
                if min(waits, default=2e9) >= limit:
                    guarded = target.require_approval or target.labels["msp-category"] == "external"
                    found.add(("time", place, limit, held_too, guarded))
    return found


def lost(before: set[tuple[Any, ...]], after: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """What is protected no longer; time counts for stages that are guarded."""
    gone = set[tuple[Any, ...]]()
    removed = {each[1] for each in before if each[0] == "stage"} - {each[1] for each in after if each[0] == "stage"}
    had = {each[1:4] for each in before if each[0] == "time"}
    has = {each[1:4] for each in after if each[0] == "time"}
    guarded = {each[1] for each in before | after if each[0] == "time" and each[4]}
    gone |= {("time", *each) for each in had - has if each[0] in guarded and each[0] not in removed}
    for each in before - after:
        if each[0] == "suspended" and "/automations/" in each[1] and ("goes on", each[1]) not in after:
            continue
        if each[0] not in {"time", "goes on"} and not (each[0] != "stage" and removed & set(each[1:])):
            gone.add(each)
    return gone


@settings(max_examples=2000, deadline=None)
@given(pairs(), st.booleans())
def test_for_random_pairs_nothing_opens_that_is_not_told_and_nothing_is_told_that_does_not_open(
    pair: tuple[Spec, Live], prune: bool
) -> None:
    becomes, live = pair
    made: PipelineResources = resources(becomes, "us-central1")
    changes, found = compared(becomes, live)
    pipeline = made.delivery_pipeline.name

    def measured(there: State, members: State) -> set[tuple[Any, ...]]:
        return protections(pipeline, there, members, released=live.released)

    there = {message.name: message for message in (*live.resources.values(), *live.leftovers)}
    before = measured(there, dict(live.members))
    after = [measured(*state) for state in states(live, changes, prune=prune)] or [before]
    losses = [lost(before, each) for each in after]
    if not found:
        assert not any(losses)  # wherever it is cut short
    elif not prune:
        assert losses[-1]
    if all(each.specified for each in found):
        assert {each[0] for loss in losses for each in loss} <= {"approval", "another", "suspended", "time"}


@settings(max_examples=50, deadline=None)
@given(pairs(), st.booleans())
def test_applied_again_it_changes_nothing(pair: tuple[Spec, Live], prune: bool) -> None:
    becomes, live = pair
    changes, _ = compared(becomes, live)
    *_, (there, members) = [({**live.resources}, dict(live.members)), *states(live, changes, prune=prune)]
    made = resources(becomes, "us-central1")
    wanted = {message.name for message in wanted_resources(made)}
    applied = dataclasses.replace(
        live,
        resources={name: message for name, message in there.items() if name in wanted},
        leftovers=(),
        members=members,
    )
    assert compared(becomes, applied) == ((), ())
