"""Which Bazel `./bazelw` runs, and what it leaves behind when it can make none.

The machine is a PATH of the test's own: what a test does not put there, the machine has not.
"""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
FROM_HOST = (
    *("awk", "basename", "bash", "cat", "chmod", "cksum", "cp", "cut", "date", "dirname", "echo", "env", "find"),
    *("flock", "grep", "head", "id", "kill", "ln", "ls", "mkdir", "mktemp", "mv", "paste", "realpath", "rm", "sed"),
    *("sh", "sha256sum", "sleep", "sort", "tail", "tee", "timeout", "touch", "tr", "true", "uname", "xargs"),
)

# Answers as mmdebstrap does, fills the root, and runs the customize hook on it.
MMDEBSTRAP = """
for argument in "$@"; do
  case $argument in --customize-hook=*) hook=${argument#--customize-hook=} ;; esac
  target=$argument
done
echo "I: downloading packages with apt..."
mkdir -p "$target/usr/bin" "$target/etc/ssl"
echo "$$" >> "$MACHINE/made"
sleep "${MAKING_TAKES:-0}"
sh -c "$hook" exec "$target"
"""

# Makes no namespaces, and holds them open as bwrap does: with a shell for a child.
BWRAP = """
echo $$ > "$MACHINE/bwrap"
"${@: -3}"
"""


@dataclass
class Machine:
    """A machine with only the programs that a test gives it."""

    path: Path
    checkout: Path

    def program(self, name: str, script: str) -> Path:
        file = self.path / "bin" / name
        file.write_text(f"#!/usr/bin/env bash\n{script}\n")
        file.chmod(0o755)
        return file

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.checkout / "bazelw", *arguments],
            cwd=self.checkout,
            env={"PATH": f"{self.path}/bin:{self.path}/host", "HOME": str(self.path), "MACHINE": str(self.path)}
            | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    @property
    def left_behind(self) -> list[str]:
        """What is in the cache besides the lock and the stand-ins."""
        cache = self.path / ".cache/rules_msp"
        return sorted(path.name for path in cache.glob("*") if path.name not in ("root.lock", "reaches"))

    def root(self, **environment: str) -> Path:
        """Where the root is, or would be."""
        return Path(self.run("--where", **environment).stdout.splitlines()[0])


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "bin").mkdir()
    # Apart from the test's own programs: writing one of those must never follow a link to the machine's.
    (tmp_path / "host").mkdir()
    for name in FROM_HOST:
        found = shutil.which(name)
        assert found is not None, name
        (tmp_path / "host" / name).symlink_to(found)
    checkout = tmp_path / "checkout"
    (checkout / "tools").mkdir(parents=True)
    for name in ("bazelw", "MODULE.bazel", ".bazelversion"):
        shutil.copy(CHECKOUT / name, checkout / name)
    shutil.copytree(CHECKOUT / "tools/offline", checkout / "tools/offline")
    made = Machine(tmp_path, checkout)
    made.program("df", "echo header; echo fs 0 0 99999999 0% /")
    made.program("id", "echo 0")
    made.program("id", "echo 0")
    made.program("bwrap", BWRAP)
    made.program("nsenter", 'echo "entered: bazel ${*: -2}"')
    made.program("mmdebstrap", MMDEBSTRAP)
    return made


def test_bazel_variable_is_taken_first(machine: Machine) -> None:
    mine = machine.program("mine", 'echo "mine: $*"')
    machine.program("bazelisk", "exit 0")
    assert machine.run("test", "//...", BAZEL=str(mine)).stdout == "mine: test //...\n"
    assert machine.run("--where", BAZEL=str(mine)).stdout == f"{mine}\n  BAZEL is set\n"


@pytest.mark.parametrize("name", ["bazelisk", "bazel"])
def test_bazel_on_path_is_taken_when_it_reaches_a_registry(machine: Machine, name: str) -> None:
    machine.program(name, f'echo "{name}: $*"; echo asked >> "$MACHINE/asked"')
    assert machine.run("build", "x").stdout == f"{name}: build x\n"
    assert machine.run("build", "x").stdout == f"{name}: build x\n"
    asked = (machine.path / "asked").read_text().splitlines()
    assert len(asked) == 3, "once whether it reaches a registry, and twice to build"
    assert "is on PATH and reaches a registry" in machine.run("--where").stdout


