"""The local cloud as a process of its own."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def serving(state: Path, log: IO[str] | None = None) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Its address and the process, which is killed at the end; what it writes to stderr goes into `log`."""
    command = [sys.executable, "-m", "msp.cli.local_cloud", "--port=0", "--grpc_port=0", f"--state_dir={state}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    errors = log or subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("local cloud ready"), line
        try:
            yield line.split()[3], process
        finally:
            process.kill()
