import pytest
from hypothesis import given
from hypothesis import strategies as st

from msp.gcp.errors import RemoteError, UnreachableError
from msp.gcp.retry import RetryPolicy, parse_retry_after


class Service:
    def __init__(self, *errors: RemoteError) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def busy(retry_after: float | None = None) -> RemoteError:
    error = UnreachableError("busy")
    error.retry_after = retry_after
    return error


def test_waits_longer_each_time_and_returns_the_answer() -> None:
    slept: list[float] = []
    told: list[float] = []
    policy = RetryPolicy(initial=1, sleep=slept.append, random=lambda: 1.0, notify=lambda _error, s: told.append(s))
    assert policy.run(Service(busy(), busy(), busy())) == "answer"
    assert slept == told == [1, 2, 4]


def test_gives_up_after_its_attempts_with_the_last_error() -> None:
    last = busy()
    service = Service(busy(), busy(), last, busy())
    with pytest.raises(UnreachableError) as raised:
        RetryPolicy(attempts=3, sleep=lambda _: None).run(service)
    assert raised.value is last
    assert service.calls == 3


def test_does_not_repeat_what_cannot_succeed() -> None:
    service = Service(RemoteError("no"))
    with pytest.raises(RemoteError):
        RetryPolicy(sleep=lambda _: None).run(service)
    assert service.calls == 1


def test_honours_retry_after_but_not_for_ever() -> None:
    slept: list[float] = []
    RetryPolicy(sleep=slept.append, maximum=30).run(Service(busy(7), busy(3600)))
    assert slept == [7, 30]


@given(failures=st.integers(1, 2000), jitter=st.floats(0, 1, exclude_max=True), after=st.none() | st.floats(0, 1e9))
def test_every_delay_is_bounded(failures: int, jitter: float, after: float | None) -> None:
    assert 0 < RetryPolicy(maximum=5, random=lambda: jitter).delay(failures, after) <= 5


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("3", 3),
        (" 0 ", 0),
        ("soon", None),
        ("", None),
        ("-1", None),
        ("9" * 400, float("9" * 20)),
        (" " * 30 + "7", 7),
        ("\N{ARABIC-INDIC DIGIT ONE}", None),
        ("Thu, 01 Jan 999999999999 00:00:00 GMT", None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 60),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 99 Jan 1970 00:00:00 GMT", None),
    ],
)
def test_parses_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, now=lambda: 40.0) == seconds