def test_bazel_on_path_without_a_registry_is_passed_over(machine: Machine) -> None:
    machine.program("bazelisk", "exit 1")
    done = machine.run("build", "x")
    assert done.stdout == "entered: bazel build x\n"
    assert "asking" in done.stderr
    assert "asking" not in machine.run("build", "x").stderr, "a no holds for a while"


def test_bazelw_in_other_clothes_is_no_bazel(machine: Machine) -> None:
    done = machine.run("build", "x", BAZEL=str(machine.checkout / "bazelw"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "is a way to call bazelw" in done.stderr

    machine.program("bazel", f'"{machine.checkout}/bazelw" "$@"')
    assert machine.run("build", "x").stdout == "entered: bazel build x\n"


def test_root_is_made_once_and_says_what_it_does(machine: Machine) -> None:
    first = machine.run("build", "x")
    second = machine.run("build", "x")
    assert first.stdout == second.stdout == "entered: bazel build x\n"
    assert "making one from Debian's packages" in first.stderr
    assert "bazelw:   downloading packages with apt" in first.stderr
    assert second.stderr == ""
    root = machine.root()
    assert (root / "usr/lib/google-cloud-sdk").is_dir()
    assert (root / "etc/resolv.conf").is_file()
    assert machine.left_behind == sorted([root.name, *(name for name in machine.left_behind if "offline" in name)])


@pytest.mark.parametrize("file", ["packages.txt", "bazelrc"])
def test_another_root_or_stand_in_is_another_server(machine: Machine, file: str) -> None:
    machine.program("nsenter", 'echo "${*: -3}"')
    first = machine.run("build", "x").stdout
    with (machine.checkout / "tools/offline" / file).open("a") as changed:
        changed.write("# changed\n")
    second = machine.run("build", "x").stdout
    assert first.startswith("--host_jvm_args=-Drules_msp.mounts=")
    assert first.split()[1:] == second.split()[1:] == ["build", "x"]
    assert first != second


def test_where_makes_nothing(machine: Machine) -> None:
    assert "made from Debian's packages" in machine.run("--where").stdout
    assert machine.left_behind == []


def test_two_callers_at_once_make_one_root(machine: Machine) -> None:
    callers = [machine.start("build", "x", MAKING_TAKES="1") for _ in range(3)]
    errors = [caller.communicate(timeout=60)[1] for caller in callers]
    assert [caller.returncode for caller in callers] == [0, 0, 0]
    assert len((machine.path / "made").read_text().splitlines()) == 1
    assert sum("waiting for it" in error for error in errors) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_leaves_nothing_and_the_next_call_makes_it(machine: Machine, number: signal.Signals) -> None:
    caller = machine.start("build", "x", MAKING_TAKES="30")
    await_file(machine.path / "made")
    os.killpg(caller.pid, number)
    caller.communicate(timeout=10)
    assert caller.returncode != 0
    assert machine.left_behind == []
    assert machine.run("build", "x").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_making_ends_by_a_signal_to_bazelw_alone(machine: Machine, number: signal.Signals) -> None:
    caller = machine.start("build", "x", MAKING_TAKES="30")
    await_file(machine.path / "made")
    caller.send_signal(number)
    caller.communicate(timeout=10)
    assert caller.returncode == 128 + number
    assert machine.left_behind == []


def test_killed_outright_is_cleared_by_the_next_call(machine: Machine) -> None:
    caller = machine.start("build", "x", MAKING_TAKES="2")
    await_file(machine.path / "made")
    os.killpg(caller.pid, signal.SIGKILL)
    caller.wait(timeout=10)
    assert any(name.endswith(".making") for name in machine.left_behind)
    done = machine.run("build", "x")
    assert "waiting for it" in done.stderr, "what the killed call had started still holds the lock"
    assert done.returncode == 0
    caller.communicate(timeout=10)
    assert not any(name.endswith((".making", ".log")) for name in machine.left_behind)


# A program that Bazel runs: it says which process it is, and ends in its own way when it is told to.
PROGRAM = """
trap 'exit 7' HUP INT TERM
echo $$
while :; do sleep 0.02; done
"""


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGHUP, 7), (signal.SIGINT, 7), (signal.SIGTERM, 7), (signal.SIGKILL, -9)]
)
def test_a_signal_to_bazelw_reaches_the_program(machine: Machine, number: signal.Signals, status: int) -> None:
    machine.program("nsenter", PROGRAM)
    caller = machine.start("run", "x")
    assert caller.stdout is not None
    assert int(caller.stdout.readline()) == caller.pid
    caller.send_signal(number)
    caller.communicate(timeout=10)
    assert caller.returncode == status
    with pytest.raises(ProcessLookupError):
        os.kill(int((machine.path / "bwrap").read_text()), 0)


