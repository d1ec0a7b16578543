"""A short run of the fuzzer; the long one is `python tests/image/fuzz.py`."""

import subprocess
import sys
from pathlib import Path


def test_short_run() -> None:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "fuzz.py"), "--inputs=1100", "--seed=7"],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1100 inputs")
