"""Durations as people write them."""

import pytest

from msp.cli.durations import parse_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("300", 300.0),
        ("0", 0.0),
        ("0.5", 0.5),
        (" 300s ", 300.0),
        ("5m", 300.0),
        ("1.5h", 5400.0),
        ("1h30m", 5400.0),
        ("1h30m5s", 5405.0),
        ("720h", 2592000.0),
    ],
)
def test_a_duration(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1", "5 m", "5M", "30m1h", "1e3", "1e400", "inf", "nan", "h", "٣", "1d"])
def test_what_is_none_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="write seconds"):
        parse_seconds(text)


@pytest.mark.parametrize("text", ["721h", "9" * 400])
def test_what_no_clock_can_wait_for_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="30 days"):
        parse_seconds(text)
