"""A short campaign of kills; the long one is `python tests/delivery/kills.py`."""

from pathlib import Path

from tests.delivery.kills import campaign


def test_what_was_killed_is_taken_up(tmp_path: Path) -> None:
    tally = campaign(tmp_path, kills=12, seed=7)
    assert tally.wrong == []
    assert tally.killed.total() >= 12
    assert set(tally.finished) <= {0, 3, 4}
