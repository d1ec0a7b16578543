"""How every command begins and ends: its flags and arguments, its errors as they are printed, its exit code."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from absl import app, flags

from msp.ci.github import workflow_command
from msp.errors import MspError, UsageError
from msp.text import harmless_lines

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def run(main: Callable[[], int]) -> NoReturn:
    """Runs a command that takes flags only, and exits with what it returns.

    An `MspError` is printed to stderr as one message and its hint, never as a traceback, and its `exit_code` ends
    the process; GitHub Actions also shows it on the run's page. A flag that is unknown or has a bad value, and an
    argument, end it with 2. SIGTERM, by which a CI cancels a build, ends it as Ctrl-C does.

    Args:
        main: The command. Returns the exit code: 0 done, 1 failed or refused, 2 usage or bad input, 3 the release was
            made and its rollout failed, 4 blocked: a freeze, a suspended pipeline, a hold or an approval has to let
            it through first.
    """

    def without_arguments(argv: list[str]) -> int:
        if argv[1:]:
            raise UsageError(f"unexpected argument {argv[1]!r}", hint="everything is given by flags; see --help")
        return main()

    run_with_arguments(without_arguments)


def run_with_arguments(main: Callable[[list[str]], int]) -> NoReturn:
    """Runs a command that takes positional arguments too, otherwise as `run`.

    Args:
        main: The command. Takes its own name and the positional arguments: `["validate", "service.yaml"]`.
    """
    app.run(lambda argv: _guarded(lambda: main(argv)), flags_parser=_parse_flags)
    raise AssertionError("absl.app.run does not return")


def run_parsed(parser: "Callable[[], ArgumentParser]", main: "Callable[[Namespace], int]") -> NoReturn:
    """Runs a command that has verbs, each with flags of its own, otherwise as `run`.

    Args:
        parser: Makes what reads the command line; its errors are `UsageError`.
        main: The command. Takes what was read.
    """
    app.run(lambda read: _guarded(lambda: main(read)), flags_parser=lambda argv: _parse(parser, argv))
    raise AssertionError("absl.app.run does not return")


def _guarded(main: Callable[[], int]) -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    _quiet_libraries()
    try:
        return main()
    except MspError as error:
        _print_error(error)
        return error.exit_code
    except BrokenPipeError:
        # The reader went away (`… | head`): without this, the interpreter complains when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def describe(error: MspError) -> str:
    """The error as its reader sees it: the message, then its hint, indented, if it has one.

    Both may quote text from outside, so neither holds anything that a terminal or a CI's log acts on.
    """
    lines = [f"error: {harmless_lines(error.message)}"]
    lines += [f"  {line}" for line in harmless_lines(error.hint).splitlines()]
    return "\n".join(lines)


def user_path(text: str, environment: Mapping[str, str] = os.environ) -> Path:
    """A path given by the user, taken from where the user stands.

    `bazel run` starts programs in their runfiles and names the user's directory in `BUILD_WORKING_DIRECTORY`
    (https://bazel.build/docs/user-manual#running-executables).
    """
    return Path(environment.get("BUILD_WORKING_DIRECTORY", "")) / text


def _print_error(error: MspError) -> None:
    print(describe(error), file=sys.stderr, flush=True)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        # Without the hint's commands: GitHub shows the message alone at the head of the run's page.
        print(workflow_command("error", error.message), file=sys.stderr, flush=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # Asked a second time, the process ends at once.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise KeyboardInterrupt


def _quiet_libraries() -> None:
    # It warns of every place where it finds no credentials; the error says it once.
    logging.getLogger("google.auth").setLevel(logging.ERROR)
    # It logs whole addresses when asked to be verbose, and those of uploads may be signed.
    logging.getLogger("urllib3").setLevel(logging.WARNING)


def _parse(parser: "Callable[[], ArgumentParser]", argv: list[str]) -> "Namespace":
    try:
        return parser().parse_args(argv[1:])
    except UsageError as error:
        _print_error(error)
        sys.exit(error.exit_code)


def _parse_flags(argv: list[str]) -> list[str]:
    if {"--help", "-h", "-help"} & set(argv[1 : argv.index("--") if "--" in argv else None]):
        print(_help())
        sys.exit(0)
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        _print_error(UsageError(str(error), hint="see --help"))
        sys.exit(UsageError.exit_code)


def _help() -> str:
    """The command's own words and its flags, without the path that absl heads them with."""
    described = (sys.modules["__main__"].__doc__ or "").strip()
    _, _, own_flags = flags.FLAGS.main_module_help().strip().partition("\n")
    return f"{described}\n\nFlags:\n{own_flags}\n\n--helpfull shows those of the libraries too."
