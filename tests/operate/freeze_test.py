from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.operate.live import REGION, Live

from msp.errors import BlockedError, UsageError
from msp.gcp.endpoints import Endpoints
from msp.gcp.retry import RetryPolicy
from msp.operate.approve import Approve
from msp.operate.command import ChangedMeanwhileError, Command, RefusedError, Settings
from msp.operate.each import run_each
from msp.operate.facts import read_location
from msp.operate.freeze import Freeze, FreezeCategory
from msp.operate.host import Cloud
from msp.operate.promote import Promote
from msp.operate.rollback import Rollback
from msp.operate.service import Service
from msp.operate.unfreeze import Unfreeze, UnfreezeCategory
from msp.operate.until import Until
from msp.show.output import Output

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
BERLIN = ZoneInfo("Europe/Berlin")


def until(hours: float) -> Until:
    return Until(NOW + timedelta(hours=hours), BERLIN)


def policies(live: Live) -> dict[str, Any]:
    found = live.call("GET", f"/v1/{live.service.location}/deployPolicies").get("deployPolicies", [])
    return {each["name"].rpartition("/")[2]: each for each in found}


def end_of(policy: Any) -> datetime:
    window = policy["rules"][0]["rolloutRestriction"]["timeWindows"]["oneTimeWindows"][0]
    date, time = window["endDate"], window["endTime"]
    return datetime(date["year"], date["month"], date["day"], time.get("hours", 0), time.get("minutes", 0), tzinfo=UTC)


def add_policy(live: Live, policy: str, selectors: object, labels: dict[str, str] | None = None) -> None:
    live.freeze(policy, ["CREATE", "APPROVE", "ADVANCE"])
    body = {"selectors": selectors, "labels": labels or {}}
    live.call("PATCH", f"/v1/{live.service.location}/deployPolicies/{policy}", body, updateMask="selectors,labels")


def test_nothing_goes_forward_and_everything_back(make_live: Callable[..., Live]) -> None:
    live = make_live()
    live.make_pipeline({"prod": {"requireApproval": True}})
    good, bad = live.deliver("staging"), ""
    for release in (good, bad):
        bad = release or live.deliver("staging")
        live.roll_out(bad, "prod")
        assert live.run(Approve(by=frozenset({"grace hopper"}))) == 0
    waits = live.deliver("staging", "prod")
    live.automate("staging", rules=[{"promoteReleaseRule": {"id": "promote", "wait": "0s"}}])
    assert live.run(Freeze(until(8), "INC-1", ("prod",))) == 0
    with pytest.raises(BlockedError, match=r"frozen until .* by policy 'frozen-\S+' \(INC-1\)") as caught:
        live.run(Approve(by=frozenset({"grace hopper"})))
    assert caught.value.exit_code == 4
    live.deliver("staging")
    with pytest.raises(BlockedError, match="INC-1") as caught:
        live.run(Promote(stage="prod"))
    assert caught.value.exit_code == 4
    assert [each["name"].partition("/releases/")[2].partition("/")[0] for each in live.rollouts("prod")] == [
        waits,
        bad,
        good,
    ]
    policy = f"frozen-{live.id}-prod-us-central1"
    assert live.run(Rollback("prod", reason="INC-1")) == 4
    assert "it waits for an approval, and prod-us-central1 is frozen until" in live.said
    assert f"approve --stage=prod --override_freeze={policy} --reason=" in live.said.replace("\n", " ")
    assert (
        live.run(Approve(by=frozenset({"grace hopper"}), release=good, override_freeze=(policy,), reason="INC-1")) == 0
    )
    assert live.rollouts("prod")[0]["state"] == "SUCCEEDED"
    assert f"/releases/{bad}/" in live.rollouts("prod")[0]["rollbackOfRollout"]
    assert f"/releases/{good}/" in live.rollouts("prod")[0]["name"]


def test_back_passes_a_freeze(live: Live) -> None:
    good, bad = live.deliver("staging", "prod"), live.deliver("staging", "prod")
    live.run(Freeze(until(8), "INC-1", ("prod",)))
    assert live.run(Rollback("prod", reason="INC-1")) == 0
    newest = live.rollouts("prod")[0]
    assert newest["state"] == "SUCCEEDED"
    assert f"/releases/{good}/" in newest["name"]
    assert f"/releases/{bad}/" in newest["rollbackOfRollout"]


