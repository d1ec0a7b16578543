"""One thing is made once: against answers in every order that Cloud Deploy may give them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from google.cloud.deploy_v1 import Release
from google.longrunning.operations_pb2 import Operation

from msp.gcp.cloud_deploy import CloudDeploy
from msp.gcp.creation import Creation, create
from msp.gcp.errors import AbortedError, AlreadyExistsError, ApiError, NotFoundError, api_error
from msp.gcp.retry import RetryPolicy

MADE, THEIRS = Release(name="made"), Release(name="theirs")
ATTEMPTS = 3


def refusal(code: str) -> ApiError:
    return api_error(code, code=code)


@dataclass
class Cloud:
    """Answers as it was told to, one answer after the other: errors are raised.

    Attributes:
        starts: To requests to create: `done` at once, or `soon`.
        waits: To waiting for an operation: None where it ends well.
        finds: To looks at the resource.
    """

    starts: list[str | ApiError] = field(default_factory=lambda: ["soon"])
    waits: list[ApiError | None] = field(default_factory=lambda: [None])
    finds: list[Release | ApiError] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def create(self) -> tuple[Release, bool]:
        starts, waits, finds = (self._answers(each) for each in (self.starts, self.waits, self.finds))
        retry = RetryPolicy(
            attempts=ATTEMPTS,
            sleep=self.slept.append,
            random=lambda: 0.0,
            notify=lambda error, _: self.told.append(error.message),
        )

        def start(request_id: str) -> Any:
            self.ids.append(request_id)
            return SimpleNamespace(operation=Operation(done=starts() == "done"))

        def wait(_started: Any) -> Operation:
            waits()
            operation = Operation(done=True)
            operation.response.Pack(Release.pb(MADE))
            return operation

        deploy = cast("CloudDeploy", SimpleNamespace(wait=wait))
        return create(Creation(Release, cast("Any", start), finds), deploy, retry)

    @staticmethod
    def _answers(given: list[Any]) -> Callable[[], Any]:
        left: Iterator[Any] = iter(given)

        def answer() -> Any:
            found = next(left)
            if isinstance(found, ApiError):
                raise found
            return found

        return answer


def test_what_nobody_else_makes_is_made_by_one_request() -> None:
    cloud = Cloud()
    assert cloud.create() == (MADE, True)
    assert (len(cloud.ids), cloud.slept) == (1, [])


def test_what_was_done_at_once_is_looked_at() -> None:
    assert Cloud(starts=["done"], finds=[THEIRS]).create() == (THEIRS, True)


def test_what_somebody_else_made_is_taken_up() -> None:
    assert Cloud(starts=[AlreadyExistsError("there")], finds=[THEIRS]).create() == (THEIRS, False)
    assert Cloud(waits=[AlreadyExistsError("there")], finds=[THEIRS]).create() == (THEIRS, False)


def test_what_somebody_else_is_making_is_waited_for() -> None:
    cloud = Cloud(starts=[AbortedError("busy")], finds=[NotFoundError("none"), THEIRS])
    assert cloud.create() == (THEIRS, False)
    assert cloud.slept == [0.125, 0.25]


def test_what_somebody_else_gave_up_is_made_after_all() -> None:
    cloud = Cloud(starts=[AbortedError("busy"), "soon"], finds=[NotFoundError("none")] * ATTEMPTS)
    assert cloud.create() == (MADE, True)
    assert cloud.told == ["busy"]


def test_what_was_deleted_since_is_made_again_under_another_request() -> None:
    cloud = Cloud(starts=[AlreadyExistsError("there"), "soon"], finds=[NotFoundError("none")])
    assert cloud.create() == (MADE, True)
    assert len(set(cloud.ids)) == len(cloud.ids) == 2
    remade = Cloud(starts=["done", "soon"], waits=[None, None], finds=[NotFoundError("none")])
    assert remade.create() == (MADE, True)


@pytest.mark.parametrize("code", ["UNKNOWN", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "CANCELLED"])
def test_an_operation_that_failed_for_no_fault_of_the_request_is_tried_again_so_often(code: str) -> None:
    error = refusal(code)
    cloud = Cloud(starts=["soon"] * ATTEMPTS, waits=[error] * (ATTEMPTS - 1) + [None])
    assert cloud.create() == (MADE, True)
    assert cloud.slept == [0.125, 0.25]
    assert cloud.told == [code, code]
    given_up = Cloud(starts=["soon"] * ATTEMPTS, waits=[error] * ATTEMPTS)
    with pytest.raises(ApiError) as raised:
        given_up.create()
    assert raised.value is error
    assert len(given_up.ids) == ATTEMPTS


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "PERMISSION_DENIED", "FAILED_PRECONDITION"])
def test_a_refusal_is_final(code: str) -> None:
    for cloud in (Cloud(waits=[refusal(code)]), Cloud(starts=[refusal(code)])):
        with pytest.raises(ApiError, match=code):
            cloud.create()
        assert len(cloud.ids) == 1
        assert cloud.slept == []
