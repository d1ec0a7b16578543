"""Runs pytest as a Bazel test: shard, filter, XML result and temporary directory as Bazel asks for them.

https://bazel.build/reference/test-encyclopedia
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest


class Shard:
    """Keeps every n-th test; which shard has which test depends only on their order."""

    def __init__(self, index: int, total: int) -> None:
        self.index = index
        self.total = total

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        mine = items[self.index :: self.total]
        config.hook.pytest_deselected(items=[item for item in items if item not in mine])
        items[:] = mine


def main(files: list[str], environment: Mapping[str, str]) -> int:
    """Runs the tests in the files; returns pytest's exit code, but 0 where a shard or a filter leaves no test."""
    arguments = ["--config-file=pyproject.toml", "--strict-config", "-p", "no:cacheprovider", *files]
    plugins = []
    if result := environment.get("XML_OUTPUT_FILE"):
        target = environment.get("TEST_TARGET", "pytest")
        arguments += [f"--junitxml={result}", "--override-ini", f"junit_suite_name={target}"]
    if chosen := environment.get("TESTBRIDGE_TEST_ONLY"):
        arguments += ["-k", chosen]
    if environment.get("TESTBRIDGE_TEST_RUNNER_FAIL_FAST") == "1":
        arguments += ["--exitfirst"]
    if directory := environment.get("TEST_TMPDIR"):
        arguments += [f"--basetemp={directory}/pytest"]
    total = int(environment.get("TEST_TOTAL_SHARDS", "1"))
    if total > 1:
        plugins.append(Shard(int(environment["TEST_SHARD_INDEX"]), total))
        if status := environment.get("TEST_SHARD_STATUS_FILE"):
            Path(status).touch()
    exit_code = pytest.main(arguments, plugins=plugins)
    if exit_code == pytest.ExitCode.NO_TESTS_COLLECTED and (chosen or total > 1):
        return 0
    return int(exit_code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
