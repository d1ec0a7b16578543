"""A release that is there already: whether it is the plan's, and what it deploys."""

from typing import TYPE_CHECKING, Any

from msp import names
from msp.delivery.planning.plan import ReleasePlan
from msp.delivery.preflight.findings import Problem
from msp.gcp.messages import enum_name
from msp.text import harmless

if TYPE_CHECKING:
    from google.cloud.deploy_v1 import Release


def release_digest(release: "Release") -> str:
    """The digest of the image that a release deploys; empty where it goes by the tag alone."""
    return release.deploy_parameters.get(names.DIGEST_PARAMETER) or release.annotations.get("digest", "")


def unfit(plan: ReleasePlan, release: "Release") -> Problem | None:
    """Why a release of the plan's id can't be taken up as the plan's, if it can't."""
    again = f"give another --build_number, or: {plan.rerun_beside if plan.digest else f'{plan.rerun} --release=ID'}"
    there = release_digest(release)
    if plan.digest and there and there != plan.digest:
        return Problem(
            f"release {plan.release!r} exists with digest {there}; this image has digest {plan.digest}",
            f"the same commit and build number made two different images: {again}",
        )
    tag = release.deploy_parameters.get(names.TAG_PARAMETER, "")
    if not there and tag != plan.tag:
        return Problem(f"release {plan.release!r} exists with tag {tag!r}; this image has tag {plan.tag!r}", again)
    if release.abandoned:
        return Problem(f"release {plan.release!r} was abandoned, and can't be rolled out any more", again)
    if enum_name(release, "render_state") == "FAILED":
        # Of this image the next run makes the next release; of another's it would meet the same again.
        following = f"the next one is made by: {plan.rerun}" if renders_no_more(plan, release) else again
        return Problem(
            f"release {plan.release!r} could not be rendered: {render_failure(release)}",
            f"a release is rendered once; when the cause is mended, {following}\nsee {plan.release_url}",
        )
    return None


def renders_no_more(plan: ReleasePlan, release: "Release") -> bool:
    """Whether a release of the plan's image could not be rendered, so that its build needs another one."""
    there = release_digest(release)
    same = (
        there == plan.digest
        if plan.digest and there
        else release.deploy_parameters.get(names.TAG_PARAMETER) == plan.tag
    )
    return same and not release.abandoned and enum_name(release, "render_state") == "FAILED"


def render_failure(release: "Release", target: str = "") -> str:
    """Why a release could not be rendered, for one target or for the first that has something to say."""
    renders = [release.target_renders[target]] if target in release.target_renders else release.target_renders.values()
    said = (harmless(render.failure_message) or failure_cause(render, "failure_cause") for render in renders)
    return next((text for text in said if text), "no reason was given")


def failure_cause(message: Any, field: str) -> str:  # noqa: ANN401 - a rollout, or how a release was rendered
    """The name of a cause of failure: `EXECUTION_FAILED`; empty where there is none."""
    name = enum_name(message, field)
    return "" if name == "FAILURE_CAUSE_UNSPECIFIED" else name