def test_what_waits_is_rejected_when_the_freeze_is_over_or_overridden(make_live: Callable[..., Live]) -> None:
    live = make_live()
    live.make_pipeline({"prod": {"requireApproval": True}})
    live.deliver("staging", "prod")
    live.run(Freeze(until(8), "INC-1", ("prod",)))
    with pytest.raises(BlockedError, match="is frozen until") as caught:
        live.run(Approve(approved=False, by=frozenset({"grace hopper"})))
    policy = f"frozen-{live.id}-prod-us-central1"
    assert f"reject --stage=prod --release=deploy-010101010101-1 --override_freeze={policy}" in caught.value.hint
    assert live.run(Approve(approved=False, override_freeze=(policy,), reason="wrong week")) == 0
    assert live.rollouts("prod")[0]["state"] == "APPROVAL_REJECTED"


def test_frozen_between_the_look_and_the_call_it_is_blocked(live: Live) -> None:
    live.deliver("staging")
    verb = Promote(stage="prod")
    looks = []

    class Frozen:
        reason = ""

        def decide(self, *given: Any) -> object:
            decision = verb.decide(*given)
            looks.append(1)
            if len(looks) == 1:
                Live(live.cloud, live.folder, id=live.id).run(Freeze(until(8), "INC-1", ("prod",)))
            return decision

    with pytest.raises(BlockedError, match=r"frozen until .* \(INC-1\)"):
        live.run(Frozen())  # type: ignore[arg-type]
    assert live.rollouts("prod") == []


def test_a_policy_says_whose_it_is_why_and_until_when(live: Live) -> None:
    assert live.run(Freeze(until(8), "INC-1", ("prod",))) == 0
    ((policy_id, policy),) = policies(live).items()
    assert policy_id == f"frozen-{live.id}-prod-us-central1"
    assert policy["labels"] == {"msp-freeze": "by-hand", "msp-service": live.id}
    assert policy["annotations"] == {**policy["annotations"], "reason": "INC-1", "by": "Grace Hopper"}
    assert policy["description"] == "INC-1"
    assert policy["rules"][0]["rolloutRestriction"]["actions"] == ["ADVANCE", "APPROVE", "CREATE"]
    assert policy["selectors"] == [
        {"deliveryPipeline": {"id": live.service.pipeline_id}, "target": {"id": "prod-us-central1"}}
    ]
    assert end_of(policy) == until(8).moment
    assert f"freeze prod until {until(8).words}" in live.said
    assert f"prod is frozen until {until(8).moment:%Y-%m-%d %H:%M} UTC (policy {policy_id})" in live.said


def test_without_a_stage_it_is_those_that_customers_see_and_it_says_so(live: Live) -> None:
    assert live.run(Freeze(until(8), "INC-1")) == 0
    assert list(policies(live)) == [f"frozen-{live.id}-prod-us-central1"]
    assert "without --stage: the stages of category external" in live.said
    assert live.run(Freeze(until(8), "INC-1", ("all",))) == 0
    assert len(policies(live)) == 2
    assert "prod is frozen until" in live.said


def test_where_no_stage_is_external_it_asks_which(make_live: Callable[..., Live]) -> None:
    live = make_live(stages=("staging", "dev"))
    live.make_pipeline()
    with pytest.raises(UsageError, match="none is of category external") as caught:
        live.run(Freeze(until(8), "INC-1"))
    assert "--stage=STAGE" in caught.value.hint


def test_run_twice_it_makes_one_and_longer_extends_it(live: Live) -> None:
    assert live.run(Freeze(until(8), "INC-1", ("prod",))) == 0
    assert live.run(Freeze(until(8), "again", ("prod",))) == 0
    assert "by Grace Hopper" in live.said
    assert "INC-1: nothing to do" in live.said
    assert live.run(Freeze(until(9), "INC-2", ("prod",))) == 0
    (policy,) = policies(live).values()
    assert end_of(policy) == until(9).moment
    assert policy["annotations"]["reason"] == "INC-2"


def test_to_end_it_earlier_takes_a_word(live: Live) -> None:
    assert live.run(Freeze(until(8), "INC-1", ("prod",))) == 0
    with pytest.raises(RefusedError, match="is earlier") as caught:
        live.run(Freeze(until(1), "INC-2", ("prod",)))
    assert f"--until={until(1).moment:%Y-%m-%dT%H:%M}Z --shorten --reason=" in caught.value.hint
    assert live.run(Freeze(until(1), "INC-2", ("prod",), shorten=True)) == 0
    assert "note: --shorten: prod is frozen until" in live.said
    assert end_of(*policies(live).values()) == until(1).moment


def test_what_is_over_or_suspended_is_made_anew(live: Live) -> None:
    assert live.run(Freeze(until(8), "INC-1", ("prod",))) == 0
    (policy_id,) = policies(live)
    path = f"/v1/{live.service.location}/deployPolicies/{policy_id}"
    live.call("PATCH", path, {"suspended": True}, updateMask="suspended")
    assert live.run(Freeze(until(1), "INC-2", ("prod",))) == 0
    policy = policies(live)[policy_id]
    assert policy.get("suspended", False) is False
    assert end_of(policy) == until(1).moment


