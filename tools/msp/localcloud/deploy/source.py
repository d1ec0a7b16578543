"""A release's source: the files of an archive, as a render sees them."""

import io
import posixpath
import re
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

_MOST_ARCHIVE_BYTES = 512 * 1024 * 1024
_MOST_FILE_BYTES = 1024 * 1024
_MOST_KEPT_BYTES = 64 * 1024 * 1024


class SourceError(Exception):
    """The source can't be rendered; the message says why, as skaffold would."""


@dataclass(frozen=True)
class Source:
    """The files of an archive.

    Attributes:
        files: The content of each file by its path (`k8s/service.yaml`); `None` for one too large to be kept.
    """

    files: Mapping[str, bytes | None]

    def is_directory(self, path: str) -> bool:
        """Whether there are files below a path."""
        return path == "." or any(name.startswith(f"{path}/") for name in self.files)

    def find(self, pattern: str) -> list[str]:
        """The files that a path names, be it a file, a directory of files, or a pattern with `*`, `**` and `?`."""
        if pattern in self.files:
            return [pattern]
        if self.is_directory(pattern):
            return sorted(name for name in self.files if pattern == "." or name.startswith(f"{pattern}/"))
        expression = re.compile(_glob(pattern))
        return sorted(name for name in self.files if expression.fullmatch(name))

    def read(self, path: str, what: str) -> bytes:
        """A file's content.

        Args:
            path: The file's path; it is there.
            what: What it is, for the error.

        Raises:
            SourceError: It is too large.
        """
        content = self.files[path]
        if content is None:
            raise SourceError(f"{what} {path} is larger than {_MOST_FILE_BYTES} bytes")
        return content


_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _glob(pattern: str) -> str:
    """A regular expression for a pattern of which `*` and `?` stay within a segment, and `**/` is any depth."""
    return re.sub(r"\*\*/?|.", lambda part: _WILDCARDS.get(part[0]) or re.escape(part[0]), pattern)


def join(folder: str, path: str) -> str:
    """A path that stands in a file of a folder, as a path in the archive: `../base` in `overlays/prod` is `base`."""
    return posixpath.normpath(posixpath.join(folder, path))


def unpack(archive: bytes) -> Source:
    """Reads an archive (tar, gzipped or not).

    Raises:
        SourceError: It is no archive, or holds too much.
    """
    files: dict[str, bytes | None] = {}
    seen = kept = 0
    try:
        # As a stream, so that a small archive of something huge is given up in time.
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r|*") as tar:
            for member in tar:
                seen += member.size
                if seen > _MOST_ARCHIVE_BYTES:
                    raise SourceError(f"the source holds more than {_MOST_ARCHIVE_BYTES} bytes")
                if not member.isfile():
                    continue
                keep = member.size <= _MOST_FILE_BYTES and kept + member.size <= _MOST_KEPT_BYTES
                file = tar.extractfile(member) if keep else None
                kept += member.size if keep else 0
                files[posixpath.normpath(member.name)] = file.read() if file is not None else None
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise SourceError(f"the source is not a tar archive: {error}") from None
    return Source(files)
