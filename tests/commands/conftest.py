"""Pastes what is printed into a shell, and keeps count of it."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pytest
from tests.commands.collector import Printed
from tests.commands.monorepo import CONSUMERS, OURS, Monorepo
from tests.commands.table import TABLE, Row
from tests.delivery.conftest import World, bare_world, shared_cloud

__all__ = ["bare_world", "shared_cloud"]


@dataclass
class Paste:
    """A shell where nothing is configured, and what was pasted into it.

    Attributes:
        rows: The commands that this test is to run.
        home: Where everything that a program leaves may go.
        ran: The commands that it ran.
    """

    rows: list[Row]
    home: Path
    ran: list[Row] = field(default_factory=list)

    def __call__(
        self,
        command: str,
        monorepo: Monorepo | None,
        text: str,
        *,
        code: int = 0,
        folder: str = ".",
        given: Mapping[str, str] = MappingProxyType({}),
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> "subprocess.CompletedProcess[str]":
        """Runs a command of the table as it stands in what was printed.

        Args:
            command: As the table has it.
            monorepo: Where to stand; None for a folder of its own.
            text: What was printed.
            code: How it must end.
            folder: Where to stand in the repository.
            given: What the reader puts in the place of words in capital letters.
            variables: What the reader's shell has set.
        """
        printed = self.printed(command, text)
        for word, value in given.items():
            printed = printed.replace(word, value)
        done = self.shell(printed, monorepo, folder=folder, **variables)
        assert done.returncode == code, f"{printed}\n{done.stdout}\n{done.stderr}"
        return done

    def printed(self, command: str, text: str) -> str:
        """The command as it stands in what was printed; from here on it counts as run."""
        rows = [row for row in self.rows if row.command == command]
        assert rows, f"{command}: the table does not say that this test runs it"
        found = list(Printed("", command).within(text))
        assert found, f"{command} is not in:\n{text}"
        self.ran += rows
        return found[0]

    def shell(
        self, command: str, monorepo: Monorepo | None, *, folder: str = ".", **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        """Runs anything as it would be pasted."""
        return subprocess.run(
            ["bash", "-c", command],
            cwd=(monorepo.root / folder) if monorepo else self.home,
            env=self.environment(monorepo, **variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def environment(self, monorepo: Monorepo | None, **variables: str) -> dict[str, str]:
        """The reader's variables."""
        path = f"{monorepo.programs}{os.pathsep}{os.environ['PATH']}" if monorepo else os.environ["PATH"]
        own = {"PATH": path, "HOME": str(self.home), "CLOUDSDK_CONFIG": str(self.home / "gcloud")}
        own |= {"CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1", "GIT_CONFIG_NOSYSTEM": "1", "NO_GCE_CHECK": "true"}
        # Nothing that is printed may reach a cloud that is not here.
        own |= {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1", "LANG": "C.UTF-8"}
        return own | variables


@pytest.fixture
def paste(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Paste]:
    """At its end every command that the table has of this test was run."""
    test = f"{request.path.stem}.{request.node.originalname}"
    made = Paste([row for row in TABLE if row.test == test], tmp_path)
    yield made
    left = [row.command for row in made.rows if row not in made.ran]
    assert not left, f"{test} did not run {left}"


@pytest.fixture
def make_monorepo(bare_world: World) -> Callable[..., Monorepo]:
    """Makes a repository of a service of which nothing is made in the cloud yet."""

    def make(tools: str = CONSUMERS, *, with_spec: bool = True, region: str = "us-central1") -> Monorepo:
        return Monorepo(bare_world, tools, with_spec, region).make()

    return make


@pytest.fixture
def monorepo(make_monorepo: Callable[..., Monorepo]) -> Monorepo:
    """A consumer's repository, whose service has its pipeline."""
    made = make_monorepo()
    made.world.make_pipeline()
    return made


@pytest.fixture(params=[OURS, CONSUMERS], ids=["ours", "a consumer's"])
def tools(request: pytest.FixtureRequest) -> str:
    """The package of the tools, as a repository writes it."""
    found: str = request.param
    return found
