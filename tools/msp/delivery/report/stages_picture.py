"""A pipeline's stages and where a release stands in them, in characters."""

from msp import names
from msp.delivery.gcloud import gcloud_command
from msp.delivery.outcome import ALREADY_DEPLOYED, PLANNED, SUPERSEDED, Outcome
from msp.delivery.planning.plan import ReleasePlan
from msp.names.grammar import MAX_ID

_MARKS = {
    "SUCCEEDED": "●",
    ALREADY_DEPLOYED: "●",
    SUPERSEDED: "●",
    "PENDING_APPROVAL": "◐",
    "PENDING": "◐",
    "PENDING_RELEASE": "◐",
    "IN_PROGRESS": "◐",
    PLANNED: "○",
}
_WORDS = {
    "SUCCEEDED": "runs {release}",
    ALREADY_DEPLOYED: "runs this image already, as {release}",
    SUPERSEDED: "has or awaits {newer}, which is newer than this build",
    "PENDING_APPROVAL": "{release} waits for approval",
    "PENDING": "{release} is about to be rolled out",
    "PENDING_RELEASE": "{release} is being rendered",
    "IN_PROGRESS": "{release} is being rolled out",
    "APPROVAL_REJECTED": "{release} was rejected",
    PLANNED: "{release} would be rolled out here",
}


def picture(outcome: Outcome) -> list[str]:
    """A line for each stage, the first one's with the state of its rollout."""
    width = max(map(len, outcome.stages), default=0)
    lines = []
    for number, stage in enumerate(outcome.stages):
        if number:
            later = outcome.later
            failed = later is not None and later.target == stage
            lines += ["│", f"✗ {stage:<{width}}  {later.release} {later.why}" if later and failed else f"○ {stage}"]
        else:
            lines.append(f"{_MARKS.get(outcome.state, '✗')} {stage:<{width}}  {in_words(outcome)}")
    return lines


def in_words(outcome: Outcome) -> str:
    """What the first stage does with the release."""
    words = _WORDS.get(outcome.state, "{release} failed")
    return words.format(release=outcome.release, newer=outcome.superseded_by)


def next_steps(outcome: Outcome) -> list[str]:
    """What a person may want to do now, as commands; empty where nothing is left to do."""
    plan, release = outcome.plan, f"--release={outcome.release}"
    if outcome.exit_code:
        return ["mend what failed and try again:", f"  {plan.rerun}"]
    if outcome.state == "PENDING_APPROVAL":
        return ["approve it:", f"  {_gcloud(plan, 'rollouts', 'approve', outcome.rollout, release)}"]
    if later := outcome.later:
        return [
            f"{later.target} was tried and failed; when the cause is mended, roll out there again:",
            f"  {_promote(plan, later.release, later.target, later.rollouts + 1)}",
        ]
    if outcome.state in {"SUCCEEDED", ALREADY_DEPLOYED} and len(outcome.stages) > 1:
        following = outcome.stages[1]
        return [
            f"next is {following}; where no automation promotes, do it by hand:",
            f"  {_promote(plan, outcome.release, following)}",
        ]
    return []


def _promote(plan: ReleasePlan, release: str, target: str, number: int = 1) -> str:
    flags = (f"--release={release}", f"--to-target={target}", *_rollout(release, target, number))
    return _gcloud(plan, "releases", "promote", *flags)


def _rollout(release: str, target: str, number: int) -> list[str]:
    """The flag that names the rollout, where gcloud's own name for it would be too long for Cloud Deploy."""
    if len(f"{release}-to-{target}-0001") <= MAX_ID:
        return []
    try:
        rollout = names.rollout_id(release, target, number)
    except names.InvalidNameError:
        # Somebody else's release, of a long name. A rollout's own is unique within its release.
        again = f"-{number:04d}" if number > 1 else ""
        rollout = f"to-{target}"[: MAX_ID - len(again)].rstrip("-") + again
    return [f"--rollout-id={rollout}"]


def _gcloud(plan: ReleasePlan, *arguments: str) -> str:
    where = (f"--delivery-pipeline={plan.pipeline}", f"--region={plan.region}", f"--project={plan.project}")
    return gcloud_command(plan.local_cloud, "deploy", *arguments, *where)
