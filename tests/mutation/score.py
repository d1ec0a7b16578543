"""How many small mistakes in the core rooms the tests notice: a score for each room, and what survived.

    python3 -m venv .venv-mutation
    .venv-mutation/bin/pip install -r requirements_lock.txt && .venv-mutation/bin/pip install cosmic-ray
    .venv-mutation/bin/python tests/mutation/score.py --rooms=names,text --sample=50

Works on a copy of the last commit, so that the checkout is never changed. Not run by CI: each mutant takes a test run.
"""

import argparse
import io
import multiprocessing
import os
import random
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import google.cloud.deploy_v1
import pytest

if TYPE_CHECKING:
    from cosmic_ray.work_item import MutationSpec

# Only so that each test run finds it imported.
del google
# A stale bytecode file would hide a mutant that was written within the same second.
sys.dont_write_bytecode = True

ROOT = Path(__file__).parents[2]
# What a mutant that loops for ever may take.
SECONDS = 120.0
SURVIVED = "  survived: "
# These change nothing that a test could see: annotations and decorators that only describe.
WITHOUT_EFFECT = ("core/RemoveDecorator", "core/ReplaceBinaryOperator_BitOr")


@dataclass(frozen=True)
class Room:
    """A part of the code, and the tests that hold it.

    Attributes:
        sources: Folders (without those within) and files, from the repository's root.
        tests: Files and folders for pytest, the quickest first.
    """

    sources: tuple[str, ...]
    tests: tuple[str, ...]

    def modules(self) -> list[Path]:
        """The files to change, from the present folder."""
        found = [Path(each) for each in self.sources]
        return [module for each in found for module in (sorted(each.glob("*.py")) if each.is_dir() else [each])]


ROOMS = {
    "changes": Room(("tools/msp/changes",), ("tests/changes",)),
    "ci": Room(("tools/msp/ci",), ("tests/ci",)),
    "deploy_policies": Room(("tools/msp/deploy_policies",), ("tests/deploy_policies",)),
    "guards": Room(
        ("tools/msp/delivery/existing.py", "tools/msp/delivery/preflight/guards.py", "tools/msp/gcp/creation.py"),
        (*(f"tests/delivery/{name}_test.py" for name in ("existing", "verdicts")), "tests/gcp/creation_test.py"),
    ),
    "live": Room(
        tuple(f"tools/msp/pipeline/live/{name}.py" for name in ("changes", "compare", "guards", "keep", "promotions")),
        tuple(f"tests/pipeline/live/{name}_test.py" for name in ("promotions", "changes", "guards")),
    ),
    "names": Room(("tools/msp/names",), ("tests/names",)),
    "pipeline": Room(
        ("tools/msp/pipeline",),
        tuple(
            f"tests/pipeline/{name}_test.py"
            for name in ("resources", "iam", "manifest", "picture", "terraform", "golden", "fingerprint", "archive")
        ),
    ),
    "planning": Room(("tools/msp/delivery/planning",), ("tests/delivery/fit_test.py", "tests/delivery/plan_test.py")),
    "report": Room(
        ("tools/msp/delivery/report",),
        tuple(
            f"tests/delivery/{name}_test.py"
            for name in ("stages_picture", "report", "report_ci", "report_json", "report_terminal")
        ),
    ),
    "rollouts": Room(("tools/msp/rollouts",), ("tests/rollouts",)),
    "text": Room(("tools/msp/text.py",), ("tests/text_test.py",)),
}


def copy(folder: Path) -> None:
    """Unpacks the last commit's files into a folder."""
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")


def passes(tests: Sequence[str]) -> bool:
    """Whether a room's tests pass, in the present folder."""
    # Forked, so that what no mutant touches is imported once for all of them.
    process = multiprocessing.get_context("fork").Process(target=run, args=(tests,))
    process.start()
    process.join(SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode == 0


def run(tests: Sequence[str]) -> None:
    """Runs tests up to the first that fails, in silence; ends the process with pytest's exit code."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    sys.exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--assert=plain", *tests]))


def survivors(room: Room, sample: int, seed: int, again: frozenset[str]) -> Iterator[str | None]:
    """Tries mutants of a room, in the present folder: a text for each that survives, None for each that is noticed.

    Args:
        room: Whose.
        sample: How many at most.
        seed: Which.
        again: If not empty, only those of these texts.
    """
    from cosmic_ray.commands import init
    from cosmic_ray.mutating import use_mutation
    from cosmic_ray.plugins import get_operator
    from cosmic_ray.work_db import use_db

    with use_db("session.sqlite") as session:
        init(room.modules(), session, {})
        found = [item.mutations[0] for item in session.work_items]
    chosen = [(each, text(each)) for each in found if not each.operator_name.startswith(WITHOUT_EFFECT)]
    random.Random(seed).shuffle(chosen)
    for each, said in [pair for pair in chosen if not again or pair[1] in again][:sample]:
        operator = get_operator(each.operator_name)(**dict(each.operator_args or {}))
        try:
            with use_mutation(each.module_path, operator, each.occurrence):
                noticed = not passes(room.tests)
        except AttributeError:  # cosmic-ray 8 can't replace an exception with a dotted name.
            continue
        yield None if noticed else said


def text(mutation: "MutationSpec") -> str:
    """What a mutant changes: file, line, operator, and the line as it was."""
    path, number = mutation.module_path, mutation.start_pos[0]
    line = path.read_text("utf-8").splitlines()[number - 1].strip()
    return f"{path}:{number}: {mutation.operator_name.removeprefix('core/')}: {line}"


def main(arguments: Sequence[str]) -> int:
    """Tries the rooms; prints each one's score and its survivors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", default=",".join(ROOMS), help="which, separated by commas: %(default)s")
    parser.add_argument("--sample", type=int, default=100, help="mutants a room: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="which mutants: %(default)s")
    parser.add_argument("--again", type=Path, help="only what survived in a run whose output is in this file")
    given = parser.parse_args(arguments)
    lines = given.again.read_text("utf-8").splitlines() if given.again else []
    again = frozenset(line.removeprefix(SURVIVED) for line in lines if line.startswith(SURVIVED))
    with tempfile.TemporaryDirectory() as folder:
        copy(Path(folder))
        os.chdir(folder)
        for name in given.rooms.split(","):
            if not passes(ROOMS[name].tests):
                print(f"{name}: the tests fail before anything is changed")
                return 1
            tried = noticed = 0
            for survivor in survivors(ROOMS[name], given.sample, given.seed, again):
                tried += 1
                if survivor is None:
                    noticed += 1
                else:
                    print(f"{SURVIVED}{survivor}", flush=True)
            print(f"{name}: {noticed} of {tried} mutants noticed", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
