"""No change makes a live pipeline less guarded without being told apart: random pairs, against a measure of its own."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import proto
from google.cloud import deploy_v1
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.live.transition import ANOTHER, PROJECT, as_live, compared, make, stage

from msp.pipeline.live.changes import (
    DeleteResource,
    Grant,
    LiftSuspension,
    PipelineChange,
    PutResource,
    wanted_resources,
)
from msp.pipeline.live.state import Live
from msp.pipeline.resources import PipelineResources, resources
from msp.spec import Spec

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
    for place, into in zip(places[1:], ids[1:], strict=True):
        source = ids[ids.index(into) - 1]
        going = [not each.suspended for each in automations if each.selector.targets[0].id == source]
        if going and not any(going):
            found.add(("held", place))
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
    """What is protected no longer; time counts for stages that are guarded, or that somebody holds."""
    gone = set[tuple[Any, ...]]()
    removed = {each[1] for each in before if each[0] == "stage"} - {each[1] for each in after if each[0] == "stage"}
    had = {each[1:4] for each in before if each[0] == "time"}
    has = {each[1:4] for each in after if each[0] == "time"}
    guarded = {each[1] for each in before | after if each[0] == "time" and each[4]}
    guarded |= {each[1] for each in before if each[0] == "held"}
    gone |= {("time", *each) for each in had - has if each[0] in guarded and each[0] not in removed}
    for each in before - after:
        if each[0] == "suspended" and "/automations/" in each[1] and ("goes on", each[1]) not in after:
            continue
        if each[0] not in {"time", "goes on", "held"} and not (each[0] != "stage" and removed & set(each[1:])):
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
