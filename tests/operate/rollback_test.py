from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.operate.live import Live

from msp.errors import BlockedError, UsageError
from msp.localcloud.thread import CloudThread
from msp.operate import command
from msp.operate.command import ChangedMeanwhileError, RefusedError, Settings
from msp.operate.promote import Promote
from msp.operate.rollback import Rollback
from msp.operate.service import Service


def test_goes_back_to_the_last_good_release_whatever_failed_since(live: Live) -> None:
    """Where gcloud goes to the second newest success, which is one too far."""
    live.deliver("staging", "prod")
    bad = live.deliver("staging")
    live.roll_out(bad, "prod", fails=True)
    good = live.deliver("staging", "prod")
    worse = live.deliver("staging")
    live.roll_out(worse, "prod", fails=True)
    assert live.run(Rollback("prod", reason="INC-1")) == 0
    newest = live.rollouts("prod")[0]
    assert f"/releases/{good}/" in newest["name"]
    assert f"/releases/{worse}/" in newest["rollbackOfRollout"]
    assert newest["description"] == "INC-1"
    assert newest["annotations"]["by"] == "Grace Hopper"


def test_run_twice_it_goes_back_once(live: Live) -> None:
    for _ in range(3):
        live.deliver("staging", "prod")
    assert live.run(Rollback("prod")) == 0
    assert live.run(Rollback("prod")) == 0
    assert len(live.rollouts("prod")) == 4
    assert "was rolled back to deploy-020202020202-2 already" in live.said
    assert live.run(Rollback("prod", to="deploy-010101010101-1")) == 0
    assert "/releases/deploy-010101010101-1/" in live.rollouts("prod")[0]["name"]


def test_holds_promotion_into_the_stage(live: Live) -> None:
    automation = live.automate("staging", suspended=True)
    for _ in range(2):
        live.deliver("staging", "prod")
    name = f"/v1/{live.service.pipeline}/automations/{automation}"
    live.call("PATCH", name, {"suspended": False}, updateMask="suspended")
    assert live.run(Rollback("prod", reason="INC-2")) == 0
    found = live.call("GET", name)
    assert found["suspended"] is True
    assert found["annotations"]["reason"] == "INC-2"
    assert found["annotations"]["by"] == "Grace Hopper"
    assert "promotion into prod-us-central1 is held" in live.said


def test_killed_before_it_held_the_next_run_holds(live: Live) -> None:
    automation = live.automate("staging", suspended=True)
    for _ in range(2):
        live.deliver("staging", "prod")
    assert live.run(Rollback("prod", hold=False)) == 0
    name = f"/v1/{live.service.pipeline}/automations/{automation}"
    live.call("PATCH", name, {"suspended": False}, updateMask="suspended")
    assert live.run(Rollback("prod")) == 0
    assert live.call("GET", name)["suspended"] is True
    assert len(live.rollouts("prod")) == 3


def test_a_rollback_that_failed_is_tried_again(live: Live) -> None:
    from msp.localcloud.faults import Fault

    good = live.deliver("staging", "prod")
    live.deliver("staging", "prod")
    target = live.target("prod")
    live.cloud.faults.add(Fault(method=f"execution/deploy/{target}", code="INTERNAL", message="oh", times=1))
    assert live.run(Rollback("prod")) == 3
    assert live.run(Rollback("prod")) == 0
    assert live.rollouts("prod")[0]["name"].endswith(f"/releases/{good}/rollouts/{good}-to-{target}-0003")


def test_after_a_rollback_the_same_image_is_not_promoted_again(live: Live) -> None:
    live.deliver("staging", "prod")
    bad = live.deliver("staging", "prod")
    assert live.run(Rollback("prod", reason="INC-3")) == 0
    with pytest.raises(RefusedError, match=r"was rolled back on prod-us-central1 by Grace Hopper .*: INC-3"):
        live.run(Promote(stage="prod", release=bad))
    assert live.run(Promote(stage="prod", release=bad, downgrade=True, reason="mended elsewhere")) == 0


def test_a_freeze_that_forbids_to_go_forward_lets_it_pass(live: Live) -> None:
    for _ in range(2):
        live.deliver("staging", "prod")
    live.freeze("no-changes", ["CREATE", "APPROVE", "ADVANCE"])
    assert live.run(Rollback("prod")) == 0


def test_a_freeze_of_rollbacks_blocks_until_it_is_overridden(live: Live) -> None:
    for _ in range(2):
        live.deliver("staging", "prod")
    live.freeze("no-rollback", ["ROLLBACK"])
    with pytest.raises(BlockedError, match="frozen until"):
        live.run(Rollback("prod"))
    assert live.run(Rollback("prod", override_freeze=("no-rollback",), reason="INC-4")) == 0


def test_where_somebody_was_faster_it_says_so(live: Live) -> None:
    for _ in range(2):
        live.deliver("staging", "prod")
    verb = Rollback("prod", to="deploy-010101010101-1")

    class Overtaken:
        reason = ""

        def decide(self, *given: object) -> object:
            decision = verb.decide(*given)  # type: ignore[arg-type]
            if len(live.rollouts("prod")) == 2:
                live.deliver("staging", "prod")
            return decision

    with pytest.raises(ChangedMeanwhileError, match="the latest rollout in target"):
        live.run(Overtaken())  # type: ignore[arg-type]
    assert len(live.rollouts("prod")) == 3


def test_with_nothing_to_go_back_to_it_says_so(live: Live) -> None:
    with pytest.raises(RefusedError, match="nothing was ever deployed to prod-us-central1"):
        live.run(Rollback("prod"))
    live.deliver("staging", "prod")
    with pytest.raises(RefusedError, match="has had no good release besides deploy-010101010101-1"):
        live.run(Rollback("prod"))
    with pytest.raises(UsageError, match=r"--to=nonsense: .* has no such release"):
        live.run(Rollback("prod", to="nonsense"))


def test_a_dry_run_asks_whether_it_would_be_allowed(live: Live) -> None:
    for _ in range(2):
        live.deliver("staging", "prod")
    assert live.run(Rollback("prod"), Settings(dry_run=True)) == 0
    assert "roll prod back from deploy-020202020202-2 to deploy-010101010101-1" in live.said
    assert len(live.rollouts("prod")) == 2


def test_what_waits_for_an_approval_ends_with_4(make_live: Callable[..., Live]) -> None:
    live = make_live()
    live.make_pipeline()
    live.deliver("staging", "prod")
    live.deliver("staging", "prod")
    target = f"/v1/{live.service.location}/targets/{live.target('prod')}"
    live.call("PATCH", target, {"requireApproval": True}, updateMask="requireApproval")
    live.deliver("staging")
    assert live.run(Rollback("prod")) in {0, 4}


def test_bazel_is_asked_what_leaves_only_where_a_person_reads_it(
    shared_cloud: CloudThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loading half a repository takes longer than prod may be broken."""

    class OfAnImage(Live):
        @property
        def service(self) -> Service:
            return replace(super().service, image="//svc:image")

    asked: list[str] = []

    def changes_between(*_: object, image: str) -> None:
        asked.append(image)

    monkeypatch.setattr(command, "changes_between", changes_between)
    live = OfAnImage(shared_cloud, tmp_path)
    live.make_pipeline()
    for _ in range(3):
        live.deliver("staging", "prod")
    with pytest.raises(RefusedError):
        live.run(Rollback("prod"), typed="n\n")
    assert live.run(Rollback("prod")) == 0
    assert asked == ["//svc:image", ""]
