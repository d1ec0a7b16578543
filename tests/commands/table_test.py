"""Every command that the tools can print is run by a test: n of n."""

import ast
from pathlib import Path

from tests.commands.collector import Printed, Sources
from tests.commands.table import TABLE

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def test_every_printed_command_is_run() -> None:
    printed = set(Sources.read(ROOT).printed())
    assert len(printed) > 40
    in_table = {Printed(row.path, row.command) for row in TABLE}
    assert printed - in_table == set(), "say in table.py which test runs it, in the situation that prints it"
    assert in_table - printed == set(), "nobody prints it any more"
    print(f"{len(printed & in_table)} of {len(printed)} printed commands are run")


def test_every_test_of_the_table_is_there() -> None:
    tests = {
        f"{path.stem}.{node.name}"
        for path in HERE.glob("*_test.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert {row.test for row in TABLE} - tests == set()


def test_no_name_is_given_a_command_unnoticed() -> None:
    assert list(Sources.read(ROOT).unknown_carriers()) == [], "add it to CARRIERS in collector.py"


def collected(source: str) -> list[str]:
    where = "tools/msp/odd.py"
    return [found.command for found in Sources({where: ast.parse(source)}).printed()]


def test_the_collector_sees_what_is_printed() -> None:
    assert collected('hint = f"run: kubectl get pods --namespace={name}"') == ["kubectl get pods --namespace={}"]
    assert collected('say("see `git log`, or gcloud takes a while")') == ["git log"]
    assert collected('say(f"once more: {plan.rerun} --force")') == ["{rerun} --force"]
    assert collected('shlex.join(["gcloud", "run", "deploy", service])') == ["gcloud run deploy {}"]
    assert collected('"""Runs bazel query //..."""\n# git push\nsay("Bazel does it")') == []
