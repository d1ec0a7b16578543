"""The contract's names, and each limit that Google's services put on them."""

import subprocess
import sys

import pytest

from msp import names

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_names_are_those_of_the_contract() -> None:
    assert names.pipeline_id("msp-example", "us-central1") == "msp-example-us-central1-rollout"
    assert names.target_id("staging", "us-central1") == "staging-us-central1"
    assert names.automation_id("staging", "us-central1") == "promote-staging-us-central1"
    assert names.freeze_policy_id("msp-example", "holidays") == "freeze-msp-example-holidays"
    assert names.run_service("msp-example", "prod-us-central1") == "msp-example-prod-us-central1"
    assert names.short_commit(COMMIT) == "0123456789ab"
    assert names.image_tag(COMMIT, "42") == "0123456789ab_42"
    assert names.release_id(COMMIT, "42") == "deploy-0123456789ab-42"
    assert names.source_bucket("msp-example-prod-0000") == "msp-example-prod-0000-cloudrun-skaffold"
    assert names.source_uri("p-1") == "gs://p-1-cloudrun-skaffold/source.tar.gz"
    assert names.executor_account("p-1") == "clouddeploy-executor@p-1.iam.gserviceaccount.com"
    assert names.releaser_account("p-1") == "clouddeploy-releaser@p-1.iam.gserviceaccount.com"


def test_resource_names_nest() -> None:
    at = ("p-1", "us-central1")
    assert names.target_name(*at, "t") == "projects/p-1/locations/us-central1/targets/t"
    assert (
        names.custom_target_type_name(*at) == "projects/p-1/locations/us-central1/customTargetTypes/cloud-run-service"
    )
    rollout = names.rollout_name(*at, "pipe", "rel", "roll")
    assert rollout == "projects/p-1/locations/us-central1/deliveryPipelines/pipe/releases/rel/rollouts/roll"
    automation = names.automation_name(*at, "pipe", "auto")
    assert automation == "projects/p-1/locations/us-central1/deliveryPipelines/pipe/automations/auto"


@pytest.mark.parametrize(
    ("region", "guess"),
    [("us-centrall1", "us-central1"), ("europe-west-1", "europe-west1"), ("", ""), ("US-CENTRAL1", ""), ("../x", "")],
)
def test_a_region_that_does_not_exist_is_refused(region: str, guess: str) -> None:
    with pytest.raises(names.InvalidNameError, match="is not a Google Cloud region") as caught:
        names.check_region(region)
    assert caught.value.exit_code == 2
    assert guess in caught.value.hint


def test_a_resource_name_has_at_most_63_characters() -> None:
    longest = 63 - len("-us-central1-rollout")
    assert len(names.pipeline_id("a" * longest, "us-central1")) == 63
    with pytest.raises(names.InvalidNameError, match="has 64 characters; at most 63") as caught:
        names.pipeline_id("a" * (longest + 1), "us-central1")
    assert "service.id" in caught.value.hint


def test_a_cloud_run_service_has_at_most_49_characters() -> None:
    assert len(names.run_service("a" * 32, "prod-us-central1")) == 49
    with pytest.raises(names.InvalidNameError, match=r"Cloud Run service .* has 50 characters; at most 49"):
        names.run_service("a" * 33, "prod-us-central1")


@pytest.mark.parametrize("service", ["9lives", "-a", "Upper", "under_score", "new\nline", "ü", ""])
def test_a_resource_name_has_only_what_cloud_deploy_takes(service: str) -> None:
    with pytest.raises(names.InvalidNameError, match="is not a valid name"):
        names.pipeline_id(service, "us-central1")


@pytest.mark.parametrize("commit", ["", "HEAD", "0123456789a", "0123456789AB", "0123456789ab-dirty", "0123456789ab\n"])
def test_a_commit_is_a_full_hash(commit: str) -> None:
    with pytest.raises(names.InvalidNameError, match="is not a commit"):
        names.short_commit(commit)


@pytest.mark.parametrize("build", ["", "4 2", "1/2", "$(id)", "1\n", "x" * 200])
def test_a_build_number_fits_a_tag(build: str) -> None:
    with pytest.raises(names.InvalidNameError, match="image tag"):
        names.image_tag(COMMIT, build)


@pytest.mark.parametrize("build", ["", "4_2", "42-", "X", "1" * 44])
def test_a_build_number_fits_a_release(build: str) -> None:
    with pytest.raises(names.InvalidNameError, match="release"):
        names.release_id(COMMIT, build)
    assert len(names.release_id(COMMIT, "1" * 43)) == 63


def test_a_rollout_is_named_as_gcloud_does_where_that_fits() -> None:
    assert names.rollout_id("deploy-0123456789ab-42", "prod-us-central1", 2) == (
        "deploy-0123456789ab-42-to-prod-us-central1-0002"
    )


def test_a_long_rollout_is_cut_and_stays_distinct() -> None:
    release = "deploy-0123456789ab-" + "1" * 20
    one = names.rollout_id(release, "production-europe-southwest1")
    two = names.rollout_id(release, "production-europe-southwest2")
    assert one != two
    assert max(len(one), len(two)) <= 63
    assert one == f"{release}-to-product-69fc0a-0001"


def test_names_load_nothing_heavy() -> None:
    # A delivery imports this module before anything else: a client library here would cost every run half a second.
    code = "import sys, msp.names; print(sorted(m for m in sys.modules if m.split('.')[0] in set(sys.argv[1:])))"
    heavy = ["google", "grpc", "proto", "pydantic", "yaml", "urllib3"]
    shown = subprocess.run(
        [sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True, env=_path()
    )
    assert shown.stdout.strip() == "[]"


def _path() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(path for path in sys.path if path)}
