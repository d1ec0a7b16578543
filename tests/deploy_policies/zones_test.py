"""Time zones on a machine that has none, as slim images of Python are."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

READ = """
from datetime import UTC, datetime
from msp.deploy_policies.policy import OneTimeWindow, Restriction
from msp.deploy_policies.windows import is_open
noon = OneTimeWindow(datetime(2026, 11, 24, 12), datetime(2026, 11, 24, 13))
print(is_open(Restriction("all", "Europe/Berlin", once=(noon,)), datetime(2026, 11, 24, 11, 30, tzinfo=UTC)))
"""


@pytest.mark.skipif(
    find_spec("tzdata") is None and "TEST_SRCDIR" not in os.environ, reason="tzdata is not installed here"
)
def test_a_machine_without_zones_knows_them() -> None:
    environment = {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)), "PYTHONTZPATH": ""}
    done = subprocess.run([sys.executable, "-c", READ], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")
