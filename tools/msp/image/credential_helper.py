"""Asking one of Docker's credential helpers (https://github.com/docker/docker-credential-helpers)."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from msp.gcp.bounds import json_object
from msp.gcp.errors import CredentialsError

HELPER_SECONDS = 30.0
# Tokens of a few KiB are common; nobody's login is longer.
MAX_ANSWER_BYTES = 64 << 10


@dataclass(frozen=True)
class HelperLogin:
    """What a helper knows.

    Attributes:
        username: `<token>` where the secret is an identity token.
        secret: Never printed.
    """

    username: str = field(repr=False)
    secret: str = field(repr=False)


def ask_helper(
    program: str, key: str, environment: Mapping[str, str], *, where: str, seconds: float = HELPER_SECONDS
) -> HelperLogin | None:
    """The login that a helper has for a registry; None where it has none.

    Args:
        program: `docker-credential-gcloud`, looked for on the environment's `PATH`.
        key: The registry: `us.gcr.io`.
        environment: What it is started with.
        where: What names it, for messages: `docker-credential-gcloud, which config.json names for us.gcr.io,`.
        seconds: How long it may take; then its process group is killed.

    Raises:
        CredentialsError: It is not there, failed, took too long or answered with something else.
    """
    status, printed = _run(program, key, environment, where, seconds)
    if status != 0:
        # How a helper says that it has nothing.
        if b"credentials not found" in printed:
            return None
        raise CredentialsError(f"{where} failed", hint=f"try: echo {key} | {program} get")
    login = parse_helper_answer(printed)
    if login is None:
        # Not quoted: it may hold the secret.
        raise CredentialsError(f"{where} answered something that is no login", hint=f"try: echo {key} | {program} get")
    return login


def parse_helper_answer(data: bytes) -> HelperLogin | None:
    """The login in `{"Username": "…", "Secret": "…"}`, None where there is none."""
    answer = json_object(data) or {}
    username, secret = answer.get("Username"), answer.get("Secret")
    if not isinstance(username, str) or not isinstance(secret, str):
        return None
    return HelperLogin(username, secret)


def _run(program: str, key: str, environment: Mapping[str, str], where: str, seconds: float) -> tuple[int, bytes]:
    """Its exit status, and what it printed."""
    try:
        helper = subprocess.Popen(
            [program, "get"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            process_group=0,  # What it starts ends with it.
        )
    except FileNotFoundError:
        raise CredentialsError(f"{where} is not on PATH", hint="install it, or take it out of the file") from None
    except (OSError, ValueError) as error:
        raise CredentialsError(f"{where} can't be run: {type(error).__name__}") from None
    ends = time.monotonic() + seconds
    printed: bytes | None = None
    status: int | None = None
    try:
        printed = _converse(helper, key, ends)
        if printed is not None and len(printed) <= MAX_ANSWER_BYTES:
            status = helper.wait(max(0.0, ends - time.monotonic()))
    except subprocess.TimeoutExpired:
        pass
    except OSError as error:
        raise CredentialsError(f"{where} can't be asked: {error.strerror}") from None
    finally:
        _end(helper, killed=status is None)
    if printed is not None and len(printed) > MAX_ANSWER_BYTES:
        raise CredentialsError(f"{where} answered with more than {MAX_ANSWER_BYTES} bytes")
    if printed is None or status is None:
        raise CredentialsError(f"{where} did not answer in {seconds:g} s")
    return status, printed


def _converse(helper: "subprocess.Popen[bytes]", key: str, ends: float) -> bytes | None:
    """Says the key, and listens: to the end, or until it is too much. None where the time is over before."""
    if helper.stdin is None or helper.stdout is None:
        return None
    with suppress(BrokenPipeError):  # It may know without listening.
        helper.stdin.write(key.encode())
        helper.stdin.close()
    printed = b""
    with selectors.DefaultSelector() as selector:
        selector.register(helper.stdout, selectors.EVENT_READ)
        while len(printed) <= MAX_ANSWER_BYTES:
            if not selector.select(max(0.0, ends - time.monotonic())):
                return None
            piece = os.read(helper.stdout.fileno(), MAX_ANSWER_BYTES)
            if not piece:
                break
            printed += piece
    return printed


def _end(helper: "subprocess.Popen[bytes]", *, killed: bool) -> None:
    if killed:
        # The whole group, also where its first process has ended: it wasn't waited for, so its number is still its own.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(helper.pid, signal.SIGKILL)
        helper.wait()
    for stream in (helper.stdin, helper.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()
