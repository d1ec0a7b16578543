import threading

import pytest

from msp.gcp.deadline import Deadline, DeadlineError
from msp.image.parallel import run_all


def test_runs_everything_once_and_at_the_same_time() -> None:
    together = threading.Barrier(3)
    done: list[int] = []

    def task(number: int) -> None:
        if number < 3:
            together.wait(timeout=10)
        done.append(number)

    run_all([lambda n=n: task(n) for n in range(9)], workers=3, stop=threading.Event())  # type: ignore[misc]
    assert sorted(done) == list(range(9))


def test_the_first_failure_stops_what_has_not_begun() -> None:
    begun: list[int] = []
    stop = threading.Event()

    def task(number: int) -> None:
        begun.append(number)
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        run_all([lambda n=n: task(n) for n in range(100)], workers=1, stop=stop)  # type: ignore[misc]
    assert begun == [0]
    assert stop.is_set()


def test_waits_for_what_has_begun() -> None:
    stop = threading.Event()
    ended = threading.Event()

    def slow() -> None:
        assert stop.wait(10)
        ended.set()

    def fails() -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        run_all([slow, fails], workers=2, stop=stop)
    assert ended.is_set()


def test_nothing_to_do_is_done() -> None:
    run_all([], workers=4, stop=threading.Event())


def test_what_takes_too_long_is_left_to_itself() -> None:
    never = threading.Event()
    stop = threading.Event()

    def wait() -> None:
        never.wait()

    with pytest.raises(DeadlineError, match=r"it was not done within 0\.05 s"):
        run_all([lambda: None, wait], workers=2, stop=stop, deadline=Deadline.after(0.05))
    assert stop.is_set()
    never.set()
