from collections.abc import Callable

import pytest
from tests.operate.live import Live

from msp.errors import BlockedError, UsageError
from msp.operate.repair import Cancel, Retry


def test_runs_a_failed_job_again(live: Live) -> None:
    release = live.deliver("staging")
    live.roll_out(release, "prod", fails=True)
    assert live.run(Retry()) == 0
    assert "it failed: " in live.said
    assert [each["state"] for each in live.rollouts("prod")] == ["SUCCEEDED"]
    assert live.run(Retry()) == 0
    assert "no stage's newest has failed: nothing to do" in live.said


def test_where_several_stages_failed_one_has_to_be_named(live: Live) -> None:
    release = live.release()
    for stage in live.stages:
        live.roll_out(release, stage, fails=True)
    with pytest.raises(UsageError, match="several stages have failed: staging, prod"):
        live.run(Retry())
    assert live.run(Retry("staging")) == 0
    assert live.run(Retry()) == 0


def test_a_freeze_of_retries_blocks(live: Live) -> None:
    live.roll_out(live.deliver("staging"), "prod", fails=True)
    live.freeze("no-retry", ["RETRY_JOB"])
    with pytest.raises(BlockedError, match="frozen until"):
        live.run(Retry())
    assert live.run(Retry(override_freeze=("no-retry",), reason="INC-1")) == 0


def test_cancels_what_waits(make_live: Callable[..., Live]) -> None:
    live = make_live()
    live.make_pipeline({"prod": {"requireApproval": True}})
    live.deliver("staging", "prod")
    assert live.run(Cancel()) == 0
    live.cloud.settle()
    assert live.rollouts("prod")[0]["state"] in {"CANCELLED", "CANCELLING"}
    assert live.run(Cancel()) == 0
    assert "nothing to do" in live.said


def test_with_nothing_under_way_there_is_nothing_to_cancel(live: Live) -> None:
    live.deliver("staging", "prod")
    assert live.run(Cancel()) == 0
    assert "no rollout is under way: nothing to do" in live.said
