"""What a program pushed is what the registry has, by its digest, or nothing is released."""

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from msp.delivery.clients import Clients
from msp.delivery.image_push import ProgramPush
from msp.delivery.planning.plan import ReleasePlan
from msp.errors import MspError
from msp.gcp.deadline import NO_DEADLINE, Deadline, DeadlineError
from msp.gcp.endpoints import Endpoints
from msp.gcp.http import connection_pool
from msp.gcp.retry import RetryPolicy
from msp.image.keychain import Keychain
from msp.image.layout import Layout
from msp.image.progress import Silent
from msp.image.push import push
from msp.image.registry import Registry
from msp.names.references import Repository

if TYPE_CHECKING:
    from tests.image.conftest import Fault, LayoutBuilder, MemoryRegistry

Run = Callable[..., str]


@pytest.fixture
def run(memory_registry: "MemoryRegistry", tmp_path: Path) -> Run:
    retry = RetryPolicy(attempts=2, sleep=lambda _: None)
    registry = Registry(connection_pool(), Keychain(None, {}), Endpoints.google(), retry)

    def call(script: str = "", deadline: Deadline = NO_DEADLINE) -> str:
        program = tmp_path / "candidate_push"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        plan = cast("ReleasePlan", SimpleNamespace(image=f"{memory_registry.host}/p/app", tag="t"))
        clients = cast("Clients", SimpleNamespace(registry=registry, retry=retry, endpoints=Endpoints.google()))
        return ProgramPush(program, {}).run(plan, clients, gate=lambda: None, stop=threading.Event(), deadline=deadline)

    return call


@pytest.fixture
def layout(builder: "LayoutBuilder", memory_registry: "MemoryRegistry") -> Layout:
    """An image that is there, as if the program had pushed it."""
    layout = Layout(builder.root(builder.image(b"layer")))
    registry = Registry(connection_pool(), Keychain(None, {}), Endpoints.google())
    push(layout, Repository(memory_registry.host, "p/app"), "t", registry, Silent())
    return layout


def test_the_digest_is_that_of_what_is_there(run: Run, layout: Layout) -> None:
    assert run() == layout.digest


@pytest.mark.parametrize(
    "said",
    ["", "t", "sha256:", f"sha256:{'0' * 63}", f"sha256:{'G' * 64}", f"sha512:{'0' * 128}", f"sha256:{'0' * 64}"],
)
def test_a_digest_that_is_none_or_another_is_an_error(
    run: Run, layout: Layout, memory_registry: "MemoryRegistry", make_fault: "type[Fault]", said: str
) -> None:
    headers = {"Docker-Content-Digest": said}
    memory_registry.fault = lambda _request: make_fault(200, headers=headers, body=layout.root.content)
    with pytest.raises(MspError, match="the registry says that"):
        run()


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]"])
def test_what_is_no_manifest_has_no_digest(
    run: Run, memory_registry: "MemoryRegistry", make_fault: "type[Fault]", content: bytes
) -> None:
    memory_registry.fault = lambda _request: make_fault(200, body=content)
    with pytest.raises(MspError, match="is no manifest"):
        run()


def test_a_program_that_never_ends(run: Run) -> None:
    with pytest.raises(DeadlineError, match=r"candidate_push did not push within 0\.2 s"):
        run("exec sleep 600", Deadline.after(0.2))
