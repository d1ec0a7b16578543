"""How a command ends: its exit code, and what its reader sees."""

import subprocess
import sys
from pathlib import Path

import pytest

from msp.cli import entry
from msp.errors import MspError, UsageError

PROGRAM = """
'Does one thing.'
import sys
from absl import flags
from msp.cli import entry
from msp.errors import MspError

flags.DEFINE_string("colour", "", "What it is painted with.")

def main(argv):
    if argv[1:] == ["fail"]:
        raise MspError("svc/service.yaml:3:1: no owner", hint="add one")
    if argv[1:] == ["interrupt"]:
        raise KeyboardInterrupt
    print(argv[1:])
    return 3

entry.run(main)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": ":".join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False, env=environment
    )


def test_exit_code_is_what_main_returns() -> None:
    done = run("one", "two")
    assert (done.returncode, done.stdout) == (3, "['one', 'two']\n")


def test_error_is_one_message_and_its_hint() -> None:
    done = run("fail")
    assert (done.returncode, done.stderr) == (1, "error: svc/service.yaml:3:1: no owner\n  add one\n")


def test_unknown_flag_is_a_usage_error() -> None:
    done = run("--taste=sweet")
    assert done.returncode == 2
    assert done.stderr == "error: Unknown command line flag 'taste'\n  see --help\n"


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_is_the_commands_own_words_and_flags(flag: str) -> None:
    done = run(flag)
    assert done.returncode == 0
    assert done.stdout.startswith("Does one thing.\n\nFlags:\n  --colour: What it is painted with.")
    assert str(Path(__file__).parent) not in done.stdout


def test_what_follows_two_dashes_is_no_flag() -> None:
    assert run("--", "--help").stdout == "['--help']\n"


def test_interrupt_has_the_shells_exit_code() -> None:
    done = run("interrupt")
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, "a.yaml"), ({"BUILD_WORKING_DIRECTORY": "/home/me"}, "/home/me/a.yaml")],
)
def test_user_path_is_taken_from_where_the_user_stands(environment: dict[str, str], expected: str) -> None:
    assert entry.user_path("a.yaml", environment) == Path(expected)


def test_usage_error_ends_with_two() -> None:
    assert (MspError("x").exit_code, UsageError("x").exit_code) == (1, 2)
