"""A short run of the fuzzer; the long one is `python tests/image/fuzz.py`."""

from pathlib import Path

from tests.fuzzing.short_run import short_run


def test_short_run() -> None:
    short_run(Path(__file__).parent / "fuzz.py", inputs=1100)
