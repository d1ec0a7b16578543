"""A push in a terminal of its own: what is left on it when the push has failed."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from msp.image.layout import Layout

if TYPE_CHECKING:
    from tests.image.conftest import Fault, LayoutBuilder, MemoryRegistry, Request

HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"
LARGE = b"0123456789abcdef" * (8 << 16)

# Its clock leaps, so that the bar is shown from the first bytes on. After the error, threads that still run say more.
PUSHER = """
import itertools, sys
from pathlib import Path
from msp.errors import MspError
from msp.gcp.endpoints import Endpoints
from msp.gcp.http import connection_pool
from msp.gcp.retry import RetryPolicy
from msp.image.keychain import Keychain
from msp.image.layout import Layout
from msp.image.progress import Bars, progress_for
from msp.image.push import push
from msp.image.registry import Registry
from msp.names.references import Repository
assert type(progress_for(sys.stderr)) is Bars
progress = Bars(sys.stderr, itertools.count().__next__)
retry = RetryPolicy(attempts=2, sleep=lambda _: None)
registry = Registry(connection_pool(), Keychain(None, {}), Endpoints.google(), retry)
try:
    push(Layout(Path(sys.argv[1])), Repository(sys.argv[2], "p/app"), "t", registry, progress)
except MspError as error:
    print("error: it failed", file=sys.stderr)
    progress.sent(1 << 20)
    progress.retrying(error, 1.0)
    print("error: try again", file=sys.stderr, flush=True)
"""


def run_in_terminal(layout: Path, host: str) -> bytes:
    """All that a push writes to its terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        [sys.executable, "-c", PUSHER, str(layout), host], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as pusher:
        os.close(theirs)
        written = b""
        while piece := _read(ours):
            written += piece
        os.close(ours)
        assert pusher.wait(60) == 0, written.decode(errors="replace")
    return written


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Nobody has it open any more.
        return b""


@pytest.mark.parametrize("status", [403, 503, 0])
def test_a_push_that_fails_leaves_a_terminal_as_it_was(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry", make_fault: "type[Fault]", status: int
) -> None:
    layout = Layout(builder.root(builder.image(LARGE)))

    def fault(request: "Request") -> "Fault | None":
        large = int(request.headers.get("content-length", 0)) > 1 << 20
        return make_fault(status, after=5 << 20) if large and request.what == "PUT upload" else None

    memory_registry.fault = fault
    written = run_in_terminal(layout.path, memory_registry.host)
    assert written.count(HIDE) == written.count(SHOW) == 1
    assert written.index(HIDE) < written.index(SHOW) < written.index(b"error: it failed")
    assert re.search(rb"/8\.\d MiB", written[: written.index(SHOW)])  # The bar was there.
    assert written[written.index(b"error: it failed") :] == b"error: it failed\r\nerror: try again\r\n"


def test_a_push_that_succeeds_ends_with_its_last_line(
    builder: "LayoutBuilder", memory_registry: "MemoryRegistry"
) -> None:
    layout = Layout(builder.root(builder.image(LARGE)))
    written = run_in_terminal(layout.path, memory_registry.host)
    assert written.count(HIDE) == written.count(SHOW) == 1
    last = written[written.rindex(b"pushed ") :]
    assert written.index(SHOW) < written.rindex(b"pushed ")
    assert re.fullmatch(rb"pushed \S+: 2 blobs uploaded \(8\.0 MiB\), in [\d.]+ s\r\n", last)