def test_somebody_elses_policy_of_that_name_is_left(live: Live) -> None:
    add_policy(live, f"frozen-{live.id}-prod-us-central1", [{"target": {"id": "*"}}])
    before = policies(live)
    with pytest.raises(RefusedError, match="was not made by hand with these tools"):
        live.run(Freeze(until(8), "INC-1", ("prod",)))
    assert policies(live) == before


@pytest.mark.parametrize("verb", [Freeze(until(8), " "), Unfreeze(), UnfreezeCategory("external")])
def test_a_reason_is_needed(live: Live, verb: Any) -> None:
    with pytest.raises(UsageError, match="needs a reason"):
        live.run(verb)
    assert policies(live) == {}


@pytest.mark.parametrize(
    "reason",
    [
        "\x1b[31mred\x1b]0;title\x07",
        "two\nlines\r\n::error::no",
        "\N{RIGHT-TO-LEFT OVERRIDE}gnorw",
        "undecodable \udcff",
        "'; rm -rf / #",
        "Bäume \N{DECIDUOUS TREE} " + "x" * 5000,
    ],
)
def test_whatever_the_reason_says_it_is_kept_and_harms_nobody(live: Live, reason: str) -> None:
    assert live.run(Freeze(until(8), reason, ("prod",))) == 0
    (policy,) = policies(live).values()
    kept = policy["annotations"]["reason"]
    assert kept.isprintable() or "\N{DECIDUOUS TREE}" in kept
    assert len(policy["description"]) <= 255
    assert live.run(Freeze(until(8), reason, ("prod",))) == 0
    assert "\x1b" not in live.said
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in live.said
    assert "\n::error" not in live.said
    live.deliver("staging")
    with pytest.raises(BlockedError):
        live.run(Promote(stage="prod"))


def test_a_dry_run_asks_and_changes_nothing(live: Live) -> None:
    assert live.run(Freeze(until(8), "INC-1", ("prod",)), Settings(dry_run=True)) == 0
    assert policies(live) == {}
    live.run(Freeze(until(8), "INC-1", ("prod",)))
    before = policies(live)
    assert live.run(Freeze(until(9), "INC-1", ("prod",)), Settings(dry_run=True)) == 0
    assert live.run(Unfreeze("mended"), Settings(dry_run=True)) == 0
    assert policies(live) == before


def test_unfreezes_what_was_frozen_by_hand_and_says_what_that_was(live: Live) -> None:
    live.run(Freeze(until(8), "INC-1", ("all",)))
    assert live.run(Unfreeze("mended", ("prod",))) == 0
    assert f"prod is frozen until {until(8).moment:%Y-%m-%d %H:%M} UTC by Grace Hopper" in live.said
    assert "INC-1" in live.said
    assert list(policies(live)) == [f"frozen-{live.id}-staging-us-central1"]
    assert live.run(Unfreeze("mended")) == 0
    assert policies(live) == {}
    assert live.run(Unfreeze("mended")) == 0
    assert "staging and prod is not frozen: nothing to do" in live.said


def test_before_customers_get_something_again_it_asks(live: Live) -> None:
    live.run(Freeze(until(8), "INC-1", ("prod",)))
    with pytest.raises(RefusedError, match="nothing was done"):
        live.run(Unfreeze("mended"), typed="n\n")
    assert live.run(Unfreeze("mended"), typed="y\n") == 0
    assert policies(live) == {}


def test_changed_while_it_is_looked_at_it_stays(live: Live) -> None:
    live.run(Freeze(until(8), "INC-1", ("prod",)))
    verb = Unfreeze("mended")

    class Overtaken:
        reason = "mended"

        def decide(self, *given: Any) -> object:
            decision = verb.decide(*given)
            Live(live.cloud, live.folder, id=live.id).run(Freeze(until(9), "INC-2", ("prod",)))
            return decision

    with pytest.raises(ChangedMeanwhileError):
        live.run(Overtaken())  # type: ignore[arg-type]
    assert end_of(*policies(live).values()) == until(9).moment


def test_of_two_with_different_ends_one_is_told(live: Live) -> None:
    verb = Freeze(until(9), "INC-2", ("prod",))

    class Overtaken:
        reason = "INC-2"

        def decide(self, *given: Any) -> object:
            decision = verb.decide(*given)
            Live(live.cloud, live.folder, id=live.id).run(Freeze(until(8), "INC-1", ("prod",)))
            return decision

    with pytest.raises(ChangedMeanwhileError, match="was made meanwhile, with another end"):
        live.run(Overtaken())  # type: ignore[arg-type]
    assert end_of(*policies(live).values()) == until(8).moment
    assert live.run(verb) == 0
    assert end_of(*policies(live).values()) == until(9).moment


