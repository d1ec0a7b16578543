"""Holds the local cloud under load: `endurance.py [--clients=200] [--seconds=60] [--kills=20]`.

First, clients send valid and broken requests for a while: how often each status was answered, and the server's memory
and open descriptors over that time. Then a server that takes pushes and uploads is killed again and again (`kill -9`)
and started again on the same state: what it acknowledged must be there. Run it from the root of the repository, with
PYTHONPATH=tools:.
"""

import argparse
import asyncio
import random
import tempfile
import time
from pathlib import Path

from tests.localcloud.content.endurance import bombard
from tests.localcloud.content.process import serving
from tests.localcloud.content.work import Work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kills", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        besiege(Path(folder) / "load", arguments.clients, arguments.seconds)
        kill(Path(folder) / "killed", arguments.kills)


def besiege(state: Path, clients: int, seconds: float) -> None:
    """Prints what came of many clients."""
    log = state.with_suffix(".log")
    with log.open("w") as errors, serving(state, errors) as (url, process):
        outcome = asyncio.run(bombard(url, process.pid, clients=clients, seconds=seconds))
    print(f"{sum(outcome.statuses.values())} requests of {clients} clients in {seconds:g} s: {dict(outcome.statuses)}")
    memory, descriptors = zip(*outcome.samples, strict=True)
    third = len(memory) // 3
    for name, values in (("memory MiB", memory), ("descriptors", descriptors)):
        parts = [values[:third], values[third : 2 * third], values[2 * third :]]
        print(f"{name}: most in each third {', '.join(f'{max(part):.0f}' for part in parts)}")
    print(f"mistakes of the server: {len(outcome.failures)}", *outcome.failures[:5], sep="\n  ")
    print(f"lines in its log: {len(log.read_text().splitlines())}")


def kill(state: Path, times: int) -> None:
    """Prints what was lost."""
    chance = random.Random(1)
    lost: set[str] = set()
    work = Work(seed=1)
    for number in range(times):
        with serving(state) as (url, process):
            lost |= set(work.missing(url))
            with work.running(url, f"round{number}"):
                time.sleep(0.3 + chance.random())
                process.kill()
    with serving(state) as (url, _):
        lost |= set(work.missing(url))
    print(f"{times} times killed: {work.count()} things acknowledged, {len(lost)} lost", *lost)


if __name__ == "__main__":
    main()
