"""The CI examples: what they find, and what they ask Buildkite and GitHub to do with it."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


class Ci:
    """A machine of a CI whose `bazel` and `buildkite-agent` only write down what they were told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.program("bazel", 'printf "%s\\n" "$@" > query; cat labels; exit "$(cat status)"')
        self.program("buildkite-agent", 'echo "$@" >> uploads; n=$(wc -l < uploads); cat > "upload-$n"')
        (directory / "status").write_text("0")

    def program(self, name: str, script: str) -> None:
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def labels(self, *labels: str) -> None:
        (self.directory / "labels").write_text("".join(f"{label}\n" for label in labels))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.directory}:/usr/local/bin:/usr/bin:/bin",
            "GITHUB_OUTPUT": str(self.directory / "output"),
            **workflow("buildkite/pipeline.yml")["env"],
        }
        return subprocess.run(
            command, cwd=self.directory, env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    def uploads(self) -> list[dict[str, Any]]:
        written = sorted(self.directory.glob("upload-*"), key=lambda path: int(path.name.partition("-")[2]))
        return [yaml.safe_load(path.read_text()) for path in written]


@pytest.fixture
def ci(tmp_path: Path) -> Ci:
    return Ci(tmp_path)


def workflow(name: str) -> dict[Any, Any]:
    read = yaml.safe_load((EXAMPLES / name).read_text("utf-8"))
    assert isinstance(read, dict)
    return read


FIND = str(EXAMPLES / "ci/deliverables.sh")
DELIVER = str(EXAMPLES / "buildkite/deliver.sh")


def test_finds_sorted_labels(ci: Ci) -> None:
    ci.labels("//b:deploy", "//a/b:deploy", "@other//c:deploy")
    done = ci.run(FIND)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == sorted(["//b:deploy", "//a/b:deploy", "@other//c:deploy"])


def test_json_is_json(ci: Ci) -> None:
    for labels in ([], ["//a:deploy"], ["//a:deploy", "//b:deploy+x=1,~y"]):
        ci.labels(*labels)
        assert json.loads(ci.run(FIND, "--json").stdout) == labels


def test_whole_tags_are_asked_for(ci: Ci) -> None:
    ci.labels()
    assert ci.run(FIND).stdout == ""
    expression = (ci.directory / "query").read_text().splitlines()[-1]
    found = re.fullmatch(r'attr\(tags, "(.*?)", //\.\.\.\) except attr\(tags, "(.*?)", //\.\.\.\)', expression)
    assert found is not None
    # https://bazel.build/query/language#attr: a list is matched as its text.
    for pattern, tag in zip(found.groups(), ("msp-deliverable", "manual"), strict=True):
        for tags in (f"[{tag}]", f"[a, {tag}]", f"[{tag}, b]"):
            assert re.search(pattern, tags), tags
        for tags in ("[]", f"[not-{tag}]", f"[{tag}-not]"):
            assert not re.search(pattern, tags), tags


def test_failing_query_delivers_nothing(ci: Ci) -> None:
    ci.labels("//a:deploy")
    (ci.directory / "status").write_text("7")
    for command in ([FIND], [FIND, "--json"], [DELIVER]):
        assert ci.run(*command).returncode == 7
    assert ci.uploads() == []


def test_label_that_needs_quoting_is_refused(ci: Ci) -> None:
    ci.labels("//a:deploy", "//a:$(id)", "//b:deploy")
    for command in ([FIND], [FIND, "--json"], [DELIVER]):
        done = ci.run(*command)
        assert done.returncode == 1
        assert done.stderr.splitlines()[1:] == ["//a:$(id)"]
    assert ci.uploads() == []


def test_buildkite_gets_a_step_for_each_deliverable(ci: Ci) -> None:
    ci.labels("//a:deploy", "//b:deploy")
    assert ci.run(DELIVER).returncode == 0
    assert (ci.directory / "uploads").read_text() == "pipeline upload --no-interpolation\n"
    (upload,) = ci.uploads()
    commands = [f"bazel run {label} -- --if_newer" for label in ("//a:deploy", "//b:deploy")]
    assert [step["command"] for step in upload["steps"]] == commands
    groups = [(step["concurrency"], step["concurrency_group"]) for step in upload["steps"]]
    assert groups == [(1, "deliver //a:deploy"), (1, "deliver //b:deploy")]
    (plugin,) = upload["steps"][0]["plugins"]
    (settings,) = plugin.values()
    assert settings["audience"].startswith("//iam.googleapis.com/projects/")
    assert settings["service-account"] == "ci@ci-project.iam.gserviceaccount.com"


def test_buildkite_gets_at_most_500_steps_at_once(ci: Ci) -> None:
    ci.labels(*(f"//svc{number:04}:deploy" for number in range(501)))
    assert ci.run(DELIVER).returncode == 0
    assert [len(upload["steps"]) for upload in ci.uploads()] == [500, 1]


def test_buildkite_gets_nothing_where_there_is_nothing(ci: Ci) -> None:
    ci.labels()
    done = ci.run(DELIVER)
    assert (done.returncode, ci.uploads()) == (0, [])
    assert "msp-deliverable" in done.stdout


def test_failing_upload_fails_the_step(ci: Ci) -> None:
    ci.labels("//a:deploy")
    ci.program("buildkite-agent", "exit 9")
    assert ci.run(DELIVER).returncode == 9


def test_buildkite_pipeline_tests_before_it_delivers() -> None:
    test, deliver = workflow("buildkite/pipeline.yml")["steps"]
    assert test["command"] == "bazel test //..."
    assert deliver["depends_on"] == test["key"]
    assert (ROOT / deliver["command"]).stat().st_mode & 0o111
    # The pipeline's own upload would replace variables.
    assert "$" not in (EXAMPLES / "buildkite/pipeline.yml").read_text("utf-8")


def test_github_finds_with_the_same_script(ci: Ci) -> None:
    ci.labels("//a:deploy")
    (ci.directory / "examples").symlink_to(EXAMPLES)
    job = workflow("github/deploy.yml")["jobs"]["test"]
    find = next(step for step in job["steps"] if step.get("id") == "find")
    # As GitHub runs a step: https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax
    assert ci.run("bash", "-e", "-c", find["run"]).returncode == 0
    assert (ci.directory / "output").read_text() == 'deliverables=["//a:deploy"]\n'
    (ci.directory / "output").unlink()
    (ci.directory / "status").write_text("7")
    assert ci.run("bash", "-e", "-c", find["run"]).returncode == 7
    assert not (ci.directory / "output").exists()


def test_github_delivers_what_was_found_after_testing_it() -> None:
    jobs = workflow("github/deploy.yml")["jobs"]
    deliver = jobs["deliver"]
    assert deliver["needs"] == "test"
    assert deliver["strategy"]["matrix"] == {"target": "${{ fromJSON(needs.test.outputs.deliverables) }}"}
    assert deliver["concurrency"]["cancel-in-progress"] is False
    assert deliver["permissions"] == {"contents": "read", "id-token": "write"}
    *_, run = deliver["steps"]
    # What was found reaches the shell as a variable, never as part of the command.
    assert run == {"run": 'bazel run "$TARGET" -- --if_newer', "env": {"TARGET": "${{ matrix.target }}"}}
    for job in jobs.values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")


def test_no_secret_is_named() -> None:
    for name in ("buildkite/pipeline.yml", "buildkite/deliver.sh", "github/deploy.yml", "ci/deliverables.sh"):
        text = (EXAMPLES / name).read_text("utf-8")
        assert not re.search(r"secrets\.|credentials_json|private_key|token:", text.replace("id-token:", "")), name


def test_scripts_are_programs() -> None:
    assert os.access(FIND, os.X_OK)
    assert os.access(DELIVER, os.X_OK)


def test_no_order_is_promised_that_a_ci_does_not_keep() -> None:
    # https://buildkite.com/docs/pipelines/configure/workflows/controlling-concurrency: by when jobs were created.
    for name in ("buildkite/deliver.sh", "github/deploy.yml"):
        text = (EXAMPLES / name).read_text("utf-8")
        assert "is no order of" in text, name
        assert not re.search(r"older (build|one) goes first|oldest first|until the older", text), name
