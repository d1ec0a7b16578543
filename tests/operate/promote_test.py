from collections.abc import Callable

import pytest
from tests.operate.live import Live

from msp.errors import BlockedError, MspError, UsageError
from msp.operate.command import RefusedError, Settings
from msp.operate.promote import Promote


def test_takes_the_newest_release_to_the_stage_after_its_furthest(live: Live) -> None:
    release = live.deliver("staging")
    assert live.run(Promote()) == 0
    (rollout,) = live.rollouts("prod")
    assert rollout["name"].endswith(f"/releases/{release}/rollouts/{release}-to-prod-us-central1-0001")
    assert "· " + release + " succeeded on staging-us-central1" in live.said
    assert f"✓ {release} to prod-us-central1 succeeded" in live.said


def test_run_twice_it_promotes_once(live: Live) -> None:
    live.deliver("staging")
    assert live.run(Promote(stage="prod")) == 0
    assert live.run(Promote(stage="prod")) == 0
    assert len(live.rollouts("prod")) == 1
    assert "runs deploy-010101010101-1 already: nothing to do" in live.said


def test_tells_when_there_is_no_further_stage(live: Live) -> None:
    live.deliver("staging", "prod")
    assert live.run(Promote()) == 0
    assert "has reached the last stage, prod-us-central1: nothing to do" in live.said


def test_after_a_failed_rollout_it_tries_again(live: Live) -> None:
    release = live.deliver("staging")
    live.roll_out(release, "prod", fails=True)
    assert live.run(Promote(stage="prod")) == 0
    assert [each["state"] for each in live.rollouts("prod")] == ["SUCCEEDED", "FAILED"]


def test_what_fails_ends_with_3_and_its_cause(live: Live) -> None:
    from msp.localcloud.faults import Fault

    live.deliver("staging")
    live.cloud.faults.add(
        Fault(method=f"execution/deploy/{live.target('prod')}", code="INTERNAL", message="no quota", times=1)
    )
    assert live.run(Promote()) == 3
    assert "✗ deploy-010101010101-1 to prod-us-central1 failed" in live.said
    assert "no quota" in live.said


def test_what_needs_an_approval_ends_with_4(make_live: Callable[..., Live]) -> None:
    live = make_live()
    live.make_pipeline({"prod": {"requireApproval": True}})
    live.deliver("staging")
    assert live.run(Promote()) == 4
    assert "waits for an approval" in live.said
    assert live.run(Promote(stage="prod")) == 4
    assert len(live.rollouts("prod")) == 1


def test_what_is_older_is_refused(live: Live) -> None:
    older = live.deliver("staging")
    live.deliver("staging", "prod")
    with pytest.raises(RefusedError, match="which is newer than deploy-010101010101-1") as caught:
        live.run(Promote(stage="prod", release=older))
    assert "--stage=prod --release=deploy-010101010101-1 --downgrade --reason='…'" in caught.value.hint
    assert len(live.rollouts("prod")) == 1
    assert live.run(Promote(stage="prod", release=older, downgrade=True, reason="INC-1")) == 0
    assert live.rollouts("prod")[0]["annotations"]["reason"] == "INC-1"
    assert live.rollouts("prod")[0]["annotations"]["by"] == "Grace Hopper"


def test_what_was_not_verified_before_is_refused(live: Live) -> None:
    release = live.release()
    with pytest.raises(RefusedError, match="has not succeeded on staging-us-central1"):
        live.run(Promote(stage="prod"))
    assert live.run(Promote(stage="prod", hotfix=True, reason="INC-2")) == 0
    assert live.rollouts("prod")[0]["name"].endswith(f"{release}-to-prod-us-central1-0001")
    assert "--hotfix: " in live.said


@pytest.mark.parametrize("verb", [Promote(downgrade=True), Promote(hotfix=True), Promote(override_freeze=("p",))])
def test_what_overrides_needs_a_reason(live: Live, verb: Promote) -> None:
    live.deliver("staging")
    with pytest.raises(UsageError, match="needs a reason"):
        live.run(verb)


def test_a_freeze_blocks_until_it_is_overridden(live: Live) -> None:
    live.deliver("staging")
    live.freeze("freeze-it", ["CREATE"])
    with pytest.raises(BlockedError, match=r"frozen until 2126-01-01 00:00 UTC by policy 'freeze-it'") as caught:
        live.run(Promote())
    assert "--override_freeze=freeze-it --reason='…'" in caught.value.hint
    assert live.run(Promote(override_freeze=("freeze-it",), reason="INC-3")) == 0
    assert "policy freeze-it is overridden" in live.said


def test_a_suspended_pipeline_blocks(make_live: Callable[..., Live]) -> None:
    live = make_live()
    live.make_pipeline()
    live.deliver("staging")
    live.call("PATCH", f"/v1/{live.service.pipeline}", {"suspended": True}, updateMask="suspended")
    with pytest.raises(BlockedError, match="is suspended"):
        live.run(Promote())


def test_a_dry_run_changes_nothing(live: Live) -> None:
    live.deliver("staging")
    assert live.run(Promote(), Settings(dry_run=True)) == 0
    assert live.rollouts("prod") == []


def test_asks_a_person_before_customers_are_concerned(live: Live) -> None:
    live.deliver("staging")
    assert live.run(Promote(), typed="y\n") == 0
    assert "promote deploy-010101010101-1 to prod? [y/N]" in live.err.getvalue()


@pytest.mark.parametrize("typed", ["n\n", "", "what?\n"])
def test_without_a_yes_nothing_is_done(live: Live, typed: str) -> None:
    live.deliver("staging")
    with pytest.raises(RefusedError, match="nothing was done"):
        live.run(Promote(), typed=typed)
    assert live.rollouts("prod") == []


@pytest.mark.parametrize(
    ("verb", "message"),
    [
        (Promote(stage="production"), "--stage=production: .* has no such stage"),
        (Promote(release="deploy-x"), "has no such release"),
    ],
)
def test_what_does_not_exist_is_told(live: Live, verb: Promote, message: str) -> None:
    live.deliver("staging")
    with pytest.raises(UsageError, match=message):
        live.run(verb)


def test_without_a_release_there_is_nothing_to_promote(live: Live) -> None:
    with pytest.raises(MspError, match="has no release that can be promoted"):
        live.run(Promote())


def test_without_a_pipeline_it_says_where_it_looked(make_live: Callable[..., Live]) -> None:
    live = make_live()
    with pytest.raises(UsageError, match=r"has no delivery pipeline 'ops\d+-us-central1-rollout' in ops\d+-prod-0000"):
        live.run(Promote())
