import io
import re

import pytest

from msp.gcp.errors import UnreachableError
from msp.image.layout import Descriptor
from msp.image.progress import Bars, BlobStatus, Lines, progress_for, size_text

BLOBS = [Descriptor("l", f"sha256:{n}", size) for n, size in enumerate((3 << 20, 1 << 20, 512))]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_few_lines() -> None:
    out, clock = io.StringIO(), Clock()
    lines = Lines(out, clock)
    lines.begin("r/a:t", BLOBS)
    for _ in range(100):
        lines.sent(1000)
    clock.now = 5.1
    lines.sent(2 << 20)
    lines.retrying(UnreachableError("r can't be reached: the connection was dropped"), 0.25)
    lines.ended(BLOBS[0], BlobStatus.UPLOADED)
    lines.ended(BLOBS[1], BlobStatus.MOUNTED)
    lines.ended(BLOBS[2], BlobStatus.PRESENT)
    lines.end()
    assert out.getvalue().splitlines() == [
        "pushing r/a:t: 3 blobs, 4.0 MiB",
        "  52 %, 2.1 MiB in 5 s",
        "  r can't be reached: the connection was dropped; trying again in 0.2 s",
        "pushed r/a:t: 1 blob uploaded (3.0 MiB), 1 mounted, 1 already there, in 5.1 s",
    ]


def test_a_quick_push_needs_no_bar() -> None:
    out, clock = Terminal(), Clock()
    bars = Bars(out, clock)
    bars.begin("r/a:t", BLOBS)
    clock.now = 0.4
    bars.sent(4 << 20)
    bars.ended(BLOBS[0], BlobStatus.UPLOADED)
    bars.end()
    assert out.getvalue() == "pushing r/a:t: 3 blobs, 4.0 MiB\npushed r/a:t: 1 blob uploaded (3.0 MiB), in 0.4 s\n"


def test_a_long_push_has_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out, clock = Terminal(), Clock()
    bars = Bars(out, clock)
    bars.begin("r/a:t", BLOBS)
    clock.now = 1
    bars.sent(2 << 20)
    bars.retrying(UnreachableError("[dropped]"), 0.5)
    bars.end()
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())
    assert "2.0/4.0 MiB" in text
    assert "[dropped]; trying again in 0.5 s" in text
    assert text.endswith("pushed r/a:t: nothing to do, in 1.0 s\n")
    bars.close()


def test_chooses_by_where_it_goes() -> None:
    assert type(progress_for(Terminal())) is Bars
    assert type(progress_for(io.StringIO())) is Lines


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (64 << 20, "64.0 MiB"), (3 << 30, "3.0 GiB")]
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert size_text(size) == text
