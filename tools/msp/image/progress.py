"""How a push shows what it does: bars on a terminal, lines elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, TextIO

from msp.gcp.errors import RemoteError
from msp.image.layout import Descriptor

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

# A push that is over by then needs no bar; rich alone takes 0.1 s to import.
_PATIENCE_SECONDS = 0.5
_LINE_SECONDS = 5.0


class BlobStatus(Enum):
    """How a blob came to be in the repository."""

    UPLOADED = "uploaded"
    MOUNTED = "mounted"
    PRESENT = "already there"


class Progress:
    """Is told what a push does, and does nothing; all but `begin`, `end` and `close` are called from many threads."""

    def begin(self, image: str, blobs: Sequence[Descriptor]) -> None:
        """The push of an image begins.

        Args:
            image: `us.gcr.io/sourcegraph-dev/msp-example:0123456789ab_482`.
            blobs: What it has, each once.
        """

    def sent(self, size: int) -> None:
        """So many more bytes are on their way; a negative number where some must be sent again."""

    def ended(self, blob: Descriptor, outcome: BlobStatus) -> None:
        """The blob is in the repository."""

    def retrying(self, error: RemoteError, seconds: float) -> None:
        """A request failed, and is repeated in so many seconds."""

    def end(self) -> None:
        """The image is in the repository, with its tag."""

    def close(self) -> None:
        """The push is over, however it ended: nothing more is shown, whatever threads that still run say."""


class Silent(Progress):
    """Says nothing: what is told here ends here."""


class Lines(Progress):
    """Says it in lines that suit a log: at the beginning, every few seconds, when something is repeated, at the end.

    Args:
        out: Where to; stderr by default.
        monotonic: Seconds on a clock that never goes back.
    """

    def __init__(self, out: TextIO | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._out = out or sys.stderr
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._image = ""
        self._total = 0
        self._done = 0
        self._began = 0.0
        self._last = 0.0
        self._outcomes: dict[BlobStatus, list[int]] = {}
        self._retries: dict[str, float] = {}
        self._over = False

    def begin(self, image: str, blobs: Sequence[Descriptor]) -> None:
        """One line: what is pushed, and how large it is."""
        self._image = image
        self._over = False
        self._total = sum(blob.size for blob in blobs)
        self._done = 0
        self._began = self._last = self._monotonic()
        self._outcomes = {outcome: [] for outcome in BlobStatus}
        self._say(f"pushing {image}: {_count(len(blobs))}, {size_text(self._total)}")

    def sent(self, size: int) -> None:
        """A line if the last one is a while ago."""
        with self._lock:
            self._done += size
            now = self._monotonic()
            if self._over or now - self._last < _LINE_SECONDS:
                return
            self._last = now
            percent = 100 * self._done // max(1, self._total)
            self._say(f"  {percent} %, {size_text(self._done)} in {now - self._began:.0f} s")

    def ended(self, blob: Descriptor, outcome: BlobStatus) -> None:
        """Counted for the last line."""
        with self._lock:
            self._outcomes[outcome].append(blob.size)
            if outcome is not BlobStatus.UPLOADED:
                self._done += blob.size

    def retrying(self, error: RemoteError, seconds: float) -> None:
        """One line; not again and again for the same failure, which often meets every blob."""
        if self._is_news(error.message):
            self._say(f"  {error.message}; trying again in {seconds:.1f} s")

    def _is_news(self, message: str) -> bool:
        with self._lock:
            now = self._monotonic()
            news = not self._over and now - self._retries.get(message, -_LINE_SECONDS) >= _LINE_SECONDS
            if news:
                self._retries[message] = now
            return news

    def end(self) -> None:
        """One line: what was done."""
        self._say(summary(self._image, self._outcomes, self._monotonic() - self._began))

    def close(self) -> None:
        """No more lines."""
        with self._lock:
            self._over = True

    def _say(self, line: str) -> None:
        print(line, file=self._out, flush=True)


class Bars(Lines):
    """Shows a bar while it takes long, and leaves the same first and last line as `Lines`."""

    def __init__(self, out: TextIO | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(out, monotonic)
        self._bar: RichProgress | None = None

    def sent(self, size: int) -> None:
        """Moves the bar, which comes into being when the push has gone on for a while."""
        with self._lock:
            self._done += size
            if self._over:
                return
            if self._bar is None and self._monotonic() - self._began >= _PATIENCE_SECONDS:
                self._bar = self._show()
            if self._bar is not None:
                self._bar.update(self._bar.task_ids[0], completed=self._done)

    def retrying(self, error: RemoteError, seconds: float) -> None:
        """A line above the bar."""
        if not self._is_news(error.message):
            return
        line = f"  {error.message}; trying again in {seconds:.1f} s"
        with self._lock:
            if self._bar is not None:
                self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
            elif not self._over:
                self._say(line)

    def close(self) -> None:
        """Takes the bar away for good, and shows the cursor again."""
        with self._lock:
            self._over = True
            if self._bar is not None:
                self._bar.stop()
                self._bar = None

    def end(self) -> None:
        """The last line, in place of the bar."""
        self.close()
        super().end()

    def _show(self) -> "RichProgress":
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

        columns = (BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn(), TimeRemainingColumn())
        bar = Progress(*columns, console=Console(file=self._out), transient=True)
        bar.add_task("", total=self._total, completed=self._done)
        bar.start()
        return bar


def progress_for(out: TextIO) -> Lines:
    """Bars where it goes to a terminal, lines elsewhere.

    Args:
        out: Where to: stderr.
    """
    return Bars(out) if out.isatty() else Lines(out)


def summary(image: str, outcomes: dict[BlobStatus, list[int]], seconds: float) -> str:
    """One line: `pushed us.gcr.io/p/app:t: 3 blobs uploaded (1.2 MiB), 9 already there, in 0.4 s`.

    Args:
        image: `us.gcr.io/p/app:t`.
        outcomes: The sizes in bytes of the blobs that ended in each way.
        seconds: How long it took.
    """
    parts = []
    if sizes := outcomes.get(BlobStatus.UPLOADED):
        parts.append(f"{_count(len(sizes))} uploaded ({size_text(sum(sizes))})")
    parts += [f"{len(s)} {o.value}" for o, s in outcomes.items() if s and o is not BlobStatus.UPLOADED]
    return f"pushed {image}: {', '.join(parts) or 'nothing to do'}, in {seconds:.1f} s"


def size_text(size: int) -> str:
    """A size for people: `512 B`, `1.5 MiB`."""
    value = float(size)
    for unit in ("B", "KiB", "MiB"):
        if abs(value) < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def _count(blobs: int) -> str:
    return f"{blobs} blob{'' if blobs == 1 else 's'}"
