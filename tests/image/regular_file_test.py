import os
from pathlib import Path

import pytest

from msp.image.regular_file import NotRegularError, TooLargeError, open_regular, read_regular


def test_reads_a_file_and_what_links_to_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "file", 4) == read_regular(tmp_path / "link", 5) == b"0123"
    (tmp_path / "file").write_bytes(b"")
    assert read_regular(tmp_path / "file", 4) == b""


def test_a_larger_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.truncate(8 << 30)  # It has holes: no byte of it is on the disk.
    with pytest.raises(TooLargeError, match="larger than 1000 bytes"):
        read_regular(tmp_path / "file", 1000)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, Path("/dev/zero")):
        with pytest.raises(NotRegularError, match="not a regular file"):
            open_regular(path)


def test_what_can_not_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")
    with pytest.raises(OSError, match="not a path"):
        open_regular(Path("a\0b"))
