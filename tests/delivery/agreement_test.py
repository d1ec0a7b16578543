"""A BUILD file that contradicts its specification is told so, attribute by attribute."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from msp.delivery.target.agreement import disagreements

CONFIG = {
    "gcp_project": "msp-example-prod-0000",
    "msp_service_id": "msp-example",
    "repository": "us.gcr.io/sourcegraph-dev/msp-example",
    "target": "//svc:msp_deploy",
}
SPEC: dict[str, Any] = {
    "service": {"id": "msp-example"},
    "build": {"image": "us.gcr.io/sourcegraph-dev/msp-example"},
    "rollout": {"stages": [{"environment": "staging"}, {"environment": "prod"}]},
    "environments": [
        {"id": "prod", "projectID": "msp-example-prod-0000", "category": "external"},
        {"id": "staging", "projectID": "msp-example-staging-0000", "category": "test"},
    ],
}


def test_the_project_is_the_last_stages() -> None:
    assert list(disagreements(CONFIG, SPEC)) == []
    (only,) = disagreements(CONFIG | {"gcp_project": "msp-example-staging-0000"}, SPEC)
    assert str(only) == (
        'gcp_project is "msp-example-staging-0000", but environments[prod].projectID is "msp-example-prod-0000"'
    )


def test_swapped_stages_are_not_to_be_accepted() -> None:
    swapped = SPEC | {"rollout": {"stages": [{"environment": "prod"}, {"environment": "staging"}]}}
    (only,) = disagreements(CONFIG, swapped)
    assert only.mend == (
        "releases would reach prod before staging: if prod is meant to be the last stage, move it to the end of "
        'rollout.stages; only if staging is, write gcp_project = "msp-example-staging-0000"'
    )


def test_the_project_of_a_stage_before_the_last_is_the_build_files_mistake() -> None:
    (only,) = disagreements(CONFIG | {"gcp_project": "msp-example-staging-0000"}, SPEC)
    assert only.mend == 'write gcp_project = "msp-example-prod-0000", or change the specification'


@pytest.mark.parametrize("attribute", ["gcp_project", "msp_service_id", "repository"])
def test_every_attribute_is_compared(attribute: str) -> None:
    assert [each.attribute for each in disagreements(CONFIG | {attribute: "other"}, SPEC)] == [attribute]


def agree(tmp_path: Path, config: dict[str, Any], spec: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    command = [sys.executable, "-m", "msp.cli.agree", "--config=config.json", "--spec=spec.json"]
    return subprocess.run(
        [*command, "--spec_source=svc/service.yaml", "--output=out.json"],
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_agreement_leaves_the_configuration_as_it_was(tmp_path: Path) -> None:
    assert agree(tmp_path, CONFIG, SPEC).returncode == 0
    assert json.loads((tmp_path / "out.json").read_text()) == CONFIG


def test_disagreement_names_both_values_and_writes_nothing(tmp_path: Path) -> None:
    done = agree(tmp_path, CONFIG | {"repository": "us.gcr.io/a/b", "msp_service_id": "other"}, SPEC)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: //svc:msp_deploy and svc/service.yaml disagree:",
        '  msp_service_id is "other", but service.id is "msp-example"',
        '  repository is "us.gcr.io/a/b", but build.image is "us.gcr.io/sourcegraph-dev/msp-example"',
        '  write msp_service_id = "msp-example", or change the specification',
        '  write repository = "us.gcr.io/sourcegraph-dev/msp-example", or change the specification',
    ]
    assert not (tmp_path / "out.json").exists()


def test_a_specification_without_a_rollout_is_refused(tmp_path: Path) -> None:
    done = agree(tmp_path, CONFIG, SPEC | {"rollout": None})
    assert (done.returncode, "svc/service.yaml has no rollout" in done.stderr) == (2, True)
