"""Who is told what a deployment does."""

from collections.abc import Sequence
from typing import Protocol

from msp.delivery.outcome import Outcome
from msp.delivery.planning.plan import ReleasePlan
from msp.delivery.preflight.findings import Survey
from msp.errors import MspError
from msp.gcp.deploy_resources import Rollout


class Reporter(Protocol):
    """Is told of each step; only `failed` and `finished` end a deployment, and one of them always does."""

    def planned(self, plan: ReleasePlan) -> None:
        """This will be done."""

    def surveyed(self, survey: Survey) -> None:
        """Nothing stands in the way."""

    def pushed(self, plan: ReleasePlan) -> None:
        """The image is in its repository, and its digest is known."""

    def released(self, plan: ReleasePlan, *, created: bool) -> None:
        """The release is there: made now, or taken up."""

    def rolling(self, rollout: Rollout) -> None:
        """The rollout stands so; told at each look."""

    def finished(self, outcome: Outcome) -> None:
        """The deployment has ended; also where its rollout failed."""

    def failed(self, plan: ReleasePlan, error: MspError) -> None:
        """The deployment has ended by an error, which somebody else prints."""


class Reporters:
    """Tells several."""

    def __init__(self, reporters: Sequence[Reporter]) -> None:
        self._reporters = reporters

    def planned(self, plan: ReleasePlan) -> None:
        """As `Reporter.planned`."""
        for reporter in self._reporters:
            reporter.planned(plan)

    def surveyed(self, survey: Survey) -> None:
        """As `Reporter.surveyed`."""
        for reporter in self._reporters:
            reporter.surveyed(survey)

    def pushed(self, plan: ReleasePlan) -> None:
        """As `Reporter.pushed`."""
        for reporter in self._reporters:
            reporter.pushed(plan)

    def released(self, plan: ReleasePlan, *, created: bool) -> None:
        """As `Reporter.released`."""
        for reporter in self._reporters:
            reporter.released(plan, created=created)

    def rolling(self, rollout: Rollout) -> None:
        """As `Reporter.rolling`."""
        for reporter in self._reporters:
            reporter.rolling(rollout)

    def finished(self, outcome: Outcome) -> None:
        """As `Reporter.finished`."""
        for reporter in self._reporters:
            reporter.finished(outcome)

    def failed(self, plan: ReleasePlan, error: MspError) -> None:
        """As `Reporter.failed`."""
        for reporter in self._reporters:
            reporter.failed(plan, error)


class Ignore:
    """Hears what it is told, and does nothing; a base for those whom only some of it concerns."""

    def planned(self, plan: ReleasePlan) -> None:
        """Nothing."""

    def surveyed(self, survey: Survey) -> None:
        """Nothing."""

    def pushed(self, plan: ReleasePlan) -> None:
        """Nothing."""

    def released(self, plan: ReleasePlan, *, created: bool) -> None:
        """Nothing."""

    def rolling(self, rollout: Rollout) -> None:
        """Nothing."""

    def finished(self, outcome: Outcome) -> None:
        """Nothing."""

    def failed(self, plan: ReleasePlan, error: MspError) -> None:
        """Nothing."""
