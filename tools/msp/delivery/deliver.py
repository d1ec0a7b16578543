"""A deployment from its plan to its end: preflight beside the push, then the release, then the first rollout.

Each step is safe to repeat: the same plan carried out twice, in two places at once, or again after it was killed at any
point, ends in one release.
"""

import dataclasses
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msp.ci.git import Git, ancestry
from msp.delivery import rollout as rollouts
from msp.delivery.clients import Clients
from msp.delivery.gated_push import GatedPush
from msp.delivery.image_push import ImagePush
from msp.delivery.outcome import (
    ALREADY_DEPLOYED,
    SUPERSEDED,
    DeliveryError,
    GuardError,
    InterruptedDeliveryError,
    Outcome,
)
from msp.delivery.planning.plan import ReleasePlan
from msp.delivery.preflight.findings import Findings, PreflightError, Problem
from msp.delivery.preflight.guards import Ruling, Verdict, judge
from msp.delivery.preflight.preflight import Preflight, read_facts
from msp.delivery.preflight.repository import refusal
from msp.delivery.release import make_release
from msp.delivery.report import events
from msp.delivery.request import Settings
from msp.errors import MspError
from msp.gcp.deadline import NO_DEADLINE, Deadline
from msp.gcp.errors import FailedPreconditionError, PermissionDeniedError
from msp.gcp.messages import enum_name, last_part
from msp.image.errors import RegistryError
from msp.image.layout import LayoutError
from msp.rollouts.conversion import to_rollout
from msp.rollouts.facts import Facts

if TYPE_CHECKING:
    from google.cloud.deploy_v1 import Rollout

_log = logging.getLogger(__name__)


