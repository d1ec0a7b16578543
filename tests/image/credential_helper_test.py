"""Helpers as programs of their own: what they answer, and how they end."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from msp.gcp.errors import CredentialsError
from msp.image.credential_helper import HelperLogin, ask_helper, parse_helper_answer


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


def write(tmp_path: Path, script: str) -> None:
    path = tmp_path / "docker-credential-h"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def ask(environment: Mapping[str, str], seconds: float = 30) -> HelperLogin | None:
    return ask_helper("docker-credential-h", "r.example.com", environment, where="h", seconds=seconds)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_helper_is_told_the_registry(tmp_path: Path, environment: dict[str, str]) -> None:
    write(tmp_path, 'read key; echo "{\\"Username\\": \\"$1\\", \\"Secret\\": \\"$key\\"}"')
    assert ask(environment) == HelperLogin("get", "r.example.com")


def test_a_helper_may_answer_without_listening(tmp_path: Path, environment: dict[str, str]) -> None:
    write(tmp_path, 'exec <&-; echo \'{"Username": "u", "Secret": "s"}\'')
    assert ask(environment) == HelperLogin("u", "s")


def test_a_helper_that_knows_nothing(tmp_path: Path, environment: dict[str, str]) -> None:
    write(tmp_path, "echo credentials not found in native keychain; exit 1")
    assert ask(environment) is None


@pytest.mark.parametrize(
    "script",
    [
        "echo $$ > pids; sleep 600 & echo $! >> pids; sleep 600",
        # The helper itself is gone, and what it has started keeps its output open.
        "sleep 600 & echo $$ > pids; echo $! >> pids",
        "trap '' TERM HUP INT; echo $$ > pids; sleep 600",
    ],
)
def test_one_that_takes_too_long_ends_with_all_that_it_started(
    tmp_path: Path, environment: dict[str, str], script: str
) -> None:
    write(tmp_path, f"cd {tmp_path}; {script}")
    with pytest.raises(CredentialsError, match=r"^h did not answer in 0\.5 s$"):
        ask(environment, seconds=0.5)
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    ends = time.monotonic() + 30
    while any(map(is_alive, pids)) and time.monotonic() < ends:
        time.sleep(0.01)
    assert not any(map(is_alive, pids))


def test_one_that_never_stops_talking(tmp_path: Path, environment: dict[str, str]) -> None:
    write(tmp_path, "yes secret")
    with pytest.raises(CredentialsError, match="more than 65536 bytes") as raised:
        ask(environment)
    assert "secret" not in raised.value.message


def test_one_that_is_not_there_or_can_not_be_run(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(CredentialsError, match="is not on PATH"):
        ask(environment)
    write(tmp_path, "")
    (tmp_path / "docker-credential-h").chmod(0o644)
    with pytest.raises(CredentialsError, match="can't be run"):
        ask({"PATH": str(tmp_path)})


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"{}", b'{"Username": "u"}', b'{"Secret": "s"}', b'{"Username": 1, "Secret": "s"}',
        b'{"Username": "u", "Secret": {}}', b'{"Username": "u", "Secret": null}', b"\xff", b"[" * 60_000,
    ],
)  # fmt: skip
def test_what_is_no_login(data: bytes) -> None:
    assert parse_helper_answer(data) is None
