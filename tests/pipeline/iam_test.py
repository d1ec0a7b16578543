"""Who needs what: every role of the contract, and none that is wider."""

from collections.abc import Callable

import yaml

from msp.pipeline.iam import Binding, Scope, bindings, iam_yaml
from msp.pipeline.resources import resources
from msp.spec import Spec

MakeSpec = Callable[..., Spec]
CI = "ci@ci-project.iam.gserviceaccount.com"
RELEASER = "serviceAccount:clouddeploy-releaser@msp-example-prod-0000.iam.gserviceaccount.com"
EXECUTOR = "serviceAccount:clouddeploy-executor@msp-example-prod-0000.iam.gserviceaccount.com"


def rows_of(spec: Spec) -> tuple[Binding, ...]:
    return bindings(spec, resources(spec, "us-central1"))


def granted(rows: tuple[Binding, ...], member: str) -> set[tuple[str, str, str]]:
    return {(row.scope.value, row.resource.rpartition("/")[2], row.role) for row in rows if row.member == member}


def test_the_executor_deploys_in_every_stage_and_nothing_else(make_spec: MakeSpec) -> None:
    assert granted(rows_of(make_spec()), EXECUTOR) == {
        ("project", "msp-example-prod-0000", "roles/clouddeploy.jobRunner"),
        ("project", "msp-example-prod-0000", "roles/iam.serviceAccountUser"),
        ("project", "msp-example-prod-0000", "roles/run.developer"),
        ("project", "msp-example-staging-0000", "roles/iam.serviceAccountUser"),
        ("project", "msp-example-staging-0000", "roles/run.developer"),
        ("image-repository", "us.gcr.io", "roles/artifactregistry.reader"),
    }


def test_whoever_releases_has_the_contracts_roles(make_spec: MakeSpec) -> None:
    rows = rows_of(make_spec(rollout__serviceAccount=CI))
    assert granted(rows, f"serviceAccount:{CI}") == granted(rows, RELEASER)
    assert granted(rows, RELEASER) == {
        ("project", "msp-example-prod-0000", "roles/clouddeploy.releaser"),
        ("project", "msp-example-prod-0000", "roles/storage.bucketViewer"),
        ("bucket", "msp-example-prod-0000-cloudrun-skaffold", "roles/storage.objectViewer"),
        ("bucket", "{pipeline uid}_clouddeploy", "roles/storage.objectCreator"),
        (
            "service-account",
            "clouddeploy-executor@msp-example-prod-0000.iam.gserviceaccount.com",
            "roles/iam.serviceAccountUser",
        ),
        ("delivery-pipeline", "msp-example-us-central1-rollout", "roles/clouddeploy.releaser"),
        ("target", "prod-us-central1", "roles/clouddeploy.viewer"),
        ("target", "staging-us-central1", "roles/clouddeploy.viewer"),
        ("custom-target-type", "cloud-run-service", "roles/clouddeploy.viewer"),
    }


def test_nobody_administers_anything_and_every_row_says_why(make_spec: MakeSpec) -> None:
    rows = rows_of(make_spec(rollout__serviceAccount=CI))
    assert not [row for row in rows if "admin" in row.role.lower() or row.role in {"roles/owner", "roles/editor"}]
    assert all(row.reason.endswith(".") and len(row.reason) > 20 for row in rows)


def test_the_same_account_twice_is_one_releaser(make_spec: MakeSpec) -> None:
    once = rows_of(make_spec())
    assert rows_of(make_spec(rollout__serviceAccount=RELEASER.removeprefix("serviceAccount:"))) == once


def test_images_in_artifact_registry_are_readable_where_they_are(make_spec: MakeSpec) -> None:
    def repository(image: str) -> list[str]:
        rows = rows_of(make_spec(build__image=image))
        return [row.resource for row in rows if row.scope is Scope.IMAGE_REPOSITORY]

    assert repository("gcr.io/p/app") == ["projects/p/locations/us/repositories/gcr.io"]
    assert repository("eu.gcr.io/p/a/b") == ["projects/p/locations/europe/repositories/eu.gcr.io"]
    assert repository("europe-west1-docker.pkg.dev/p/r/a/b") == ["projects/p/locations/europe-west1/repositories/r"]
    in_a_domain = repository("us.gcr.io/example.com/p/app")
    assert in_a_domain == ["projects/example.com:p/locations/us/repositories/us.gcr.io"]
    assert repository("ghcr.io/owner/app") == []


def test_iam_yaml_has_a_binding_a_row(make_spec: MakeSpec) -> None:
    rows = rows_of(make_spec(rollout__serviceAccount=CI))
    text = iam_yaml(rows, "# where from\n")
    assert text.startswith("# where from\nbindings:\n")
    assert [line for line in text.splitlines() if line.startswith("  - {")] == [
        line for line in text.splitlines()[2:] if not line.startswith("  #")
    ]
    parsed = yaml.safe_load(text)["bindings"]
    assert [(row["kind"], row["resource"], row["role"], row["member"], row["reason"]) for row in parsed] == [
        (row.scope.value, row.resource, row.role, row.member, row.reason) for row in rows
    ]
