"""Long-running operations: requests made twice, operations that take time, fail, are cancelled."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from google.cloud.deploy_v1.types import OperationMetadata
from google.protobuf import duration_pb2
from tests.localcloud.deploy.world import LOCATION, World

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy.ports import Pace
from msp.localcloud.faults import Fault
from msp.localcloud.status import ApiError, Code

ID = "1d0f0b0e-0000-4000-8000-000000000001"
TARGET = f"{LOCATION}/targets/new"
CREATE = {"parent": LOCATION, "target_id": "new", "target": pb.Target(run={"location": LOCATION})}


def raw(world: World, method_name: str, /, **fields: Any) -> Any:
    """Calls a method and returns what it does, operations too."""
    handler: Any = world.methods[method_name].handler
    return handler(world.methods[method_name].request_type(**fields))


def begin(world: World, **fields: Any) -> str:
    return str(raw(world, "CreateTarget", **{**CREATE, **fields}).name)


def metadata(world: World, name: str) -> Any:
    value = OperationMetadata.pb()()
    raw(world, "GetOperation", name=name).metadata.Unpack(value)
    return value


@pytest.fixture
def slow() -> World:
    world = World()
    world.deploy.operations._delay = timedelta(minutes=1)
    return world


def test_the_same_request_id_is_the_same_operation() -> None:
    world = World()
    first = begin(world, request_id=ID)
    assert begin(world, request_id=ID) == first
    with pytest.raises(ApiError, match="ALREADY_EXISTS"):
        begin(world, request_id=ID.replace("1d", "2d"))
    world.advance(minutes=61)
    assert begin(world, request_id=ID) == first
    assert len(world.call("ListOperations", name=LOCATION, page_size=100).operations) == 5


@pytest.mark.parametrize("bad", ["x", "00000000-0000-0000-0000-000000000000"])
def test_a_request_id_is_a_uuid(bad: str) -> None:
    with pytest.raises(ApiError, match="INVALID_ARGUMENT: request_id"):
        begin(World(), request_id=bad)


def test_metadata(slow: World) -> None:
    name = begin(slow)
    found = metadata(slow, name)
    assert (found.target, found.verb, found.api_version) == (TARGET, "create", "v1")
    assert not found.HasField("end_time")
    slow.advance(minutes=1)
    assert metadata(slow, name).HasField("end_time")


def test_one_that_takes_time_makes_its_change_at_its_end(slow: World) -> None:
    name = begin(slow)
    assert not slow.call("GetOperation", name=name).done
    with pytest.raises(ApiError, match="NOT_FOUND"):
        slow.call("GetTarget", name=TARGET)
    with pytest.raises(ApiError, match=r"ABORTED.*being changed"):
        begin(slow)
    with pytest.raises(ApiError, match="INVALID_ARGUMENT"):
        begin(slow, target_id="other", target=pb.Target())
    slow.advance(minutes=1)
    assert slow.call("GetTarget", name=TARGET).target_id == "new"
    assert raw(slow, "GetOperation", name=name).done


def test_cancelled(slow: World) -> None:
    name = begin(slow)
    with pytest.raises(ApiError, match="FAILED_PRECONDITION"):
        slow.call("DeleteOperation", name=name)
    slow.call("CancelOperation", name=name)
    found = slow.call("GetOperation", name=name)
    assert (found.done, found.error.code) == (True, Code.CANCELLED)
    assert metadata(slow, name).requested_cancellation
    slow.advance(minutes=2)
    with pytest.raises(ApiError, match="NOT_FOUND"):
        slow.call("GetTarget", name=TARGET)
    slow.call("CancelOperation", name=name)
    slow.call("DeleteOperation", name=name)
    with pytest.raises(ApiError, match="NOT_FOUND"):
        slow.call("GetOperation", name=name)


def test_failing_after_it_was_accepted() -> None:
    world = World(Pace())
    method = "google.cloud.deploy.v1.CloudDeploy/CreateTarget:operation"
    world.faults.add(Fault(method=method, times=1, code="INTERNAL", message="out of luck"))
    name = begin(world)
    world.settle()
    found = world.call("GetOperation", name=name)
    assert (found.done, found.error.code, found.error.message) == (True, Code.INTERNAL, "out of luck")
    begin(world)
    assert world.call("GetTarget", name=TARGET)


def test_one_whose_change_is_no_longer_possible_at_its_end(slow: World) -> None:
    name = raw(slow, "DeleteTarget", name=f"{LOCATION}/targets/prod").name
    slow.store.delete("target", f"{LOCATION}/targets/prod")
    slow.advance(minutes=1)
    assert slow.call("GetOperation", name=name).error.code == Code.NOT_FOUND


def test_waiting(slow: World) -> None:
    name = begin(slow)

    async def scenario() -> None:
        timeout = duration_pb2.Duration(nanos=50_000_000)
        assert not (await raw(slow, "WaitOperation", name=name, timeout=timeout)).done
        waiting = asyncio.ensure_future(raw(slow, "WaitOperation", name=name))
        await asyncio.sleep(0)
        slow.advance(minutes=1)
        assert (await waiting).done

    asyncio.run(scenario())
