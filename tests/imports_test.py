"""Imports go one way, as docs/architecture.md draws them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[1] / "tools" / "msp"

GROUND = {"errors", "names", "runfiles", "target_config", "text"}
# What each room may import from besides itself.
MAY_IMPORT = {
    "errors": set[str](),
    "runfiles": {"errors"},
    "target_config": {"errors"},
    "text": set[str](),
    "show": GROUND,
    "names": {"errors"},
    "spec": GROUND,
    "gcp": GROUND,
    "ci": GROUND,
    "image": GROUND | {"gcp"},
    "deploy_policies": GROUND | {"gcp"},
    "rollouts": GROUND | {"deploy_policies", "gcp"},
    "changes": GROUND | {"ci"},
    "pipeline": GROUND | {"deploy_policies", "spec", "gcp"},
    "delivery": GROUND | {"ci", "gcp", "image", "pipeline", "rollouts"},
    "operate": GROUND | {"changes", "ci", "deploy_policies", "gcp", "pipeline", "rollouts", "show"},
    "rehearsal": GROUND | {"ci", "delivery", "gcp", "image", "localcloud", "pipeline", "rollouts", "spec"},
    "localcloud": set[str](),
    "cli": GROUND | {"ci", "delivery", "gcp", "localcloud", "operate", "pipeline", "rehearsal", "show", "spec"},
}


def rooms() -> list[str]:
    # Bazel may put an empty __init__.py into a folder of runfiles.
    found = {path.stem for path in TOOLS.iterdir() if path.suffix == ".py" or any(path.rglob("*.py"))}
    return sorted(found - {"__init__"})


def imported(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name == "msp" and isinstance(node, ast.ImportFrom):
                yield from (alias.name for alias in node.names)
            elif name.startswith("msp."):
                yield name.split(".")[1]


def test_every_room_is_known() -> None:
    assert rooms() == sorted(MAY_IMPORT)


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_imports_only_what_lies_below_it(room: str) -> None:
    sources = [TOOLS / f"{room}.py"] if (TOOLS / f"{room}.py").exists() else sorted((TOOLS / room).rglob("*.py"))
    found = {(source.name, other) for source in sources for other in imported(source) if other != room}
    assert {(name, other) for name, other in found if other not in MAY_IMPORT[room]} == set()
