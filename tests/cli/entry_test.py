"""How a command ends: its exit code, and what its reader sees."""

import subprocess
import sys
from pathlib import Path

import pytest

from msp.cli import entry
from msp.errors import MspError, UsageError

PROGRAM = """
'Does one thing.'
import os, signal, sys, time
from absl import flags
from msp.cli import durations, entry, shared_flags
from msp.errors import BlockedError, MspError

flags.DEFINE_string("colour", "", "What it is painted with.")
durations.define_seconds("patience", 60, "How long it waits.")
shared_flags.define_local_cloud()

def main(argv):
    if argv[1:] == ["fail"]:
        raise MspError("svc/service.yaml:3:1: no owner", hint="add one")
    if argv[1:] == ["blocked"]:
        raise BlockedError("frozen until Monday")
    if argv[1:] == ["hostile"]:
        raise MspError("it says\\r::error::\\x1b]0;title\\x07 50%\\n::set-output name=a::b", hint="a\\u2028b##[group]")
    if argv[1:] == ["interrupt"]:
        raise KeyboardInterrupt
    if argv[1:] == ["terminate"]:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    print(argv[1:])
    return 3

if "--flags-only" in sys.argv:
    sys.argv.remove("--flags-only")
    entry.run(lambda: main(["name"]))
entry.run_with_arguments(main)
"""


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": ":".join(sys.path), **variables}
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False, env=environment)


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


def test_what_is_blocked_ends_with_four() -> None:
    done = run("blocked")
    assert (done.returncode, done.stderr) == (4, "error: frozen until Monday\n")


def test_sigterm_ends_it_as_ctrl_c_does() -> None:
    done = run("terminate")
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_an_argument_that_nobody_takes_is_a_usage_error() -> None:
    done = run("--flags-only", "stray")
    expected = "error: unexpected argument 'stray'\n  everything is given by flags; see --help\n"
    assert (done.returncode, done.stderr) == (2, expected)
    assert run("--flags-only").returncode == 3


def test_nothing_acts_in_an_error_that_quotes_others() -> None:
    done = run("hostile", PYTHONUTF8="1")
    assert done.stderr == (
        "error: it says ::error::\ufffd]0;title\ufffd 50%\n:\ufffdset-output name=a::b\n  a b##\ufffdgroup]\n"
    )


def test_github_shows_an_error_on_the_runs_page() -> None:
    done = run("hostile", PYTHONUTF8="1", GITHUB_ACTIONS="true")
    commands = [line for line in done.stderr.splitlines() if line.lstrip().startswith("::")]
    assert commands == [
        "::error::it says ::error::\ufffd]0;title\ufffd 50%25%0A:\ufffdset-output name=a::b",
    ]
    assert "::error::Unknown command line flag 'taste'" in run("--taste=sweet", GITHUB_ACTIONS="true").stderr


def test_a_shared_flag_is_shown_by_the_command_that_asked_for_it() -> None:
    shown = run("--help").stdout
    assert "--patience: How long it waits. Seconds, or 5m, 1h30m." in shown
    assert "--local_cloud: HOST:PORT of a local cloud" in shown
    assert run("--patience=5m").returncode == 3
    refused = run("--patience=soon")
    assert refused.returncode == 2
    assert "flag --patience=soon: no duration: write seconds (300), or 300s, 5m, 1h30m" in refused.stderr
