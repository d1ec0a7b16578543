from collections.abc import Callable

import pytest
from tests.operate.live import Live

from msp.errors import BlockedError, UsageError
from msp.localcloud.faults import Fault
from msp.operate.approve import Approve
from msp.operate.command import RefusedError

ADA, GRACE = frozenset({"ada lovelace"}), frozenset({"grace hopper"})


@pytest.fixture
def asking(make_live: Callable[..., Live]) -> Live:
    """A service whose prod asks for an approval, by somebody else than the commit's author."""
    live = make_live()
    live.make_pipeline({"prod": {"requireApproval": True, "annotations": {"approval.not-author": "true"}}})
    return live


def test_approves_what_waits_after_showing_what_it_brings(asking: Live) -> None:
    release = asking.deliver("staging", "prod")
    assert asking.run(Approve(by=GRACE, reason="looked at it")) == 0
    assert asking.rollouts("prod")[0]["state"] == "SUCCEEDED"
    assert f"would run  {release}  010101010101 (Ada Lovelace)" in asking.said
    assert f"· {release} succeeded on staging-us-central1" in asking.said
    assert asking.run(Approve(by=GRACE)) == 0
    assert "nothing waits for an approval (deploy-010101010101-1 was approved before): nothing to do" in asking.said


def test_rejects_what_waits(asking: Live) -> None:
    asking.deliver("staging", "prod")
    assert asking.run(Approve(approved=False, stage="prod", reason="wrong week")) == 0
    assert asking.rollouts("prod")[0]["state"] == "APPROVAL_REJECTED"


def test_refuses_what_became_stale(asking: Live) -> None:
    """Where gcloud approves the newer and then the older, and puts prod back without a word."""
    older = asking.deliver("staging", "prod")
    newer = asking.deliver("staging", "prod")
    with pytest.raises(RefusedError, match=f"{newer}, which is newer, is on its way to prod-us-central1"):
        asking.run(Approve(by=GRACE, release=older))
    assert asking.run(Approve(by=GRACE)) == 0
    with pytest.raises(RefusedError, match=f"prod-us-central1 runs {newer}, which is newer") as caught:
        asking.run(Approve(by=GRACE))
    assert f"reject it: bazel run //svc:msp_deploy.ops -- reject --stage=prod --release={older}" in caught.value.hint
    assert asking.run(Approve(by=GRACE, downgrade=True, reason="INC-1")) == 0
    assert asking.rollouts("prod")[1]["state"] == "SUCCEEDED"


@pytest.mark.parametrize("by", [ADA, frozenset({"ada@example.com"}), frozenset({"a.lovelace"})])
def test_refuses_an_approval_of_ones_own_commit(asking: Live, by: frozenset[str]) -> None:
    """Known by the name on the release, by the address there, or by what the clone says of the commit."""
    asking.deliver("staging", "prod", author="Ada Lovelace <ada@example.com>")
    commit = "01" * 20

    def authors(asked: str) -> frozenset[str]:
        return frozenset({"a.lovelace"} if asked == commit else ())

    with pytest.raises(RefusedError, match="by somebody else than the commit's author, Ada Lovelace <") as caught:
        asking.run(Approve(by=by, authors=authors))
    assert "Google itself can't enforce this" in caught.value.hint
    assert asking.rollouts("prod")[0]["state"] == "PENDING_APPROVAL"
    assert asking.run(Approve(by=by, authors=authors, self_approval=True, reason="nobody else is awake")) == 0
    assert "--self_approval: " in asking.said


def test_without_the_rule_ones_own_commit_may_be_approved(make_live: Callable[..., Live]) -> None:
    live = make_live()
    live.make_pipeline({"prod": {"requireApproval": True}})
    live.deliver("staging", "prod")
    assert live.run(Approve(by=ADA)) == 0


def test_a_freeze_blocks_it(asking: Live) -> None:
    asking.deliver("staging", "prod")
    asking.freeze("no-approvals", ["APPROVE"])
    with pytest.raises(BlockedError, match="frozen until"):
        asking.run(Approve(by=GRACE))
    assert asking.run(Approve(by=GRACE, override_freeze=("no-approvals",), reason="INC-2")) == 0


def test_where_several_stages_wait_one_has_to_be_named(make_live: Callable[..., Live]) -> None:
    live = make_live()
    live.make_pipeline({stage: {"requireApproval": True} for stage in live.stages})
    live.deliver("staging", "prod")
    with pytest.raises(UsageError, match="rollouts to several stages wait: staging-us-central1, prod-us-central1"):
        live.run(Approve(by=GRACE))
    assert live.run(Approve(by=GRACE, stage="staging")) == 0


def test_run_twice_for_a_release_it_follows_the_same_rollout(asking: Live) -> None:
    release = asking.deliver("staging", "prod")
    assert asking.run(Approve(by=GRACE, release=release)) == 0
    assert asking.run(Approve(by=GRACE, release=release)) == 0
    assert f"{release} was approved for prod-us-central1 already: nothing to do" in asking.said


def test_who_may_not_look_at_targets_is_told_and_asked(asking: Live) -> None:
    asking.deliver("staging", "prod")
    asking.cloud.faults.add(Fault(method="*CloudDeploy/ListTargets", code="PERMISSION_DENIED"))
    assert asking.run(Approve(by=GRACE), typed="y\n") == 0
    assert "whether somebody else than the author has to approve it can't be told" in asking.said
    assert "[y/N]" in asking.err.getvalue()
