"""A pipeline's stages and where a release stands in them, in characters."""

from msp import names
from msp.delivery.outcome import ALREADY_DEPLOYED, PLANNED, SUPERSEDED, Outcome
from msp.delivery.planning.plan import ReleasePlan

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

_UNDER_WAY = frozenset({"PENDING", "PENDING_RELEASE", "IN_PROGRESS", SUPERSEDED})


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
    """What a person may want to do now: what for, and the command; empty where nothing is left to do."""
    return _of_failure(outcome) if outcome.exit_code or outcome.later else _of_success(outcome)


def _of_failure(outcome: Outcome) -> list[str]:
    plan = outcome.plan
    if later := outcome.later:
        stage = _stage(plan, later.target)
        again = plan.typed("retry", stage) if later.retriable else plan.typed("promote", stage, _release(later.release))
        return [f"{later.target} was tried and failed; when the cause is mended, roll out there again:", f"  {again}"]
    if outcome.retriable:
        return [
            "when what failed is mended, run its job again:",
            f"  {plan.typed('retry', _stage(plan, outcome.target))}",
        ]
    return ["mend what failed and try again:", f"  {plan.rerun}"]


def _of_success(outcome: Outcome) -> list[str]:
    plan, release = outcome.plan, _release(outcome.release)
    if outcome.state == "PENDING_APPROVAL":
        return ["approve it:", f"  {plan.typed('approve', _stage(plan, outcome.target), release)}"]
    if outcome.state in _UNDER_WAY:
        return ["see how it goes on:", f"  {plan.typed('status')}"]
    if outcome.state in {"SUCCEEDED", ALREADY_DEPLOYED} and len(outcome.stages) > 1:
        following = outcome.stages[1]
        promote = plan.typed("promote", _stage(plan, following), release)
        return [f"next is {following}; where no automation promotes, do it by hand:", f"  {promote}"]
    return []


def _stage(plan: ReleasePlan, target: str) -> str:
    return f"--stage={names.environment_id(target, plan.region)}"


def _release(release: str) -> str:
    return f"--release={release}"
