"""The names of everything in a delivery pipeline: the contract that pipelines in the field were provisioned for.

Pure functions on strings that import nothing heavy, since a delivery needs them before it loads any client. A name
that the service behind it would refuse raises `InvalidNameError`.
"""

import difflib
import hashlib
import re

from msp.errors import UsageError

CUSTOM_TARGET_TYPE = "cloud-run-service"
RENDER_ACTION = "cloud-run-image-deploy-render"
DEPLOY_ACTION = "cloud-run-image-deploy"

# Deploy parameters. Inside a custom action, `customTarget/tag` arrives as CLOUD_DEPLOY_customTarget_tag.
TAG_PARAMETER = "customTarget/tag"
DIGEST_PARAMETER = "customTarget/digest"
SERVICE_PARAMETER = "customTarget/serviceID"
IMAGE_PARAMETER = "customTarget/image"
PROJECT_PARAMETER = "customTarget/projectID"

# Marks the resources that are made from a service's specification; nothing without it is ever pruned.
OWNER_LABEL = "msp"
SERVICE_LABEL = "msp-service"
CATEGORY_LABEL = "msp-category"

SOURCE_OBJECT = "source.tar.gz"

# Where Artifact Registry, Cloud Run and Cloud Deploy run, from gcloud 528 (core/docker/constants.py).
_REGIONS = """
    africa-south1
    asia-east1 asia-east2 asia-northeast1 asia-northeast2 asia-northeast3
    asia-south1 asia-south2 asia-southeast1 asia-southeast2
    australia-southeast1 australia-southeast2
    europe-central2 europe-north1 europe-north2 europe-southwest1
    europe-west1 europe-west2 europe-west3 europe-west4 europe-west6 europe-west8 europe-west9 europe-west10
    europe-west12
    me-central1 me-central2 me-west1
    northamerica-northeast1 northamerica-northeast2 northamerica-south1
    southamerica-east1 southamerica-west1
    us-central1 us-east1 us-east4 us-east5 us-south1 us-west1 us-west2 us-west3 us-west4
"""
REGIONS = frozenset(_REGIONS.split())

_RESOURCE_ID = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_RESOURCE_ID_LIMIT = 63  # google.cloud.deploy_v1: `[a-z]([a-z0-9-]{0,61}[a-z0-9])?`
_RUN_SERVICE_LIMIT = 49  # Cloud Run's CreateServiceRequest.service_id: "must contain fewer than 50 characters"
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")  # OCI distribution specification 1.1, "Pulling manifests"
_COMMIT = re.compile(r"[0-9a-f]{12,}")
_SHORT_COMMIT = 12


class InvalidNameError(UsageError):
    """A name that Google's service would refuse, or a region that does not exist."""


def check_region(region: str) -> str:
    """The region itself, if it is one of Google Cloud's; otherwise an error that names the nearest."""
    if region in REGIONS:
        return region
    nearest = difflib.get_close_matches(region, sorted(REGIONS), n=1)
    guess = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise InvalidNameError(
        f"{region!r} is not a Google Cloud region",
        hint=f"{guess}Regions look like 'us-central1'; set gcp_region (or --region) to the pipeline's.",
    )


def pipeline_id(service_id: str, region: str) -> str:
    """The delivery pipeline of a service: `{service_id}-{region}-rollout`."""
    return _resource_id(f"{service_id}-{region}-rollout", "delivery pipeline", "shorten service.id")


def target_id(environment_id: str, region: str) -> str:
    """The target of a stage: `{environment_id}-{region}`."""
    return _resource_id(f"{environment_id}-{region}", "target", "shorten the environment's id")


def automation_id(environment_id: str, region: str) -> str:
    """The automation that promotes what succeeded in a stage: `promote-{target}`."""
    return _resource_id(f"promote-{target_id(environment_id, region)}", "automation", "shorten the environment's id")


def run_service(service_id: str, target: str) -> str:
    """The Cloud Run service that a target deploys to: `{service_id}-{target}`, at most 49 characters."""
    return _resource_id(
        f"{service_id}-{target}", "Cloud Run service", "shorten service.id or the environment's id", _RUN_SERVICE_LIMIT
    )


def short_commit(commit: str) -> str:
    """The first 12 characters of a full commit hash."""
    if not _COMMIT.fullmatch(commit):
        raise InvalidNameError(
            f"{commit!r} is not a commit: at least {_SHORT_COMMIT} lower-case hexadecimal digits are needed",
            hint="Give the full hash, as `git rev-parse HEAD` prints it.",
        )
    return commit[:_SHORT_COMMIT]


