"""Our verbs beside gcloud's own commands, where gcloud is wrong in the worst moment, and where both have to agree."""

import itertools
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.operate.live import Live
from tests.peers.gcloud import Gcloud

from msp.errors import BlockedError
from msp.localcloud.cloud import LocalCloud
from msp.localcloud.thread import CloudThread
from msp.operate.approve import Approve
from msp.operate.command import RefusedError
from msp.operate.freeze import Freeze
from msp.operate.promote import Promote
from msp.operate.rollback import Rollback
from msp.operate.until import Until

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")

_SERVICES = itertools.count()


@pytest.fixture(scope="module")
def cloud() -> Iterator[CloudThread]:
    with CloudThread(LocalCloud(seed=1)) as cloud:
        yield cloud


@pytest.fixture
def live(cloud: CloudThread, tmp_path: Path) -> Live:
    made = Live(cloud, tmp_path, id=f"beside{next(_SERVICES)}")
    made.make_pipeline()
    return made


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def gcloud(live: Live, home: Path, *arguments: str) -> tuple[int, str]:
    where = (f"--delivery-pipeline={live.service.pipeline_id}", f"--project={live.service.project}")
    done = Gcloud(live.cloud, home).run(*arguments, *where)
    return done.returncode, done.stderr


def runs(live: Live) -> str:
    """The release that was last rolled out to prod."""
    name = live.rollouts("prod")[0]["name"]
    return str(name).partition("/releases/")[2].partition("/")[0]


def four(live: Live) -> list[str]:
    """prod's history: ok, failed, ok, failed."""
    made = []
    for fails in (False, True, False, True):
        release = live.deliver("staging")
        live.roll_out(release, "prod", fails=fails)
        made.append(release)
    return made


def test_back_after_failures_ours_goes_to_the_last_good_release_gclouds_past_it(live: Live, home: Path) -> None:
    first, _, third, _ = four(live)
    code, said = gcloud(live, home, "targets", "rollback", live.target("prod"))
    assert code == 0, said
    assert runs(live) == first

    other = Live(live.cloud, live.folder, id=f"{live.id}-ours")
    other.make_pipeline()
    releases = four(other)
    assert third.endswith("-3")
    assert other.run(Rollback("prod")) == 0
    assert runs(other) == releases[2]


def test_under_a_freeze_ours_goes_back_gclouds_does_not(live: Live, home: Path) -> None:
    for _ in range(2):
        live.deliver("staging", "prod")
    live.deliver("staging")
    live.freeze("no-changes", ["CREATE", "APPROVE", "ADVANCE"])
    code, said = gcloud(live, home, "targets", "rollback", live.target("prod"))
    assert code != 0
    assert "no-changes" in said
    code, said = gcloud(
        live, home, "releases", "promote", "--release=deploy-030303030303-3", f"--to-target={live.target('prod')}"
    )
    assert code != 0
    assert "no-changes" in said
    with pytest.raises(BlockedError, match="by policy 'no-changes'"):
        live.run(Promote(stage="prod"))
    assert runs(live) == "deploy-020202020202-2"
    assert live.run(Rollback("prod", reason="INC-1")) == 0
    assert runs(live) == "deploy-010101010101-1"


def test_what_ours_freezes_gclouds_promotes_and_approvals_obey_and_back_passes(live: Live, home: Path) -> None:
    live.deliver("staging", "prod")
    live.deliver("staging", "prod")
    target = f"/v1/{live.service.location}/targets/{live.target('prod')}"
    live.call("PATCH", target, {"requireApproval": True}, updateMask="requireApproval")
    waits = live.deliver("staging", "prod")
    next_one = live.deliver("staging")
    end = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=8)
    assert live.run(Freeze(Until(end, ZoneInfo("Europe/Berlin")), "INC-3", ("prod",))) == 0
    policy = f"frozen-{live.id}-prod-us-central1"
    promote = ("releases", "promote", f"--release={next_one}", f"--to-target={live.target('prod')}")
    approve = ("rollouts", "approve", f"{waits}-to-{live.target('prod')}-0001", f"--release={waits}")
    for command in (promote, approve):
        code, said = gcloud(live, home, *command)
        assert code != 0
        assert policy in said
    for verb in (Promote(stage="prod", release=next_one), Approve(by=frozenset({"grace hopper"}))):
        with pytest.raises(BlockedError, match=f"by policy '{policy}'") as caught:
            live.run(verb)
        assert caught.value.exit_code == 4
    shown = Gcloud(live.cloud, home)("deploy-policies", "describe", policy, f"--project={live.service.project}")
    assert shown["annotations"]["by"] == "Grace Hopper"
    assert live.run(Rollback("prod", reason="INC-3")) == 0
    assert runs(live) == "deploy-010101010101-1"


def test_of_two_that_wait_gcloud_approves_the_older_over_the_newer_ours_refuses(live: Live, home: Path) -> None:
    target = f"/v1/{live.service.location}/targets/{live.target('prod')}"
    live.call("PATCH", target, {"requireApproval": True}, updateMask="requireApproval")
    older = live.deliver("staging", "prod")
    live.deliver("staging", "prod")
    assert live.run(Approve(by=frozenset({"grace hopper"}))) == 0
    with pytest.raises(RefusedError, match="should not be approved any more"):
        live.run(Approve(by=frozenset({"grace hopper"})))
    rollout = f"{older}-to-{live.target('prod')}-0001"
    code, said = gcloud(live, home, "rollouts", "approve", rollout, f"--release={older}")
    assert code == 0, said
    states = {each["name"].rpartition("/")[2]: each["state"] for each in live.rollouts("prod")}
    assert states[rollout] == "SUCCEEDED"


def test_what_ours_rolled_back_gcloud_shows_as_such(live: Live, home: Path) -> None:
    for _ in range(2):
        live.deliver("staging", "prod")
    assert live.run(Rollback("prod", reason="INC-2: orders are lost")) == 0
    rollout = str(live.rollouts("prod")[0]["name"]).rpartition("/")[2]
    done = Gcloud(live.cloud, home)(
        "rollouts",
        "describe",
        rollout,
        "--release=deploy-010101010101-1",
        f"--delivery-pipeline={live.service.pipeline_id}",
        f"--project={live.service.project}",
    )
    assert done["description"] == "INC-2: orders are lost"
    assert done["annotations"]["by"] == "Grace Hopper"
    assert done["rollbackOfRollout"].endswith("/deploy-020202020202-2-to-prod-us-central1-0001")
