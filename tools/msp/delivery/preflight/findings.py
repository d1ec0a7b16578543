"""What is found before anything is changed: what stands in the way, and where things stand."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msp.delivery.planning.plan import ReleasePlan
from msp.delivery.preflight.guards import Verdict
from msp.errors import MspError
from msp.rollouts.facts import Facts

if TYPE_CHECKING:
    from google.cloud.deploy_v1 import Release


@dataclass(frozen=True)
class Problem:
    """Something that stands in the way.

    Attributes:
        message: What it is: `target 'prod-us-central1' does not exist in project …`.
        hint: What to do about it, as a command where there is one: `make it: bazel run …`.
    """

    message: str
    hint: str = ""


class PreflightError(MspError):
    """The release can't be made. Nothing was changed.

    Attributes:
        problems: Everything that stands in the way.
    """

    def __init__(self, plan: ReleasePlan, problems: tuple[Problem, ...]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{plan.target} can't be released: {count}", hint="\n".join(map(_listed, problems)))
        self.problems = problems


@dataclass(frozen=True)
class Findings:
    """What was found.

    Attributes:
        plan: What was to be done, as the next release of its build where earlier ones could not be rendered.
        stages: The ids of the pipeline's targets, in order.
        existing: The release of the plan's id, where it is there already.
        facts: What is known of the pipeline's rollouts; None where one may not look.
        verdict: What the guards say to that.
        warnings: What is odd and doesn't stand in the way.
    """

    plan: ReleasePlan
    stages: tuple[str, ...]
    existing: "Release | None"
    facts: Facts | None
    verdict: Verdict
    warnings: tuple[str, ...]


def _listed(problem: Problem) -> str:
    lines = [f"- {problem.message}", *(f"  {line}" for line in problem.hint.splitlines())]
    return "\n".join(lines)
