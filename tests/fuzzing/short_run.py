"""A run of a fuzzer that is short enough for a test."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def short_run(fuzzer: Path, inputs: int) -> None:
    """Runs a fuzzer, which must find nothing; on a busy machine, what an input took says nothing."""
    done = subprocess.run(
        [sys.executable, str(fuzzer), f"--inputs={inputs}", "--seed=7", "--no-limit"],
        env={"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{inputs} inputs")