OURS = {"msp-freeze": "standing", "msp": "true"}


def test_a_standing_freeze_is_ended_where_it_is_written(live: Live) -> None:
    add_policy(live, f"freeze-{live.id}-holidays", [{"deliveryPipeline": {"id": live.service.pipeline_id}}], OURS)
    with pytest.raises(RefusedError, match="it stands in the specification") as caught:
        live.run(Unfreeze("mended", ("prod",)))
    assert "at 'holidays' in rollout.freezes, set suspended to true" in caught.value.hint
    assert len(policies(live)) == 1
    live.run(Freeze(until(8), "INC-1", ("prod",)))
    assert f"policy freeze-{live.id}-holidays" in live.said
    assert live.run(Unfreeze("mended", ("prod",))) == 0
    assert "still, prod is frozen until 2126-01-01" in live.said
    assert list(policies(live)) == [f"freeze-{live.id}-holidays"]


def test_somebody_elses_freeze_is_told_with_the_command_that_shows_it(live: Live) -> None:
    add_policy(live, "no-changes", [{"target": {"id": "*"}}])
    with pytest.raises(RefusedError, match="it was not made for this service with these tools") as caught:
        live.run(Unfreeze("mended", ("prod",)))
    assert "gcloud deploy deploy-policies describe no-changes --region=us-central1" in caught.value.hint


def test_one_of_several_by_its_id(live: Live) -> None:
    live.run(Freeze(until(8), "INC-1", ("prod",)))
    selectors = [{"deliveryPipeline": {"id": live.service.pipeline_id}}]
    add_policy(live, "by-console", selectors, {"msp-freeze": "by-hand"})
    with pytest.raises(UsageError, match="--policy=nonsense: no such policy freezes staging and prod") as caught:
        live.run(Unfreeze("mended", policy="nonsense"))
    assert f"by-console, frozen-{live.id}-prod-us-central1" in caught.value.hint
    assert live.run(Unfreeze("mended", policy="by-console")) == 0
    assert list(policies(live)) == [f"frozen-{live.id}-prod-us-central1"]


def whole(live: Live, verb: Any) -> int:
    """Runs a verb about all of a project."""
    cloud = Cloud.connect(Endpoints.local(live.cloud.http_url), retry=RetryPolicy(attempts=2, sleep=lambda _: None))
    service = Service(live.service.project, REGION, "")
    return Command(
        verb, service, live.host(), cloud, Output(live.out), Settings(by="Grace Hopper"), read=read_location
    ).run()


def test_a_category_is_frozen_by_one_policy_for_all_services(live: Live) -> None:
    live.deliver("staging")
    with pytest.raises(UsageError, match=r"no target in .* is of that category") as caught:
        whole(live, FreezeCategory("exernal", until(8), "INC-1"))
    assert caught.value.hint == "there are targets of: external, test"
    assert whole(live, FreezeCategory("external", until(8), "INC-1")) == 0
    assert "1 target now, and those to come: prod-us-central1" in live.said
    assert list(policies(live)) == ["frozen-external"]
    assert policies(live)["frozen-external"]["selectors"] == [{"target": {"labels": {"msp-category": "external"}}}]
    with pytest.raises(BlockedError, match=r"by policy 'frozen-external' \(INC-1\)"):
        live.run(Promote(stage="prod"))
    with pytest.raises(RefusedError, match="it freezes other services too") as refused:
        live.run(Unfreeze("mended"))
    ends = f"unfreeze --project={live.service.project} --region=us-central1 --category=external"
    assert ends in refused.value.hint
    live.out.truncate(0)
    assert whole(live, FreezeCategory("external", until(8), "INC-1")) == 0
    assert "nothing to do" in live.said
    assert whole(live, UnfreezeCategory("external", "mended")) == 0
    assert policies(live) == {}
    assert whole(live, UnfreezeCategory("external", "mended")) == 0
    assert "every external stage is not frozen by one policy: nothing to do" in live.said


def test_of_several_services_each_gets_its_own_and_what_fails_stops_no_other(live: Live) -> None:
    other = Live(live.cloud, live.folder, id=f"{live.id}-b")
    cloud = Cloud.connect(Endpoints.local(live.cloud.http_url), retry=RetryPolicy(attempts=2, sleep=lambda _: None))
    verb, out = Freeze(until(8), "INC-1"), Output(live.out)
    commands = [
        Command(verb, each.service, live.host(), cloud, out, Settings(by="Grace Hopper")) for each in (other, live)
    ]
    assert run_each("freeze 2 services", commands, out) == 2
    assert f"✗ {other.id}: {other.id} has no delivery pipeline" in live.said
    assert list(policies(live)) == [f"frozen-{live.id}-prod-us-central1"]
