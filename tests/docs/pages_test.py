"""What the pages name is there: links, labels, flags, and the arguments of the rules."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from msp.cli.verb import COMMANDS as VERBS

ROOT = Path(__file__).parents[2]
OWN = ("CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md")
PAGES = sorted([*(ROOT / name for name in OWN), *(ROOT / "docs").rglob("*.md")])
LABELS = Path(__file__).with_name("documented.txt")
COMMANDS = ("apply", "deploy", "deploy_local", "diff", "generate", "local_cloud", "validate")

# Flags of other programs that the pages name.
FOREIGN = {
    *("--file", "--format", "--image", "--project", "--region"),  # gcloud
    *("--freshness",),  # gcloud logging
    *("--output_groups", "--test_filter"),  # Bazel
    *("--index", "--insecure", "--strict"),  # pip, crane, mypy
    *("--fix", "--upgrade", "--where"),  # this repository's own scripts
    *("--repository", "--tag"),  # an oci_push
}


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text(page: Path) -> str:
    return page.read_text("utf-8")


def anchors(page: Path) -> set[str]:
    """https://docs.github.com/get-started/writing-on-github: lower case, no punctuation, hyphens for blanks."""
    prose = re.sub(r"```.*?```", "", text(page), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", text(page), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def commands(page: Path) -> Iterator[tuple[str, str, str]]:
    """Every `bazel VERB LABEL [-- FLAGS]`: verb, label and what stands behind `--`."""
    one_line = re.sub(r"`(bazel)\n(\w+)", r"`\1 \2", text(page)).replace("`bazel\n", "`bazel ")
    yield from re.findall(
        r"(?:\./bazelw|bazel) (run|test|build) ((?:@rules_msp)?//[\w/.]*(?::[\w.]+)?)(?:[^\n`]*? -- ([^\n`|]*))?",
        one_line,
    )


def resolved(label: str) -> str:
    """`//svc` stands for a service of the reader's, which has what the example has."""
    label = label.removeprefix("@rules_msp")
    if label == "//tools:msp":  # an alias, which Bazel resolves
        return "//tools:verb"
    if label.startswith("//svc:pipeline"):  # an msp_pipeline of its own
        return label.replace("//svc:", "//examples/msp_example:msp_deploy.")
    return label.replace("//svc:", "//examples/msp_example:")


@pytest.mark.skipif(not LABELS.exists(), reason="which labels there are is known only under Bazel")
def test_labels_are_there() -> None:
    labels = {label for page in PAGES for _, label, _ in commands(page)}
    # Tests are visible to no other target.
    named = {resolved(label) for label in labels if ":" in label and not label.startswith("//tests/")}
    assert "//tools:local_cloud" in named
    missing = named - set(LABELS.read_text("utf-8").split())
    assert missing == set(), "add them to documented_labels in tests/docs/BUILD.bazel; Bazel says whether they exist"


@pytest.fixture(scope="module")
def flags() -> dict[str, set[str]]:
    """The flags that each command names in its help."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    found = {}
    for command in (*COMMANDS, *(f"verb {verb.name}" for verb in VERBS)):
        program, *verb = command.split()
        done = subprocess.run(
            [sys.executable, "-m", f"msp.cli.{program}", *verb, "--help"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        listed = re.findall(r"^  (?:-\w,)?--(\[no\])?(\w+)", done.stdout + done.stderr, re.MULTILINE)
        assert listed, command
        found[command] = {f"--{flag}" for _, flag in listed} | {f"--no{flag}" for no, flag in listed if no}
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_flags_are_there(page: Path, flags: dict[str, set[str]]) -> None:
    everywhere = FOREIGN | {"--help", "--verbosity"} | set().union(*flags.values())
    ours = set(re.findall(r"(?<![\w-])--[a-z][a-z_]*(?![\w-])", text(page)))
    # gcloud's flags have hyphens, ours have none.
    assert ours - everywhere == set()
    for _, label, behind in commands(page):
        command = resolved(label).rpartition(":")[2].rpartition(".")[2].replace("msp_deploy", "deploy")
        if command in {"ops", "verb"} and behind.split()[0].isascii():
            command = f"verb {behind.split()[0]}"
        if command in flags:
            used = set(re.findall(r"(?<![\w-])--[a-z][a-z_]*", behind))
            assert used <= flags[command] | {"--help", "--verbosity"}, label


def declared() -> dict[str, set[str]]:
    """The arguments of each rule, as the reference declares them."""
    # The declarations, unlike the examples, have no value for what must be given.
    declarations = re.findall(
        r"^(msp_\w+)\(\n(    name,\n.*?)^\)$", text(ROOT / "docs/rules.md"), re.MULTILINE | re.DOTALL
    )
    return {call: set(re.findall(r"^    ([\w*]+)", arguments, re.MULTILINE)) for call, arguments in declarations}


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "rules.md"], ids=name)
def test_rules_are_called_as_declared(page: Path) -> None:
    rules = declared()
    assert {"msp_delivery", "msp_pipeline", "msp_spec", "msp_spec_test"} == rules.keys()
    for block in re.findall(r"```(?:starlark|python|bzl)\n(.*?)```", text(page), re.DOTALL):
        # Starlark of a BUILD file is Python's syntax.
        for call in ast.walk(ast.parse(block)):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            if (
                call.func.id == "load"
                and isinstance(call.args[0], ast.Constant)
                and "@rules_msp" in str(call.args[0].value)
            ):
                assert call.args[0].value == "@rules_msp//rules_msp:defs.bzl"
                assert {str(ast.literal_eval(symbol)) for symbol in call.args[1:]} <= rules.keys()
            if call.func.id in rules:
                used = {keyword.arg for keyword in call.keywords}
                common = {"tags", "visibility", "testonly"}
                assert used <= rules[call.func.id] | common, call.func.id
