"""Every verb, whatever goes wrong on the way: it ends clearly, run again it gets there, and nothing is done twice."""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from google.cloud.deploy_v1 import DeployPolicy
from tests.operate.live import Live

from msp.deploy_policies.conversion import to_policy
from msp.deploy_policies.windows import closes
from msp.errors import MspError
from msp.localcloud.faults import Fault
from msp.operate.approve import Approve
from msp.operate.command import ChangedMeanwhileError, Settings, Verb
from msp.operate.freeze import Freeze
from msp.operate.hold import Hold, Resume
from msp.operate.promote import Promote
from msp.operate.repair import Cancel, Retry
from msp.operate.rollback import Rollback
from msp.operate.unfreeze import Unfreeze
from msp.operate.until import Until

SERVICE = "google.cloud.deploy.v1.CloudDeploy"


@dataclass(frozen=True)
class Case:
    """A verb, what it finds, and what it leaves.

    Attributes:
        verb: The verb.
        change: The method that does it.
        find: Makes what it finds.
        left: What should be there afterwards: the states of prod's rollouts, newest first, and whether it is held.
        frozen: Until when prod should then be frozen; None where it shouldn't.
    """

    verb: Verb
    change: str
    find: Callable[[Live], None]
    left: tuple[list[str], bool]
    targets: dict[str, Any] = field(default_factory=dict)
    frozen: datetime | None = None


def _delivered(live: Live) -> None:
    live.deliver("staging")


def _twice(live: Live) -> None:
    for _ in range(2):
        live.deliver("staging", "prod")
    live.automate("staging")


def _failed(live: Live) -> None:
    live.roll_out(live.deliver("staging"), "prod", fails=True)


def _asked(live: Live) -> None:
    live.deliver("staging", "prod")


def _automated(live: Live) -> None:
    live.automate("staging")


def _held(live: Live) -> None:
    live.automate("staging", suspended=True)


def _nothing(_live: Live) -> None:
    pass


def _frozen(live: Live) -> None:
    live.run(Freeze(Until(SOON, UTC_ZONE), "INC-1", ("prod",)))


# Whole minutes ahead of any test's end.
SOON = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=8)
LATER = SOON + timedelta(hours=1)
UTC_ZONE = ZoneInfo("UTC")
ASKS = {"prod": {"requireApproval": True}}
CASES = {
    "promote": Case(Promote(stage="prod"), "CreateRollout", _delivered, (["SUCCEEDED"], False)),
    "approve": Case(Approve(by=frozenset({"grace"})), "ApproveRollout", _asked, (["SUCCEEDED"], False), ASKS),
    "reject": Case(Approve(approved=False), "ApproveRollout", _asked, (["APPROVAL_REJECTED"], False), ASKS),
    "rollback": Case(Rollback("prod"), "RollbackTarget", _twice, (["SUCCEEDED"] * 3, True)),
    "retry": Case(Retry("prod"), "RetryJob", _failed, (["SUCCEEDED"], False)),
    "cancel": Case(Cancel("prod"), "CancelRollout", _asked, (["CANCELLED"], False), ASKS),
    "hold": Case(Hold("prod", "INC-1"), "UpdateAutomation", _automated, ([], True)),
    "freeze": Case(
        Freeze(Until(SOON, UTC_ZONE), "INC-1", ("prod",)), "CreateDeployPolicy", _nothing, ([], False), frozen=SOON
    ),
    "freeze longer": Case(
        Freeze(Until(LATER, UTC_ZONE), "INC-2", ("prod",)), "UpdateDeployPolicy", _frozen, ([], False), frozen=LATER
    ),
    "unfreeze": Case(Unfreeze("INC-1: mended"), "DeleteDeployPolicy", _frozen, ([], False)),
    "resume": Case(Resume("prod"), "UpdateAutomation", _held, ([], False)),
}
FAULTS: dict[str, dict[str, Any]] = {
    "unavailable": {"code": "UNAVAILABLE", "times": 1},
    "exhausted": {"http_status": 429, "headers": {"Retry-After": "0"}, "times": 1},
    "dropped": {"drop_connection": True, "times": 1},
    "lost": {"lose_response": True, "times": 1},
    "halved": {"truncate_body": 5, "times": 1},
    "down": {"code": "UNAVAILABLE"},
    "always lost": {"lose_response": True},
    "forbidden": {"code": "PERMISSION_DENIED", "times": 1},
}


def ready(make_live: Callable[..., Live], case: Case) -> Live:
    live = make_live()
    live.make_pipeline(case.targets)
    case.find(live)
    return live


def left(live: Live, case: Case) -> bool:
    """Whether what should be there is there; it is shown where it isn't."""
    live.cloud.settle()
    automations = live.call("GET", f"/v1/{live.service.pipeline}/automations").get("automations", [])
    found = [each["state"] for each in live.rollouts("prod")], any(each.get("suspended") for each in automations)
    assert found == case.left
    policies = live.call("GET", f"/v1/{live.service.location}/deployPolicies").get("deployPolicies", [])
    (until,) = [ends(DeployPolicy.from_json(json.dumps(each))) for each in policies] or [None]
    assert until == case.frozen
    return True


def ends(policy: DeployPolicy) -> datetime | None:
    (rule,) = to_policy(policy).restrictions
    return closes((rule,), datetime.now(UTC))


@pytest.mark.parametrize("where", ["change", "reads", "looks"])
@pytest.mark.parametrize("how", FAULTS)
@pytest.mark.parametrize("name", CASES)
def test_whatever_fails_run_again_it_gets_there_once(
    make_live: Callable[..., Live], name: str, how: str, where: str
) -> None:
    case = CASES[name]
    live = ready(make_live, case)
    method = {"change": case.change, "reads": "List*", "looks": "Get*"}[where]
    live.cloud.faults.add(Fault(method=f"{SERVICE}/{method}", **FAULTS[how]))
    with suppress(MspError):
        live.run(case.verb, Settings(timeout=5, by="Grace Hopper"))
    live.cloud.faults.clear()
    live.run(case.verb)
    assert left(live, case)


@pytest.mark.parametrize("name", CASES)
def test_once_is_enough_where_a_fault_passes(make_live: Callable[..., Live], name: str) -> None:
    case = CASES[name]
    live = ready(make_live, case)
    for method in (case.change, "List*", "Get*"):
        live.cloud.faults.add(Fault(method=f"{SERVICE}/{method}", lose_response=True, times=1))
    assert live.run(case.verb) == 0
    assert left(live, case)


@pytest.mark.parametrize("name", CASES)
def test_of_two_people_at_once_one_does_it_and_both_are_told(make_live: Callable[..., Live], name: str) -> None:
    case = CASES[name]
    live = ready(make_live, case)
    others = [Live(live.cloud, live.folder, id=live.id) for _ in range(2)]
    ends: list[object] = []
    start = threading.Barrier(2)

    def run(person: Live) -> None:
        start.wait()
        try:
            ends.append(person.run(case.verb, Settings(timeout=10, by="Grace Hopper")))
        except MspError as error:
            ends.append(error)

    threads = [threading.Thread(target=run, args=(person,)) for person in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 in ends
    assert all(end == 0 or isinstance(end, ChangedMeanwhileError) for end in ends), ends
    assert left(live, case)
