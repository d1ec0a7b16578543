"""A short run of the fuzzer; the long one is `python tests/gcp/fuzz.py`."""

import subprocess
import sys
from pathlib import Path


def test_short_run() -> None:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "fuzz.py"), "--inputs=3000", "--seed=7", "--no-limit"],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3000 inputs")
