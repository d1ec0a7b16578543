"""`validate` as its user runs it, and as Bazel does."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from msp.cli import validate, worker

GOOD = """
service: { id: a, owners: [b], description: c }
build: { image: d, source: { repo: e, dir: f } }
environments: [{ id: g, projectID: a-g-00, category: test, deploy: { type: manual } }]
"""
BAD = GOOD.replace("test", "tset")
ERROR = "environments[0].category: must be one of `test`, `internal`, `external`, but is `tset`; did you mean `test`?"


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> Path:
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    return tmp_path


def run(*arguments: str, cwd: Path, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, validate.__file__, *arguments],
        env={"PYTHONPATH": ":".join(sys.path), **environment},
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def act(*arguments: str, root: Path) -> tuple[int, str]:
    """The same without a process for it: the exit code, and what it prints."""
    return validate._work(list(arguments), root)


def test_valid(files: Path) -> None:
    done = run("good.yaml", cwd=files)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "1 specification valid\n")


def test_bad(files: Path) -> None:
    done = run("good.yaml", "bad.yaml", cwd=files)
    assert (done.returncode, done.stderr) == (1, "1 problem in 1 of 2 specifications\n")
    assert done.stdout.splitlines()[0] == f"bad.yaml:4:54: error: {ERROR}"
    assert done.stdout.splitlines()[2].endswith("^~~~")


def test_a_path_is_taken_from_where_the_user_stands(files: Path) -> None:
    (files / "svc").mkdir()
    (files / "svc" / "service.yaml").write_text(BAD)
    done = run("service.yaml", cwd=Path("/"), BUILD_WORKING_DIRECTORY=str(files / "svc"))
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, f"service.yaml:4:54: error: {ERROR}")


def test_json_after_the_file(files: Path) -> None:
    done = run("bad.yaml", "--format=json", cwd=files)
    field = "environments[0].category"
    message = ERROR.removeprefix(field + ": ")
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout) == [
        {"file": "bad.yaml", "line": 4, "column": 54, "field": field, "message": message}
    ]


@pytest.mark.parametrize("form", ["github", "sarif", "junit"])
def test_other_formats(form: str, files: Path) -> None:
    code, output = act("bad.yaml", f"--format={form}", root=files)
    assert code == 1
    assert "did you mean `test`?" in output


def test_unreadable_and_bad(files: Path) -> None:
    done = run("nothing.yaml", "bad.yaml", cwd=files)
    assert done.returncode == 2
    assert done.stdout.startswith("bad.yaml:4:54: error: ")
    assert done.stderr == "error: nothing.yaml: can't be read: No such file or directory\n  is the path right?\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no FILE to check"),
        (["--schema", "good.yaml"], "--schema takes no FILE"),
        (["--canonical=x", "good.yaml", "good.yaml"], "--canonical takes one FILE"),
        (["--formt=json", "good.yaml"], "Did you mean: format"),
        (["--format=xml", "good.yaml"], "flag --format=xml"),
        (["--canonical=no/such/directory", "good.yaml"], "can't be written"),
    ],
)
def test_usage_errors(arguments: list[str], message: str, files: Path) -> None:
    code, output = act(*arguments, root=files)
    assert code == 2
    assert output.startswith("error: ")
    assert message in output


def test_usage_errors_have_no_traceback(files: Path) -> None:
    done = run("--formt=json", "good.yaml", cwd=files)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: Unknown command line flag 'formt'. Did you mean: format")
    assert "Traceback" not in done.stderr


def test_files_for_actions(files: Path) -> None:
    assert act("--canonical=out.json", "good.yaml", root=files) == (0, "")
    assert json.loads((files / "out.json").read_text())["service"]["name"] == "a"
    code, output = act("--nofail", "--log=log", "--junit=xml", "bad.yaml", root=files)
    assert (code, (files / "log").read_text()) == (0, output)
    assert '<testcase name="bad.yaml"' in (files / "xml").read_text()
    act("--nofail", "--log=log", "good.yaml", root=files)
    assert (files / "log").read_text() == "good.yaml: valid\n"


def test_arguments_can_come_in_a_file(files: Path) -> None:
    (files / "flags").write_text("--canonical=out.json\n--\ngood.yaml\n")
    assert run("@flags", cwd=files).returncode == 0
    assert (files / "out.json").exists()
    (files / "flags").write_text("--canonical=out.json\n--\nbad.yaml\n")
    done = run("@flags", cwd=files)
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, f"bad.yaml:4:54: error: {ERROR}")
    assert run("@nothing", cwd=files).returncode == 2


def test_worker_answers_as_the_command_does(files: Path) -> None:
    requests = [
        {"arguments": ["--canonical=out.json", "--", "good.yaml"], "requestId": 1},
        {"arguments": ["--canonical=bad.json", "--", "bad.yaml"], "requestId": 2, "inputs": [{"path": "bad.yaml"}]},
        {"requestId": 2, "cancel": True},
        {"arguments": ["--canonical=out.json", "good.yaml"], "requestId": 3, "sandboxDir": "sandbox"},
        {"arguments": ["--wrong"]},
    ]
    (files / "sandbox").mkdir()
    (files / "sandbox" / "good.yaml").write_text(GOOD.replace("id: a,", "id: a, name: sandboxed,"))
    done = run("--persistent_worker", cwd=files, stdin="".join(json.dumps(request) + "\n" for request in requests))
    first, second, third, fourth = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 0
    assert first == {"exitCode": 0, "output": "", "requestId": 1}
    assert (second["exitCode"], second["requestId"]) == (1, 2)
    assert second["output"].startswith(f"bad.yaml:4:54: error: {ERROR}\n")
    assert not (files / "bad.json").exists()
    assert third == {"exitCode": 0, "output": "", "requestId": 3}
    assert '"name":"a"' in (files / "out.json").read_text()
    assert '"name":"sandboxed"' in (files / "sandbox" / "out.json").read_text()
    assert (fourth["exitCode"], fourth["requestId"]) == (2, 0)


def test_worker_ends_when_bazel_does_not_speak_its_protocol(files: Path) -> None:
    done = run("--persistent_worker", cwd=files, stdin="\x0a\x03abc\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "not a work request" in done.stderr


def test_worker_survives_a_mistake_of_ours(capfd: pytest.CaptureFixture[str]) -> None:
    def work(arguments: list[str], root: Path) -> tuple[int, str]:
        if arguments:
            raise RuntimeError("our mistake")
        return 0, str(root)

    responses = io.StringIO()
    code = worker.answer(io.BytesIO(b'{"arguments": ["x"], "requestId": 1}\n\n{"requestId": 2}\n'), responses, work)
    failed, done = map(json.loads, responses.getvalue().splitlines())
    assert (code, failed["exitCode"], done) == (0, 1, {"exitCode": 0, "output": ".", "requestId": 2})
    assert "our mistake" in failed["output"]
    assert capfd.readouterr().out == ""


def test_worker_keeps_what_is_printed_out_of_the_protocol() -> None:
    program = "import sys\nfrom msp.cli import worker\nworker.serve(lambda a, r: (print('noise'), (0, ''))[1])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(sys.path)},
        input="{}\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"exitCode": 0, "output": "", "requestId": 0}
    assert done.stderr == "noise\n"
