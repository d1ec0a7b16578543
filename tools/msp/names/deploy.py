"""The names of everything in a delivery pipeline, and of what is behind it."""

import hashlib

from msp.names.grammar import MAX_ID, MAX_RUN_SERVICE, InvalidNameError, check_id, is_tag, short_commit
from msp.names.regions import check_region

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

# On a target whose rollouts somebody else than the commit's author has to approve; Cloud Deploy itself can't ask it.
NOT_AUTHOR_ANNOTATION = "approval.not-author"

# Why a resource is as somebody made it, who that was, and since when (RFC 3339).
REASON_ANNOTATION = "reason"
BY_ANNOTATION = "by"
SINCE_ANNOTATION = "since"

# On a deploy policy that is a freeze: where it comes from.
FREEZE_LABEL = "msp-freeze"
STANDING_FREEZE = "standing"  # from the specification: these alone are compared, changed and pruned by apply
FREEZE_BY_HAND = "by-hand"

SOURCE_OBJECT = "source.tar.gz"


def pipeline_id(service_id: str, region: str) -> str:
    """The delivery pipeline of a service: `{service_id}-{region}-rollout`."""
    return check_id(f"{service_id}-{region}-rollout", "delivery pipeline", "shorten service.id")


def target_id(environment_id: str, region: str) -> str:
    """The target of a stage: `{environment_id}-{region}`."""
    return check_id(f"{environment_id}-{region}", "target", "shorten the environment's id")


def environment_id(target: str, region: str) -> str:
    """The environment that a target deploys to, as people call the stage: `prod` for `prod-us-central1`."""
    return target.removesuffix(f"-{region}")


def automation_id(environment_id: str, region: str) -> str:
    """The automation that promotes what succeeded in a stage: `promote-{target}`."""
    return check_id(f"promote-{target_id(environment_id, region)}", "automation", "shorten the environment's id")


def freeze_policy_id(service_id: str, freeze: str) -> str:
    """The deploy policy of a service's standing freeze: `freeze-{service_id}-{freeze}`."""
    return check_id(f"freeze-{service_id}-{freeze}", "deploy policy", "shorten the freeze's name")


def hand_freeze_policy_id(service_id: str, target: str) -> str:
    """The deploy policy of a freeze that somebody makes by hand, of one stage: `frozen-{service_id}-{target}`.

    No standing freeze's begins like this. Being the same for everybody, it lets of two people at once one make it.
    """
    return check_id(f"frozen-{service_id}-{target}", "deploy policy", "shorten service.id or the environment's id")


def category_freeze_policy_id(category: str) -> str:
    """The deploy policy of a freeze of all stages of a category, by hand: `frozen-{category}`."""
    return check_id(f"frozen-{category}", "deploy policy", "name a category of the specifications: external")


def run_service(service_id: str, target: str) -> str:
    """The Cloud Run service that a target deploys to: `{service_id}-{target}`, at most 49 characters."""
    return check_id(
        f"{service_id}-{target}", "Cloud Run service", "shorten service.id or the environment's id", MAX_RUN_SERVICE
    )


def image_tag(commit: str, build_number: str) -> str:
    """The tag of the image that a build made: `{short commit}_{build number}`."""
    tag = f"{short_commit(commit)}_{build_number}"
    if not build_number or not is_tag(tag):
        raise InvalidNameError(
            f"image tag {tag!r} is not a valid one: letters, digits, '.', '_' and '-', at most 128",
            hint="Check the build number.",
        )
    return tag


def release_id(commit: str, build_number: str) -> str:
    """The release of a build: `deploy-{short commit}-{build number}`."""
    return check_id(f"deploy-{short_commit(commit)}-{build_number}", "release", "check the build number")


def rollout_id(release: str, target: str, number: int = 1) -> str:
    """The rollout of a release to a target, as gcloud names it: `{release}-to-{target}-{0001…}`.

    gcloud lets this grow past the 63 characters that Cloud Deploy takes, and is refused. Here the target's part is
    then cut, and ends in six hexadecimal digits of its hash so that two targets never share a name.
    """
    suffix = f"-{number:04d}"
    room = MAX_ID - len(f"{release}-to-{suffix}")
    if len(target) > room:
        digits = hashlib.sha256(target.encode()).hexdigest()[:6]
        target = f"{target[: max(room - 7, 0)].rstrip('-')}-{digits}".lstrip("-")
    return check_id(f"{release}-to-{target}{suffix}", "rollout", "shorten the release's id")


def source_bucket(project: str) -> str:
    """The bucket that holds the pipeline's skaffold archive: `{project}-cloudrun-skaffold`."""
    # https://cloud.google.com/storage/docs/buckets#naming: 3 to 63 characters
    return check_id(f"{project}-cloudrun-skaffold", "bucket", "use a shorter project id")


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


def deploy_policy_name(project: str, region: str, policy: str) -> str:
    """The full resource name of a deploy policy."""
    return f"{location_name(project, region)}/deployPolicies/{policy}"


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


def short_name(resource: str) -> str:
    """A full resource name as people say it: `target staging-us-central1`."""
    collection, _, identifier = resource.rpartition("/")
    return f"{_KINDS[collection.rpartition('/')[2]]} {identifier}"


_KINDS = {
    "automations": "automation",
    "customTargetTypes": "custom target type",
    "deliveryPipelines": "delivery pipeline",
    "deployPolicies": "deploy policy",
    "targets": "target",
}
