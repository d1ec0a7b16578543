"""A pipeline's stages and where a release stands in them, in characters."""

from msp.delivery.outcome import ALREADY_DEPLOYED, PLANNED, Outcome
from msp.gcp.deploy_resources import RolloutState

_MARKS = {
    RolloutState.SUCCEEDED.value: "●",
    ALREADY_DEPLOYED: "●",
    RolloutState.PENDING_APPROVAL.value: "◐",
    RolloutState.PENDING.value: "◐",
    RolloutState.PENDING_RELEASE.value: "◐",
    RolloutState.IN_PROGRESS.value: "◐",
    PLANNED: "○",
}
_WORDS = {
    RolloutState.SUCCEEDED.value: "runs {release}",
    ALREADY_DEPLOYED: "runs this image already, as {release}",
    RolloutState.PENDING_APPROVAL.value: "{release} waits for approval",
    RolloutState.PENDING.value: "{release} is about to be rolled out",
    RolloutState.PENDING_RELEASE.value: "{release} is being rendered",
    RolloutState.IN_PROGRESS.value: "{release} is being rolled out",
    RolloutState.APPROVAL_REJECTED.value: "{release} was rejected",
    PLANNED: "{release} would be rolled out here",
}


def picture(outcome: Outcome) -> list[str]:
    """A line for each stage, the first one's with the state of its rollout."""
    width = max(map(len, outcome.stages), default=0)
    lines = []
    for number, stage in enumerate(outcome.stages):
        if number:
            lines += ["│", f"○ {stage}"]
        else:
            lines.append(f"{_MARKS.get(outcome.state, '✗')} {stage:<{width}}  {in_words(outcome)}")
    return lines


def in_words(outcome: Outcome) -> str:
    """What the first stage does with the release."""
    words = _WORDS.get(outcome.state, "{release} failed")
    return words.format(release=outcome.release)


def next_steps(outcome: Outcome) -> list[str]:
    """What a person may want to do now, as commands; empty where nothing is left to do."""
    plan = outcome.plan
    where = f"--delivery-pipeline={plan.pipeline} --region={plan.region} --project={plan.project}"
    if outcome.exit_code:
        return ["mend what failed and try again:", f"  {plan.rerun}"]
    if outcome.state == RolloutState.PENDING_APPROVAL.value:
        return [
            "approve it:",
            f"  gcloud deploy rollouts approve {outcome.rollout} --release={outcome.release} {where}",
        ]
    if outcome.state in {RolloutState.SUCCEEDED.value, ALREADY_DEPLOYED} and len(outcome.stages) > 1:
        following = outcome.stages[1]
        return [
            f"next is {following}; where no automation promotes, do it by hand:",
            f"  gcloud deploy releases promote --release={outcome.release} --to-target={following} {where}",
        ]
    return []
