"""Every specification in `valid/` and `invalid/` gives what stands beside it.

After a change that is meant: `pytest tests/spec --update-goldens`, then read the difference.
"""

import json
from pathlib import Path

import pytest

from msp.spec import SpecError, parse
from msp.spec.render import text

HERE = Path(__file__).parent
VALID = sorted((HERE / "valid").glob("*.yaml"))
INVALID = sorted((HERE / "invalid").glob("*.yaml"))


def compare(golden: Path, actual: str, *, update: bool) -> None:
    if update:
        golden.write_text(actual, encoding="utf-8")
    assert actual == golden.read_text(encoding="utf-8")


def ids(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", VALID, ids=ids)
def test_valid(path: Path, update_goldens: bool) -> None:
    spec = parse(path.read_bytes(), path.name)
    canonical = spec.canonical_json()
    readable = json.dumps(json.loads(canonical), indent=2, ensure_ascii=False) + "\n"
    compare(path.with_suffix(".json"), readable, update=update_goldens)
    assert parse(canonical.encode(), path.name) == spec
    assert type(spec).model_validate_json(canonical) == spec


@pytest.mark.parametrize("path", INVALID, ids=ids)
def test_invalid(path: Path, update_goldens: bool) -> None:
    with pytest.raises(SpecError) as caught:
        parse(path.read_bytes(), path.name)
    compare(path.with_suffix(".txt"), text.render(caught.value.problems), update=update_goldens)


def test_corpus_is_there() -> None:
    assert len(VALID) > 15
    assert len(INVALID) > 60
