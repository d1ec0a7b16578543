"""The example service answers on the port it is given."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

SERVER = Path(__file__).with_name("server.py")


def test_says_which_revision_is_running() -> None:
    environment = os.environ | {"PORT": "0", "K_REVISION": "msp-example-00007-abc"}
    with subprocess.Popen([sys.executable, SERVER], env=environment, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            listening = re.search(r"port (\d+)", server.stderr.readline())
            assert listening is not None
            with urllib.request.urlopen(f"http://127.0.0.1:{listening[1]}/", timeout=10) as answer:
                assert json.load(answer) == {"service": "msp-example", "revision": "msp-example-00007-abc"}
        finally:
            server.terminate()
