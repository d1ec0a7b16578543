import pytest
from tests.operate.live import Live

from msp.errors import UsageError
from msp.operate.command import RefusedError
from msp.operate.hold import Hold, Resume


def test_holds_and_lets_go_on(live: Live) -> None:
    name = f"/v1/{live.service.pipeline}/automations/{live.automate('staging', annotations={'team': 'search'})}"
    assert live.run(Hold("prod", "INC-1")) == 0
    held = live.call("GET", name)
    assert held["suspended"] is True
    assert held["annotations"] == {**held["annotations"], "team": "search", "reason": "INC-1", "by": "Grace Hopper"}
    live.deliver("staging")
    assert live.rollouts("prod") == []
    assert live.run(Hold("prod", "again")) == 0
    assert "promotion into prod-us-central1 is held by Grace Hopper since" in live.said
    assert "INC-1: nothing to do" in live.said
    assert live.run(Resume("prod")) == 0
    resumed = live.call("GET", name)
    assert resumed.get("suspended", False) is False
    assert resumed["annotations"] == {"team": "search"}
    assert live.run(Resume("prod")) == 0
    assert "promotion into prod-us-central1 is not held: nothing to do" in live.said
    live.deliver("staging")
    assert len(live.rollouts("prod")) == 1


def test_a_hold_needs_a_reason(live: Live) -> None:
    live.automate("staging")
    with pytest.raises(UsageError, match="a hold needs a reason"):
        live.run(Hold("prod"))


def test_without_an_automation_there_is_nothing_to_hold(live: Live) -> None:
    with pytest.raises(RefusedError, match="no automation promotes into prod-us-central1") as caught:
        live.run(Hold("prod", "INC-2"))
    assert "freeze --stage=prod --until=TIME --reason='…'" in caught.value.hint
