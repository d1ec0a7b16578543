"""Kills deliveries at any moment (`kill -9`), runs them again, and holds what comes of it to one release a build.

    PYTHONPATH=tools:. python tests/delivery/kills.py --kills=400 --seed=1 [--only=rolled_back] [--round=17]

Each round is a service of its own in a local cloud, in one of the situations of `situations.py`. Its deliveries are
real processes, killed at a request that the seed says: before anything is done about it, when it is done and nobody was
told, or in the midst of what follows. Then one is run to its end: there is one release with the right digest, its exit
code is right, and no tag and no release is without its image. Prints each round that went wrong, and ends with exit
code 1 then. The same seed and round kill at the same requests.
"""

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.delivery.conftest import World
from tests.delivery.killed_runs import Runs
from tests.delivery.situations import SITUATIONS, sound

from msp.errors import MspError
from msp.localcloud.cloud import LocalCloud
from msp.localcloud.deploy.ports import Pace
from msp.localcloud.pytest_plugin import CloudThread

# So that a rollout is under way when its delivery is killed.
PACE = Pace(*[timedelta(seconds=0.1)] * 3)


@dataclass
class Tally:
    """What came of the rounds.

    Attributes:
        killed: Deliveries that were killed, by situation.
        rounds: How many rounds there were of each.
        finished: Deliveries that came to their end, by exit code.
        wrong: Of each round that went wrong, what.
    """

    killed: Counter[str] = field(default_factory=Counter)
    rounds: Counter[str] = field(default_factory=Counter)
    finished: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def campaign(folder: Path, *, kills: int, seed: int, only: str = "", rounds: Iterator[int] | None = None) -> Tally:
    """Goes round after round until so many deliveries were killed."""
    tally = Tally()
    situations = [each for each in SITUATIONS if only in {"", each.__name__}]
    with CloudThread(LocalCloud(seed=seed, pace=PACE)) as cloud:
        for number in rounds or iter(range(kills)):
            if tally.killed.total() >= kills:
                break
            path = folder / f"round{number}"
            path.mkdir()
            world = World(cloud, f"svc{number}", path)
            world.make_pipeline()
            play(situations[number % len(situations)], Runs(world, random.Random(f"{seed}/{number}")), number, tally)
            cloud.faults.clear()
    return tally


def play(situation: Callable[[Runs], None], runs: Runs, number: int, tally: Tally) -> None:
    """One round."""
    try:
        situation(runs)
        sound(runs)
    except (AssertionError, MspError):
        tally.wrong.append(f"round {number} ({situation.__name__}): {traceback.format_exc()}")
    tally.rounds[situation.__name__] += 1
    tally.killed[situation.__name__] += runs.killed
    tally.finished.update(end.exit_code for end in runs.ends)
    so_far = f"{tally.killed.total()} killed, {len(tally.wrong)} rounds wrong"
    print(f"round {number}, {situation.__name__}: {runs.killed} killed; so far {so_far}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", choices=["", *(each.__name__ for each in SITUATIONS)])
    parser.add_argument("--round", type=int, help="only this one")
    asked = parser.parse_args()
    began = time.monotonic()
    rounds = None if asked.round is None else iter([asked.round])
    with tempfile.TemporaryDirectory() as folder:
        tally = campaign(Path(folder), kills=asked.kills, seed=asked.seed, only=asked.only, rounds=rounds)
    print(*tally.wrong, sep="\n", end="")
    each = ", ".join(f"{name} {tally.killed[name]} in {count} rounds" for name, count in tally.rounds.items())
    print(f"{tally.killed.total()} killed, {time.monotonic() - began:.0f} s: {each}")
    print(f"{tally.finished.total()} finished, by exit code: {dict(sorted(tally.finished.items()))}")
    print(f"{len(tally.wrong)} rounds went wrong")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
