"""What a specification means in Cloud Deploy, field by field."""

from collections.abc import Callable

import pytest
from google.cloud import deploy_v1

from msp import names
from msp.pipeline.manifest import fields
from msp.pipeline.resources import Guard, NoRolloutError, resources
from msp.spec import Spec

MakeSpec = Callable[..., Spec]
LOCATION = "projects/msp-example-prod-0000/locations/us-central1"
PIPELINE = f"{LOCATION}/deliveryPipelines/msp-example-us-central1-rollout"


def test_the_contract_in_full(make_spec: MakeSpec) -> None:
    made = resources(make_spec(), "us-central1")
    assert (made.project, made.region) == ("msp-example-prod-0000", "us-central1")
    assert fields(made.custom_target_type) == {
        "name": f"{LOCATION}/customTargetTypes/cloud-run-service",
        "description": "Deploys an image to a Cloud Run service.",
        "labels": {"msp": "true"},
        "customActions": {
            "renderAction": "cloud-run-image-deploy-render",
            "deployAction": "cloud-run-image-deploy",
        },
    }
    assert [fields(target) for target in made.targets] == [
        {
            "name": f"{LOCATION}/targets/{environment}-us-central1",
            "description": f"msp-example: {environment} ({category})",
            "labels": {"msp": "true", "msp-service": "msp-example", "msp-category": category},
            "customTarget": {"customTargetType": f"{LOCATION}/customTargetTypes/cloud-run-service"},
            "deployParameters": {
                "customTarget/serviceID": "msp-example",
                "customTarget/image": "us.gcr.io/sourcegraph-dev/msp-example",
                "customTarget/projectID": f"msp-example-{environment}-0000",
            },
            "executionConfigs": [
                {
                    "usages": ["RENDER", "DEPLOY"],
                    "serviceAccount": "clouddeploy-executor@msp-example-prod-0000.iam.gserviceaccount.com",
                }
            ],
        }
        for environment, category in (("staging", "test"), ("prod", "internal"))
    ]
    assert fields(made.delivery_pipeline) == {
        "name": PIPELINE,
        "description": "Delivers msp-example",
        "labels": {"msp": "true", "msp-service": "msp-example"},
        "annotations": {"source.repository": "github.com/sourcegraph/sourcegraph"},
        "serialPipeline": {"stages": [{"targetId": "staging-us-central1"}, {"targetId": "prod-us-central1"}]},
    }
    assert [fields(automation) for automation in made.automations] == [
        {
            "name": f"{PIPELINE}/automations/promote-staging-us-central1",
            "description": "Promotes what succeeded in staging to the next stage",
            "labels": {"msp": "true", "msp-service": "msp-example"},
            "serviceAccount": "clouddeploy-releaser@msp-example-prod-0000.iam.gserviceaccount.com",
            "selector": {"targets": [{"id": "staging-us-central1"}]},
            "rules": [{"promoteReleaseRule": {"id": "promote-release", "wait": "1s", "destinationTargetId": "@next"}}],
        }
    ]


def test_only_automatic_stages_have_an_automation(make_spec: MakeSpec) -> None:
    spec = make_spec({"dev": 0, "staging": None, "canary": 1_209_600, "prod": None})
    made = resources(spec, "europe-west1")
    assert [automation.name.rpartition("/")[2] for automation in made.automations] == [
        "promote-dev-europe-west1",
        "promote-canary-europe-west1",
    ]
    waits = [fields(automation)["rules"][0]["promoteReleaseRule"]["wait"] for automation in made.automations]
    assert waits == ["0s", "1209600s"]


def test_one_stage_has_no_automation(make_spec: MakeSpec) -> None:
    made = resources(make_spec({"prod": None}), "us-central1")
    assert (len(made.targets), made.automations) == (1, ())


def test_suspended_is_carried_over(make_spec: MakeSpec) -> None:
    made = resources(make_spec(rollout__suspended=True), "us-central1")
    assert made.delivery_pipeline.suspended
    assert [automation.suspended for automation in made.automations] == [True]


def with_approval(make_spec: MakeSpec, approval: dict[str, bool] | None) -> Spec:
    prod = {"environment": "prod"} | ({} if approval is None else {"approval": approval})
    return make_spec(rollout__stages=[{"environment": "staging"}, prod])


@pytest.mark.parametrize(
    ("approval", "required", "annotations", "specified"),
    [
        (None, False, {}, set()),
        ({"required": False}, False, {}, {Guard.APPROVAL, Guard.NOT_AUTHOR}),
        ({"required": True}, True, {}, {Guard.APPROVAL}),
        ({"required": True, "notAuthor": False}, True, {}, {Guard.APPROVAL, Guard.NOT_AUTHOR}),
        (
            {"required": True, "notAuthor": True},
            True,
            {"approval.not-author": "true"},
            {Guard.APPROVAL, Guard.NOT_AUTHOR},
        ),
    ],
)
def test_approval_is_the_targets(
    make_spec: MakeSpec,
    approval: dict[str, bool] | None,
    required: bool,
    annotations: dict[str, str],
    specified: set[Guard],
) -> None:
    made = resources(with_approval(make_spec, approval), "us-central1")
    staging, prod = made.targets
    assert (staging.require_approval, prod.require_approval) == (False, required)
    assert dict(prod.annotations) == annotations
    assert made.specified == {staging.name: frozenset(), prod.name: specified}


def test_silence_on_suspension_is_not_a_no(make_spec: MakeSpec) -> None:
    silent, said = (resources(make_spec(**fields), "us-central1") for fields in ({}, {"rollout__suspended": False}))
    assert silent.delivery_pipeline == said.delivery_pipeline
    assert silent.delivery_pipeline.name not in silent.specified
    for name in (said.delivery_pipeline.name, *(automation.name for automation in said.automations)):
        assert said.specified[name] == {Guard.SUSPENSION}


def test_a_description_fits_the_api(make_spec: MakeSpec) -> None:
    spec = make_spec()
    service = spec.service.model_copy(update={"name": "x" * 300})
    made = resources(spec.model_copy(update={"service": service}), "us-central1")
    assert len(made.delivery_pipeline.description) == 255


def test_without_a_rollout_there_is_no_pipeline(make_spec: MakeSpec) -> None:
    with pytest.raises(NoRolloutError, match="'msp-example' has no rollout") as caught:
        resources(make_spec({}), "us-central1")
    assert "rollout.stages" in caught.value.hint
    assert caught.value.exit_code == 2


def test_a_region_that_does_not_exist_is_refused(make_spec: MakeSpec) -> None:
    with pytest.raises(names.InvalidNameError, match="'us-central' is not a Google Cloud region"):
        resources(make_spec(), "us-central")


def test_a_cloud_run_service_with_too_long_a_name_is_refused(make_spec: MakeSpec) -> None:
    # Each part is fine by itself: only the region makes the name of the Cloud Run service too long.
    spec = make_spec({"production-eu": None}, service__id="msp-examples")
    resources(spec, "us-central1")
    with pytest.raises(names.InvalidNameError, match="Cloud Run service"):
        resources(spec, "northamerica-northeast1")


def test_a_field_that_does_not_exist_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="Unknown field"):
        deploy_v1.Target(no_such_field=1)