def image_tag(commit: str, build_number: str) -> str:
    """The tag of the image that a build made: `{short commit}_{build number}`."""
    tag = f"{short_commit(commit)}_{build_number}"
    if not build_number or not _TAG.fullmatch(tag):
        raise InvalidNameError(
            f"image tag {tag!r} is not a valid one: letters, digits, '.', '_' and '-', at most 128",
            hint="Check the build number.",
        )
    return tag


def release_id(commit: str, build_number: str) -> str:
    """The release of a build: `deploy-{short commit}-{build number}`."""
    return _resource_id(f"deploy-{short_commit(commit)}-{build_number}", "release", "check the build number")


def rollout_id(release: str, target: str, number: int = 1) -> str:
    """The rollout of a release to a target, as gcloud names it: `{release}-to-{target}-{0001…}`.

    gcloud lets this grow past the 63 characters that Cloud Deploy takes, and is refused. Here the target's part is
    then cut, and ends in six hexadecimal digits of its hash so that two targets never share a name.
    """
    suffix = f"-{number:04d}"
    room = _RESOURCE_ID_LIMIT - len(f"{release}-to-{suffix}")
    if len(target) > room:
        digits = hashlib.sha256(target.encode()).hexdigest()[:6]
        target = f"{target[: max(room - 7, 0)].rstrip('-')}-{digits}".lstrip("-")
    return _resource_id(f"{release}-to-{target}{suffix}", "rollout", "shorten the release's id")


def source_bucket(project: str) -> str:
    """The bucket that holds the pipeline's skaffold archive: `{project}-cloudrun-skaffold`."""
    # https://cloud.google.com/storage/docs/buckets#naming: 3 to 63 characters
    return _resource_id(f"{project}-cloudrun-skaffold", "bucket", "use a shorter project id")


def source_uri(project: str) -> str:
    """Where releases take the skaffold archive from: `gs://{project}-cloudrun-skaffold/source.tar.gz`."""
    return f"gs://{source_bucket(project)}/{SOURCE_OBJECT}"


def executor_account(project: str) -> str:
    """The service account that renders and deploys: `clouddeploy-executor@{project}.iam.gserviceaccount.com`."""
    return f"clouddeploy-executor@{project}.iam.gserviceaccount.com"


def releaser_account(project: str) -> str:
    """The service account that releases and promotes: `clouddeploy-releaser@{project}.iam.gserviceaccount.com`."""
    return f"clouddeploy-releaser@{project}.iam.gserviceaccount.com"


def location_name(project: str, region: str) -> str:
    """The parent of all Cloud Deploy resources: `projects/{project}/locations/{region}`."""
    return f"projects/{project}/locations/{check_region(region)}"


def pipeline_name(project: str, region: str, pipeline: str) -> str:
    """The full resource name of a delivery pipeline."""
    return f"{location_name(project, region)}/deliveryPipelines/{pipeline}"


def target_name(project: str, region: str, target: str) -> str:
    """The full resource name of a target."""
    return f"{location_name(project, region)}/targets/{target}"


def custom_target_type_name(project: str, region: str, custom_target_type: str = CUSTOM_TARGET_TYPE) -> str:
    """The full resource name of a custom target type."""
    return f"{location_name(project, region)}/customTargetTypes/{custom_target_type}"


def automation_name(project: str, region: str, pipeline: str, automation: str) -> str:
    """The full resource name of an automation."""
    return f"{pipeline_name(project, region, pipeline)}/automations/{automation}"


def release_name(project: str, region: str, pipeline: str, release: str) -> str:
    """The full resource name of a release."""
    return f"{pipeline_name(project, region, pipeline)}/releases/{release}"


def rollout_name(project: str, region: str, pipeline: str, release: str, rollout: str) -> str:
    """The full resource name of a rollout."""
    return f"{release_name(project, region, pipeline, release)}/rollouts/{rollout}"


def pipeline_console_url(project: str, region: str, pipeline: str) -> str:
    """The delivery pipeline's page in Google Cloud's console."""
    return f"{_CONSOLE}/{region}/{pipeline}?project={project}"


def release_console_url(project: str, region: str, pipeline: str, release: str) -> str:
    """The release's page in Google Cloud's console."""
    return f"{_CONSOLE}/{region}/{pipeline}/releases/{release}/rollouts?project={project}"


_CONSOLE = "https://console.cloud.google.com/deploy/delivery-pipelines"


def _resource_id(text: str, what: str, remedy: str, limit: int = _RESOURCE_ID_LIMIT) -> str:
    if len(text) > limit:
        raise InvalidNameError(
            f"{what} {text!r} has {len(text)} characters; at most {limit} are allowed", hint=f"To mend it, {remedy}."
        )
    if not _RESOURCE_ID.fullmatch(text):
        raise InvalidNameError(
            f"{what} {text!r} is not a valid name: lower-case letters, digits and '-', "
            "beginning with a letter and ending with a letter or digit",
            hint=f"To mend it, {remedy}.",
        )
    return text