class Delivery:
    """One deployment.

    Args:
        plan: The release and its first rollout, with every name final.
        image: Brings the image to its repository.
        clients: Cloud Deploy's, the registry's and the others', of the plan's project and region.
        report: Is told of each event.
        git: Knows which of two commits is older, where it knows both.
        settings: Whether and how long to wait, and whether to release what runs already.
        now: Tells the time, in UTC.
    """

    def __init__(
        self,
        plan: ReleasePlan,
        image: ImagePush,
        clients: Clients,
        *,
        report: events.Report,
        git: Git,
        settings: Settings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._plan = plan
        self._image = image
        self._clients = clients
        self._report = report
        self._ancestry = ancestry(git)
        self._now = now
        self._settings = settings
        self._standing: list[str] = []
        self._push: GatedPush | None = None

    def run(self) -> Outcome:
        """Deploys.

        Returns:
            How it ended; its exit code tells whether the rollout failed.

        Raises:
            PreflightError: Something stands in the way; nothing was changed.
            GuardError: Somebody or something has to let it through first.
            DeliveryError: It could not be brought to its end; the hint says what stands and how to go on.
        """
        self._report(events.Planned(self._plan))
        try:
            outcome = self._run()
        except (PreflightError, GuardError) as error:
            self._report(events.Failed(self._plan, error))
            raise
        except KeyboardInterrupt:
            stopped = InterruptedDeliveryError("interrupted", hint=self._how_to_go_on())
            self._report(events.Failed(self._plan, stopped))
            raise stopped from None
        except MspError as error:
            failure = DeliveryError(error.message, hint=f"{error.hint}\n{self._how_to_go_on()}".strip())
            failure.exit_code = error.exit_code
            self._report(events.Failed(self._plan, failure))
            raise failure from error
        self._report(events.Finished(outcome))
        return outcome

    def _run(self) -> Outcome:
        deadline = Deadline.after(self._settings.timeout)
        self._clients = self._clients.within(deadline)
        began = time.perf_counter()
        with GatedPush(self._image, self._plan, self._clients, deadline) as push:
            self._push = push
            found = self._look(push)
            _log.debug("preflight took %.3f s", time.perf_counter() - began)
            if ended := self._ended(found.verdict, found):
                return ended
            digest = self._pushed(push)
            _log.debug("the push took %.3f s, beside preflight", time.perf_counter() - began)
        news = digest != self._plan.digest
        self._plan = dataclasses.replace(self._plan, digest=digest)
        self._standing.append(f"{self._plan.reference} is pushed")
        self._report(events.Pushed(self._plan))
        # By the image there is more to tell.
        if news and found.facts is not None and (ended := self._ended(self._judge(found.facts, self._plan), found)):
            return ended
        return self._release(found, deadline)

    def _look(self, push: GatedPush) -> Findings:
        try:
            found = Preflight(self._plan, self._clients, judge=self._judge, now=self._now()).run()
        except PreflightError as error:
            # What the registry says may only follow from what preflight has found; the image is another matter.
            if isinstance(push.error, LayoutError):
                also = Problem(push.error.message, push.error.hint)
                raise PreflightError(self._plan, tuple(dict.fromkeys((*error.problems, also)))) from error
            raise
        self._plan = found.plan
        ruling = found.verdict.ruling
        if ruling in {Ruling.GO_ON, Ruling.NOTHING_TO_DO}:
            # Where it ends at once, the outcome tells what the guards have noted.
            noted = found.verdict.notes if ruling is Ruling.GO_ON else ()
            self._report(events.PreflightPassed((*found.warnings, *noted)))
        return found

    def _pushed(self, push: GatedPush) -> str:
        try:
            return push.finish()
        except RegistryError as error:
            if not push.wrote and (why := refusal(self._plan, self._clients)):
                raise PreflightError(self._plan, (why,)) from error
            raise

    def _judge(self, facts: Facts, plan: ReleasePlan) -> Verdict:
        return judge(facts, plan, self._ancestry, force=self._settings.force)

    def _ended(self, verdict: Verdict, found: Findings, *, created: bool = False) -> Outcome | None:
        """The end, where the guards let it go no further: well where nothing is left to do.

        Raises:
            GuardError: Somebody or something has to let it through first.
        """
        plan, ruling = self._plan, verdict.ruling
        if ruling is Ruling.GO_ON:
            return None
        by = verdict.rollout if ruling in {Ruling.NOTHING_TO_DO, Ruling.SUPERSEDED} else None
        newer = by.release if by and ruling is Ruling.SUPERSEDED else ""
        if by is None or (newer and not self._settings.if_newer):
            hint = "\n".join([*self._standing, verdict.hint])
            raise GuardError(verdict.message, hint=hint, state=ruling, superseded_by=newer)
        own = by.release == plan.release
        return Outcome(
            plan=plan,
            stages=found.stages,
            state=SUPERSEDED if newer else "SUCCEEDED" if own else ALREADY_DEPLOYED,
            release=plan.release if created else by.release,
            rollout="" if created else by.id,
            created=created,
            notes=verdict.notes,
            superseded_by=newer,
            later=verdict.later,
        )

    def _judged_again(self) -> Verdict:
        """What the guards say at this moment."""
        try:
            return self._judge(read_facts(self._plan, self._clients, self._now()), self._plan)
        except PermissionDeniedError:
            return Verdict()  # Preflight has said so.

    def _release(self, found: Findings, deadline: Deadline) -> Outcome:
        plan = self._plan
        began = time.perf_counter()
        _, created = make_release(plan, self._clients, found.existing)
        _log.debug("the release took %.3f s", time.perf_counter() - began)
        self._standing.append(f"release {plan.release} is made")
        self._report(events.Released(plan, created))
        verdict = self._judged_again()
        # A run of the same build that was quicker is no hindrance, and its rollout is taken up.
        if verdict.ruling is not Ruling.NOTHING_TO_DO and (ended := self._ended(verdict, found, created=created)):
            return ended
        outcome = Outcome(plan, found.stages, "FAILED", plan.release, created=created)
        try:
            rollout, _ = rollouts.begin_rollout(
                plan, found.stages[0], self._clients, taken_up=not created, force=self._settings.force
            )
        except FailedPreconditionError as error:
            # A freeze or a suspension of this moment is to be waited for.
            if (verdict := self._judged_again()).ruling is Ruling.BLOCKED:
                self._ended(verdict, found)
            # Most often because the release could not be rendered, which can be over before a rollout is asked for.
            return dataclasses.replace(outcome, failure=error.message)
        rollout = self._followed(rollout, deadline)
        outcome = dataclasses.replace(outcome, state=enum_name(rollout, "state"), rollout=last_part(rollout.name))
        if outcome.exit_code:
            failed_job = outcome.state == "FAILED" and to_rollout(rollout).job != ""
            why = rollouts.failure(plan, rollout, self._clients)
            outcome = dataclasses.replace(outcome, failure=why, retriable=failed_job)
        return outcome

    def _followed(self, rollout: "Rollout", deadline: Deadline) -> "Rollout":
        """The rollout at its end, or as it was begun where nobody waits."""
        self._standing.append(f"rollout {last_part(rollout.name)} goes on in Cloud Deploy by itself")
        self._report(events.RolloutSeen(rollout))
        if not self._settings.wait:
            return rollout
        return rollouts.follow(
            rollout,
            self._clients.within(NO_DEADLINE),  # What is late is the rollout, not an answer.
            timeout=deadline.left,
            seen=lambda seen: self._report(events.RolloutSeen(seen)),
        )

    def _how_to_go_on(self) -> str:
        tag = "no tag was written"
        if self._push is not None and self._push.wrote:
            tag = f"whether {self._plan.image}:{self._plan.tag} was pushed isn't known"
        stands = self._standing or [f"nothing was released, and {tag}"]
        return "\n".join([*stands, f"to go on from there: {self._plan.rerun}"])
