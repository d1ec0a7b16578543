"""A directory of files that are there whole or not at all."""

import os
from collections.abc import Container
from pathlib import Path

from msp.localcloud.content.spool import Spool


class ContentDirectory:
    """Files under flat names, with a place beside them for those that are still on their way in.

    Args:
        root: Where it is; made when it isn't there.
        durable: Whether what is kept must survive the loss of power.
    """

    def __init__(self, root: Path, *, durable: bool) -> None:
        self.durable = durable
        self._incoming = root / "incoming"
        self._whole = root / "whole"
        for directory in (self._incoming, self._whole):
            directory.mkdir(parents=True, exist_ok=True)

    def incoming(self, identifier: str) -> Path:
        """Where a file grows until it is whole."""
        return self._incoming / identifier

    def path(self, name: str) -> Path:
        """Where a whole file is."""
        return self._whole / name

    def keep(self, spool: Spool, name: str) -> None:
        """Puts a whole file in its place, at once; a file of that name is replaced."""
        spool.path.replace(self.path(name))
        self._sync()

    def link(self, name: str, other: str) -> None:
        """Gives a whole file a second name, without copying it."""
        self.path(other).unlink(missing_ok=True)
        os.link(self.path(name), self.path(other))
        self._sync()

    def remove(self, name: str) -> None:
        """Removes a whole file, if it is there. Who is reading it reads on."""
        self.path(name).unlink(missing_ok=True)

    def sweep(self, *, incoming: Container[str], whole: Container[str]) -> int:
        """Removes the files that nothing refers to, which a killed process left behind; tells how many."""
        junk = [path for path in self._incoming.iterdir() if path.name not in incoming]
        junk += [path for path in self._whole.iterdir() if path.name not in whole]
        for path in junk:
            path.unlink()
        return len(junk)

    def _sync(self) -> None:
        if self.durable:
            # A rename is on the disk only once its directory is.
            descriptor = os.open(self._whole, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
