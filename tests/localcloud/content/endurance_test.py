"""A short siege, and a server killed several times; tests/bench/endurance.py does both at length."""

import asyncio
import time
from pathlib import Path

import pytest
from tests.localcloud.content.endurance import bombard
from tests.localcloud.content.process import serving
from tests.localcloud.content.work import Work

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc to read")


def test_many_clients_and_much_nonsense(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as errors, serving(tmp_path / "state", errors) as (url, process):
        outcome = asyncio.run(bombard(url, process.pid, clients=40, seconds=4))
        last = asyncio.run(bombard(url, process.pid, clients=1, seconds=0.2, seed=2)).samples[-1]
    assert outcome.failures == []
    assert log.read_text() == ""
    assert {200, 201, 400, 403, 404} <= set(outcome.statuses)
    # Connections are closed and uploads let go of: what is open at the end is what was open at first.
    assert last[1] <= outcome.samples[0][1] + 3
    assert last[0] <= max(memory for memory, _ in outcome.samples) + 10


def test_a_server_that_is_killed_again_and_again(tmp_path: Path) -> None:
    work = Work(seed=1)
    for number in range(3):
        with serving(tmp_path) as (url, process):
            assert work.missing(url) == []
            with work.running(url, f"round{number}"):
                time.sleep(0.3 + work.random.random() / 2)
                process.kill()
    assert work.images
    with serving(tmp_path) as (url, _):
        assert work.missing(url) == []
