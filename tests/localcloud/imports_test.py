"""How the local cloud's modules depend on each other, those imports included that only type checkers see."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import msp.localcloud

ROOT = Path(msp.localcloud.__file__).parent
PREFIX = "msp.localcloud"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join((PREFIX, *(part for part in parts if part != "__init__")))


MODULES = {module_name(path): path for path in ROOT.rglob("*.py")}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in MODULES else node.module


def test_no_module_imports_one_that_imports_it() -> None:
    graph = {name: {other for other in imported(path) if other in MODULES} for name, path in MODULES.items()}
    assert any(graph.values())
    list(TopologicalSorter(graph).static_order())


def test_it_knows_nothing_of_the_tools_that_it_checks() -> None:
    foreign = {
        (name, other)
        for name, path in MODULES.items()
        for other in imported(path)
        if other.startswith("msp") and not other.startswith(PREFIX)
    }
    assert foreign == set()
