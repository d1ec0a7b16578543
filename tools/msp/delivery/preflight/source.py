"""Whether the archive that releases are rendered from is there, and whose it is."""

from msp import names
from msp.delivery.gcloud import gcloud_command
from msp.delivery.planning.plan import ReleasePlan
from msp.delivery.preflight.inquiry import Inquiry
from msp.gcp.errors import PermissionDeniedError
from msp.gcp.storage import Storage


def look_at_source(plan: ReleasePlan, storage: Storage, inquiry: Inquiry) -> None:
    """Asks for the source archive that the release is rendered from: that it is there, and what it is."""
    try:
        md5 = storage.object_md5(plan.source_uri)
    except PermissionDeniedError:
        inquiry.warn(f"whether {plan.source_uri} is there can't be told: no permission to look")
        return
    if md5 is None:
        message = f"{plan.source_uri}, which releases are made from, is not there"
        inquiry.problem(message, f"mend: {plan.make_pipeline}")
    elif md5 and plan.action_image is not None and md5 != _expected_md5(plan.action_image):
        inquiry.warn(
            f"{plan.source_uri} is not what this version makes of the specification: somebody else, or another "
            f"version, made what renders and deploys here; to bring it up to date: {plan.make_pipeline}"
        )


def look_at_bucket(plan: ReleasePlan, storage: Storage, inquiry: Inquiry) -> None:
    """Asks whether the archive's bucket is the project's own."""
    project = plan.project
    bucket = names.source_bucket(project)
    try:
        if storage.bucket_is_of(project, bucket):
            return
    except PermissionDeniedError:
        # Where the archive is to the byte what this version makes, whoever could have made it did no harm.
        if not _is_as_made(plan, storage):
            inquiry.warn(
                f"whose bucket {bucket} is can't be told: no permission to list those of project {project}, which "
                "roles/storage.bucketViewer gives"
            )
        return
    # Where there is none at all, that the archive isn't there says enough.
    if storage.object_md5(plan.source_uri) is not None:
        just_number = "--format=value(projectNumber)"
        # Without --raw it does not tell the project.
        show = gcloud_command(
            plan.local_cloud, "storage", "buckets", "describe", f"gs://{bucket}", "--raw", just_number
        )
        inquiry.problem(
            f"bucket {bucket} is another project's: whoever owns it says what is rolled out in {project}",
            f"bucket names are global; the number of the project whose it is: {show}",
        )


def _is_as_made(plan: ReleasePlan, storage: Storage) -> bool:
    try:
        return storage.object_md5(plan.source_uri) == _expected_md5(plan.action_image or "")
    except PermissionDeniedError:
        return False


def _expected_md5(action_image: str) -> str:
    # Late: writing YAML is no part of what a delivery does besides.
    from msp.pipeline.fingerprint import archive_md5

    return archive_md5(action_image) if action_image else archive_md5()
