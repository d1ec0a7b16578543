"""A persistent worker: Bazel keeps the process and hands it one action after the other.

The protocol is JSON, a request and a response a line (https://bazel.build/remote/creating). Requests are answered in
turn: such work takes Python a few milliseconds, so that threads would win nothing, and a request that Bazel cancels has
been answered before its cancellation is read.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from msp.errors import UsageError

Work = Callable[[list[str], Path], tuple[int, str]]
"""Does an action: takes its arguments and the directory that its paths start from; returns exit code and output."""

_BROKEN: Final = 1


def expanded(arguments: list[str]) -> list[str]:
    """The arguments of an action that runs without a worker: Bazel leaves `@file` to the program, an argument a line.

    Raises:
        UsageError: The file can't be read.
    """
    match arguments:
        case [name] if name.startswith("@"):
            try:
                return Path(name[1:]).read_text(encoding="utf-8").splitlines()
            except OSError as error:
                raise UsageError(f"{name}: can't be read: {error.strerror}") from error
        case _:
            return arguments


def serve(work: Work) -> int:
    """Works until Bazel closes stdin. Whatever is printed meanwhile goes to stderr, which Bazel keeps in a log.

    Returns:
        The process's exit code: 0, or 1 when what came was not the protocol.
    """
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as responses:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return answer(sys.stdin.buffer, responses, work)


def answer(requests: IO[bytes], responses: IO[str], work: Work) -> int:
    """Answers requests until there are no more."""
    for line in requests:
        if not line.strip():
            continue
        try:
            request = json.loads(line)
            number, arguments = int(request.get("requestId", 0)), [str(item) for item in request.get("arguments", [])]
            root, cancelled = Path(request.get("sandboxDir") or ""), bool(request.get("cancel"))
        except (ValueError, TypeError, AttributeError) as error:
            print(f"error: this is not a work request of Bazel's JSON protocol: {error}", file=sys.stderr)
            return _BROKEN
        if cancelled:
            continue
        exit_code, output = _guarded(work, arguments, root)
        responses.write(json.dumps({"exitCode": exit_code, "output": output, "requestId": number}) + "\n")
        responses.flush()
    return 0


def _guarded(work: Work, arguments: list[str], root: Path) -> tuple[int, str]:
    """A mistake of ours in one action must not take the others with it."""
    try:
        return work(arguments, root)
    except Exception:
        return _BROKEN, traceback.format_exc()
