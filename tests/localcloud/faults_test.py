from typing import Any

import pytest

from msp.localcloud.faults import Fault, Faults
from msp.localcloud.status import ApiError


def calls(faults: Faults, method: str, count: int) -> str:
    return "".join("x" if faults.take(method) else "." for _ in range(count))


@pytest.mark.parametrize(
    ("nth", "times", "expected"),
    [(None, None, "xxxxx"), (None, 2, "xx..."), (3, None, "..x.."), (2, 2, ".xx..")],
)
def test_a_fault_happens_to_the_calls_it_is_for(nth: int | None, times: int | None, expected: str) -> None:
    faults = Faults()
    faults.add(Fault(method="registry/*", nth=nth, times=times, code="UNAVAILABLE"))
    assert faults.take("storage/InsertObject") is None
    assert calls(faults, "registry/PutManifest", 5) == expected


def test_the_first_added_wins_and_the_second_has_its_turn() -> None:
    faults = Faults()
    faults.add(Fault(method="a", times=1, code="ABORTED"))
    faults.add(Fault(method="a", times=1, code="INTERNAL"))
    taken = [faults.take("a") for _ in range(3)]
    assert [fault.code if fault else None for fault in taken] == ["ABORTED", "INTERNAL", None]
    assert faults.list() == []


@pytest.mark.parametrize(
    ("settings", "fails"),
    [
        ({"latency_seconds": 1}, False),
        ({"headers": {"X-Odd": "1"}}, False),
        ({"latency_seconds": 1, "code": "ABORTED"}, True),
        ({"headers": {"Retry-After": "1"}, "http_status": 429}, True),
        ({}, True),
    ],
)
def test_work_fails_by_faults_that_do_more_than_delay(settings: dict[str, Any], fails: bool) -> None:
    faults = Faults()
    faults.add(Fault(method="*", times=1, **settings))
    assert (faults.take_failure("execution/deploy/prod") is not None) is fails
    assert (faults.take("registry/Ping") is None) is fails, "what was not for the work still waits for a call"


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({}, "method"),
        ([], "method"),
        ({"method": "a", "codes": "ABORTED"}, "codes"),
        ({"method": "a", "code": "NOPE"}, "code"),
        ({"method": "a", "nth": 0}, "nth"),
        ({"method": "a", "times": True}, "times"),
        ({"method": "a", "http_status": 200}, "http_status"),
        ({"method": "a", "headers": {"Retry-After": 1}}, "headers"),
        ({"method": "a", "latency_seconds": -1}, "latency_seconds"),
    ],
)
def test_what_can_not_be_meant_is_refused_with_its_field(value: object, field: str) -> None:
    with pytest.raises(ApiError, match=f"INVALID_ARGUMENT: {field}:"):
        Fault.from_json(value)


def test_json_round_trip() -> None:
    value = {"method": "registry/*", "http_status": 429, "headers": {"Retry-After": "1"}, "truncate_body": 0}
    assert Fault.from_json(value).to_json() == {**value, "message": "injected fault"}