def test_entering_keeps_process_directory_and_files(machine: Machine) -> None:
    real = {name: shutil.which(name) for name in ("bwrap", "nsenter")}
    if not all(real.values()) or subprocess.run(["bwrap", "--bind", "/", "/", "true"], check=False).returncode:
        pytest.skip("no bwrap or nsenter here, or no namespaces are to be had")
    bazel = machine.path / "bazel"
    bazel.write_text('#!/bin/sh\ncd "$PWD/tools" && echo "$$ $PATH" && ls /proc/$$/fd && exit 7\n')
    bazel.chmod(0o755)
    inside = f"--bind / / --dev-bind /dev /dev --tmpfs /usr/local/bin --ro-bind {bazel} /usr/local/bin/bazel"
    machine.program("bwrap", f'exec {real["bwrap"]} {inside} "${{@: -3}}"')
    machine.program("nsenter", f'exec {real["nsenter"]} "$@"')
    caller = machine.start("run", "x")
    out, err = caller.communicate(timeout=10)
    assert (caller.returncode, err.count("bazelw:   ")) == (7, 1), err
    said, *descriptors = out.splitlines()
    assert said == f"{caller.pid} /usr/local/bin:/usr/bin:/bin"
    assert set(descriptors) <= {"0", "1", "2", "10", "255"}, "a shell's own besides the three"


def test_namespaces_that_are_not_to_be_had_are_one_sentence(machine: Machine) -> None:
    machine.program("bwrap", 'echo "bwrap: No permissions to create new namespace" >&2; exit 1')
    done = machine.run("build", "x")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-2:] == [
        "bwrap: No permissions to create new namespace",
        "bazelw: bwrap can not enter the Bazel root",
    ]


def test_a_cache_that_is_a_link_is_not_taken(machine: Machine) -> None:
    shared, other = machine.path / "shared", machine.path / "other"
    shared.mkdir()
    other.mkdir()
    (shared / "rules_msp").symlink_to(other)
    done = machine.run("build", "x", XDG_CACHE_HOME=str(shared))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{shared}/rules_msp is not taken: it is a link; remove it, or set XDG_CACHE_HOME" in done.stderr
    assert list(other.iterdir()) == []


def test_a_cache_that_others_can_write_is_not_taken(machine: Machine) -> None:
    cache = machine.path / "shared/rules_msp"
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    mine = machine.path / "mine"
    mine.write_text("precious")
    for name in ("root.lock", f"{machine.root(XDG_CACHE_HOME=str(cache.parent)).name}.log"):
        (cache / name).symlink_to(mine)
    done = machine.run("build", "x", XDG_CACHE_HOME=str(cache.parent))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{cache} is not taken: others can write it (if you trust it: chmod go-w '{cache}')" in done.stderr
    assert mine.read_text() == "precious"


