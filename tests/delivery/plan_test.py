"""What is planned: pure, so every name and every limit can be tried."""

import base64
import dataclasses
import re
from typing import Any

import pytest
from google.cloud.deploy_v1 import Release
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from msp.ci.build import Build
from msp.delivery.planning.overrides import Overrides
from msp.delivery.planning.plan import ReleasePlan, plan
from msp.delivery.release import as_release
from msp.delivery.target.config import DeliveryConfig
from msp.delivery.target.rollout import SpecifiedRollout
from msp.errors import UsageError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "a" * 64
CONFIG = DeliveryConfig(
    target="//svc:msp_deploy",
    gcp_project="msp-example-prod-0000",
    msp_service_id="msp-example",
    repository="us.gcr.io/sourcegraph-dev/msp-example",
    image="image",
)


def planned(build: Build | None = None, **options: Any) -> ReleasePlan:
    return plan(CONFIG, build or Build(COMMIT, "42", "Ada", subject="Count faster"), **options)


def test_the_seeds_call_gives_the_contracts_names() -> None:
    made = planned(digest=DIGEST)
    assert made.pipeline == "msp-example-us-central1-rollout"
    assert made.release == "deploy-0123456789ab-42"
    assert made.tag == "0123456789ab_42"
    assert made.source_uri == "gs://msp-example-prod-0000-cloudrun-skaffold/source.tar.gz"
    assert made.reference == f"us.gcr.io/sourcegraph-dev/msp-example:0123456789ab_42@{DIGEST}"
    assert made.notes == ()
    assert json_format.MessageToDict(Release.pb(as_release(made))) == {
        "skaffoldConfigUri": "gs://msp-example-prod-0000-cloudrun-skaffold/source.tar.gz",
        "description": "Count faster",
        "labels": {"commit": COMMIT},
        "annotations": {
            "commit": COMMIT,
            "author": "Ada",
            "commit_message_base64": base64.b64encode(b"Count faster").decode(),
            "image": "us.gcr.io/sourcegraph-dev/msp-example:0123456789ab_42",
            "build_number": "42",
            "target": "//svc:msp_deploy",
            "digest": DIGEST,
        },
        "deployParameters": {"customTarget/tag": "0123456789ab_42", "customTarget/digest": DIGEST},
    }


def test_a_digest_that_comes_later_makes_the_same_plan() -> None:
    assert dataclasses.replace(planned(), digest=DIGEST) == planned(digest=DIGEST)
    assert "digest" not in planned().annotations
    assert "customTarget/digest" not in planned().parameters
    assert "@" not in planned().reference


def test_stages_are_targets_of_the_region() -> None:
    assert planned(rollout=SpecifiedRollout(("staging", "prod"))).stages == ("staging-us-central1", "prod-us-central1")


def test_what_is_asked_for_goes_beside_the_contract() -> None:
    made = planned(
        overrides=Overrides(tag="v1", release="hotfix-1", labels={"team": "search"}, annotations={"why": "Now!"})
    )
    assert (made.tag, made.release) == ("v1", "hotfix-1")
    assert made.labels == {"commit": COMMIT, "team": "search"}
    assert made.annotations["why"] == "Now!"
    assert made.parameters["customTarget/tag"] == "v1"


def test_what_does_not_fit_is_made_to_fit_and_said() -> None:
    build = Build(COMMIT, "PR 7/2.1", "Ada", subject="x" * 5000)
    made = planned(build, overrides=Overrides(release="Hotfix #1", labels={"Team": "Search & Find"}))
    assert made.tag == "0123456789ab_pr-7-2-1"
    assert made.release == "hotfix-1"
    assert made.labels["team"] == "search---find"
    assert len(made.description) == 255
    assert base64.b64decode(made.annotations["commit_message_base64"], validate=True).startswith(b"xxx")
    said = "\n".join(made.notes)
    for word in ("'PR 7/2.1'", "'Hotfix #1'", "Search & Find"):
        assert word in said


def test_a_dirty_checkout_is_pointed_out() -> None:
    assert "in no commit" in planned(Build(COMMIT, "1-dirty", "Ada", dirty=True)).notes[0]


def test_a_verb_is_typed_to_the_services_own_target() -> None:
    assert planned().typed("status") == "bazel run //svc:msp_deploy.ops -- status"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (Overrides(tag="a b"), "--tag: 'a b' is not a tag"),
        (Overrides(labels={"commit": "x"}), "label 'commit' is set by every release"),
        (Overrides(annotations={"digest": "x"}), "annotation 'digest' is set by every release"),
    ],
    ids=["tag", "label", "annotation"],
)
def test_what_would_break_the_contract_is_refused(overrides: Overrides, message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        planned(overrides=overrides)
    assert raised.value.hint


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("gcp_region", "us-centrall1", "not a Google Cloud region"),
        ("repository", "msp-example", "does not start with a registry"),
        ("repository", "us.gcr.io/p/app:tag", "names one image, not a repository"),
        ("msp_service_id", "MSP", "delivery pipeline 'MSP-us-central1-rollout' is not a valid name"),
    ],
)
def test_attributes_that_name_nothing_are_refused(field: str, value: str, message: str) -> None:
    config = DeliveryConfig(**{**vars(CONFIG), field: value})
    with pytest.raises(UsageError, match=message):
        plan(config, Build(COMMIT, "1", "Ada"))


def test_a_commit_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="is not a commit"):
        planned(Build("main", "1", "Ada"))


def test_the_rerun_names_the_same_build() -> None:
    assert planned().rerun == f"bazel run //svc:msp_deploy -- --commit={COMMIT} --build_number=42"
    named = planned(Build(COMMIT, "a b", "Ada"), overrides=Overrides(tag="v1", release="r"))
    assert named.rerun.endswith(f" -- --commit={COMMIT} '--build_number=a b' --tag=v1 --release=r")


TEXT = st.text(max_size=300)


@given(
    number=st.text(min_size=1, max_size=200),
    author=TEXT,
    subject=TEXT,
    release=TEXT,
    labels=st.dictionaries(st.text(min_size=1, max_size=90), TEXT, max_size=70),
)
def test_whatever_is_given_fits(number: str, author: str, subject: str, release: str, labels: dict[str, str]) -> None:
    labels.pop("commit", None)
    made = planned(Build(COMMIT, number, author, subject=subject), overrides=Overrides(release=release, labels=labels))
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", made.release)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", made.tag)
    assert len(made.labels) <= 64
    assert made.labels["commit"] == COMMIT
    for key, value in made.labels.items():
        assert re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key)
        assert re.fullmatch(r"[a-z0-9_-]{0,63}", value)
    assert len(made.description) <= 255
    assert sum(len(k.encode()) + len(v.encode()) for k, v in made.annotations.items()) <= 256 << 10
    base64.b64decode(made.annotations.get("commit_message_base64", ""), validate=True).decode()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["team"], "--labels: 'team' is not key=value"),
        (["=x"], "--labels: '=x' is not key=value"),
        (["a=1", "a=2"], "--labels: 'a' is given twice"),
    ],
)
def test_what_is_no_pair_is_refused(labels: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        Overrides.parse(labels=labels)
    assert raised.value.hint


def test_a_value_may_hold_an_equals_sign() -> None:
    assert Overrides.parse("v1", annotations=["why=a=b", "note="]) == Overrides(
        tag="v1", annotations={"why": "a=b", "note": ""}
    )
