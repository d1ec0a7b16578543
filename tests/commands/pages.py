"""Finds the commands that the pages, the examples and the local cloud's console show."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from tests.commands.collector import Printed, in_text

_PAGES = ("*.md", "docs/**/*.md", "examples/**/*.md")
_SCRIPTS = ("examples/**/*.sh",)
_CI = ("examples/buildkite/*.yml", "examples/github/*.yml")
_CONSOLE = "tools/msp/localcloud/console/static/*.js"
# This repository's own programs.
_OWN = re.compile(r"(?:\w+=\w+ )?(?:\.ci/run|\.venv/bin/\S+|(?:tools|examples)/[\w/]+\.sh)(?: .*)?|python3 -m .*")


def shown(root: Path) -> Iterator[Printed]:
    """Each command of each page, once."""
    found = set()
    for path in (each for pattern in _PAGES for each in root.glob(pattern)):
        found |= {Printed(_name(root, path), command) for command in _in_page(path.read_text("utf-8"))}
    for path in (each for pattern in _CI for each in root.glob(pattern)):
        steps = _in_workflow(yaml.safe_load(path.read_text("utf-8")))
        found |= {Printed(_name(root, path), command) for command in steps}
    for path in (each for pattern in _SCRIPTS for each in root.glob(pattern)):
        lines = (line.partition(" #")[0] for line in path.read_text("utf-8").splitlines() if line.strip()[:1] != "#")
        found |= {Printed(_name(root, path), command) for line in lines for command in in_text(line)}
    for path in root.glob(_CONSOLE):
        for text in re.findall(r"\"([^\"\n]+)\"|`([^`\n]+)`", path.read_text("utf-8")):
            commands = in_text("".join(text).replace("${", "{"))
            found |= {Printed(_name(root, path), command) for command in commands}
    yield from sorted(found)


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _in_page(text: str) -> Iterator[str]:
    blocks = re.findall(r"^```(sh|console|yaml)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for kind, block in blocks:
        if kind == "yaml":
            yield from _in_workflow(yaml.safe_load(block))
        else:
            lines = block.splitlines() if kind == "sh" else re.findall(r"^\$ (.*)", block, re.MULTILINE)
            yield from map(_without_comment, lines)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for block in re.findall(r"(?<=\n\n)(?: {4}.*\n)+", prose):
        whole = re.sub(r"\n {5,}", " ", block)
        for line in map(_without_comment, whole.splitlines()):
            if any(in_text(line)) or _OWN.fullmatch(line) or line.startswith(("cd ", "export ")):
                yield line
    for span in re.findall(r"`([^`]+)`", prose):
        line = " ".join(span.split())
        if line.rstrip(" .,;:)") in set(in_text(line)) or _OWN.fullmatch(line):
            yield line


def _without_comment(line: str) -> str:
    return re.sub(r"\s+#.*", "", line).strip()


def _in_workflow(tree: object) -> Iterator[str]:
    """What steps of a CI run."""
    match tree:
        case dict():
            for key, value in tree.items():
                if key in {"command", "run"} and isinstance(value, str):
                    yield from filter(None, map(str.strip, value.splitlines()))
                else:
                    yield from _in_workflow(value)
        case list():
            for value in tree:
                yield from _in_workflow(value)