def test_an_answer_of_others_is_not_taken(machine: Machine) -> None:
    machine.program("bazelisk", "exit 0")
    cache = machine.path / ".cache/rules_msp"
    cache.mkdir(parents=True)
    cache.chmod(0o775)
    done = machine.run("build", "x")
    assert done.returncode == 1
    assert f"{cache} is not taken: others can write it (if you trust it: chmod go-w '{cache}')" in done.stderr
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(("mode", "taken"), [(0o1777, True), (0o777, False)], ids=["sticky", "not_sticky"])
def test_a_cache_that_others_can_rename_is_not_taken(machine: Machine, mode: int, taken: bool) -> None:
    shared = machine.path / "shared"
    shared.mkdir()
    shared.chmod(mode)
    done = machine.run("build", "x", XDG_CACHE_HOME=str(shared))
    assert (done.returncode == 0) is taken
    assert ("anybody can rename it" in done.stderr) is not taken


@pytest.mark.parametrize("pattern", ["root-*", "offline-*"])
@pytest.mark.parametrize("why", ["others can write it", "it is a link", "it belongs to somebody else"])
def test_what_somebody_else_could_have_made_is_not_run(machine: Machine, pattern: str, why: str) -> None:
    assert machine.run("build", "x").returncode == 0
    (found,) = (machine.path / ".cache/rules_msp").glob(pattern)
    if why == "others can write it":
        found.chmod(0o757)
    elif why == "it is a link":
        found.rename(machine.path / "elsewhere")
        found.symlink_to(machine.path / "elsewhere")
    else:
        try:
            os.chown(found, 54321, -1)
        except OSError:
            pytest.skip("only root can give a directory to somebody else")
    done = machine.run("build", "x")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{found} is not taken: {why}" in done.stderr


def test_no_network_is_one_sentence_and_leaves_nothing(machine: Machine) -> None:
    machine.program("mmdebstrap", 'mkdir -p "${@: -1}/usr"; echo "E: Unable to locate package bazel"; exit 100')
    done = machine.run("build", "x")
    assert done.returncode == 1
    assert "E: Unable to locate package bazel" in done.stderr
    assert "is there a network, and room on the disk? Run it again, or install bazelisk" in done.stderr
    assert machine.left_behind == []


def test_full_disk_is_told_before_anything_is_fetched(machine: Machine) -> None:
    machine.program("df", "echo header; echo fs 0 0 1024 0% /")
    done = machine.run("build", "x")
    assert done.returncode == 1
    assert "has 1 MiB free, the Bazel root needs 5120: make room, or set XDG_CACHE_HOME" in done.stderr
    assert not (machine.path / "made").exists()
    assert machine.left_behind == []


def test_missing_programs_are_installed_by_root(machine: Machine) -> None:
    shutil.move(machine.path / "bin/mmdebstrap", machine.path / "mmdebstrap")
    machine.program("apt-get", f'[[ $1 == update ]] || cp "{machine.path}/mmdebstrap" "{machine.path}/bin"')
    done = machine.run("build", "x")
    assert "bazelw: installing mmdebstrap" in done.stderr
    assert done.returncode == 0


def test_missing_programs_are_named_to_others(machine: Machine) -> None:
    (machine.path / "bin/mmdebstrap").unlink()
    machine.program("id", "echo 1000")
    machine.program("unshare", "exit 0")
    done = machine.run("build", "x")
    assert done.returncode == 1
    assert "install bazelisk, or, on Debian, run as root: apt-get install mmdebstrap uidmap" in done.stderr
    assert machine.left_behind == []


def test_no_user_namespaces_is_one_sentence(machine: Machine) -> None:
    machine.program("id", "echo 1000")
    machine.program("unshare", 'echo "unshare: Operation not permitted" >&2; exit 1')
    done = machine.run("build", "x")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "this user may not make namespaces to run one in: install bazelisk, or run this as root"
    )
    assert machine.left_behind == []


def test_another_system_is_sent_to_bazelisk(machine: Machine) -> None:
    machine.program("uname", "echo Darwin")
    done = machine.run("build", "x")
    assert (done.returncode, done.stderr) == (
        1,
        "bazelw: no Bazel here that reaches a registry of modules: install bazelisk\n",
    )


def await_file(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.01)
