"""A deployment from its plan to its end: preflight beside the push, then the release, then the first rollout.

Each step is safe to repeat: the same plan carried out twice, in two places at once, or again after it was killed at any
point, ends in one release.
"""

import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from msp.ci.git import Git
from msp.delivery import rollout as rollouts
from msp.delivery.clients import Clients
from msp.delivery.image_push import ImagePush
from msp.delivery.outcome import ALREADY_DEPLOYED, DeliveryError, InterruptedDeliveryError, Outcome
from msp.delivery.planning.plan import ReleasePlan
from msp.delivery.preflight.findings import PreflightError, Problem, Running, Survey
from msp.delivery.preflight.preflight import Preflight
from msp.delivery.release import make_release
from msp.delivery.report import events
from msp.errors import MspError
from msp.gcp.errors import FailedPreconditionError
from msp.gcp.messages import enum_name, last_part
from msp.image.layout import LayoutError
from msp.image.upload import StoppedError

_log = logging.getLogger(__name__)

# What a push that is told to stop may take until it does.
_STOP_SECONDS = 2.0


@dataclass(frozen=True)
class Settings:
    """How to deploy.

    Attributes:
        wait: Whether to wait until the first rollout has ended.
        timeout: Seconds to wait for it.
        force: Release even though the first stage already runs this image.
        make_pipeline: The command that makes the pipeline, for hints.
    """

    wait: bool = True
    timeout: float = 1800.0
    force: bool = False
    make_pipeline: str = "bazel run //tools:apply -- --spec=service.yaml"


class Delivery:
    """One deployment.

    Args:
        plan: The release and its first rollout, with every name final.
        image: Brings the image to its repository.
        clients: Cloud Deploy's, the registry's and the others', of the plan's project and region.
        report: Is told of each event.
        git: Knows which of two commits is older, where it knows both.
        settings: Whether and how long to wait, and whether to release what runs already.
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
    ) -> None:
        self._plan = plan.with_digest(image.digest) if image.digest else plan
        self._image = image
        self._clients = clients
        self._report = report
        self._git = git
        self._settings = settings
        self._standing: list[str] = []
        self._push: _Push | None = None

    def run(self) -> Outcome:
        """Deploys.

        Returns:
            How it ended; its exit code tells whether the rollout failed.

        Raises:
            PreflightError: Something stands in the way; nothing was changed.
            DeliveryError: It could not be brought to its end; the hint says what stands and how to go on.
        """
        self._report(events.Planned(self._plan))
        try:
            outcome = self._run()
        except PreflightError as error:
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
        push = self._push = _Push(self._image, self._plan, self._clients)
        began = time.perf_counter()
        try:
            survey = self._look(push)
            _log.debug("preflight took %.3f s", time.perf_counter() - began)
            if found := self._deployed_already(survey):
                return found
            digest = push.finish()
            _log.debug("the push took %.3f s, beside preflight", time.perf_counter() - began)
        except BaseException:
            push.stop()
            raise
        if not self._plan.digest:
            self._plan = self._plan.with_digest(digest)
        self._standing.append(f"{self._plan.reference} is pushed")
        self._report(events.Pushed(self._plan))
        return self._deployed_already(survey) or self._release(survey)

    def _look(self, push: "_Push") -> Survey:
        try:
            survey = Preflight(self._plan, self._clients, self._settings.make_pipeline).run()
        except PreflightError as error:
            # What the registry says may only follow from what preflight has found; the image is another matter.
            if isinstance(push.error, LayoutError):
                also = Problem(push.error.message, push.error.hint)
                raise PreflightError(self._plan, tuple(dict.fromkeys((*error.problems, also)))) from error
            raise
        if survey.running and self._is_older(survey.running):
            warning = (
                f"{survey.stages[0]} runs commit {survey.running.commit[:12]} ({survey.running.release}), which is "
                f"newer than this one, {self._plan.build.commit[:12]}: this takes it back"
            )
            survey = dataclasses.replace(survey, warnings=(*survey.warnings, warning))
        self._report(events.PreflightPassed(survey.warnings))
        return survey

    def _is_older(self, running: Running) -> bool:
        mine = self._plan.build.commit
        if not running.commit or running.commit == mine or running.commit.startswith("-"):
            return False
        return self._git("merge-base", "--is-ancestor", mine, running.commit) is not None

    def _deployed_already(self, survey: Survey) -> Outcome | None:
        """The end, where the first stage runs this image and nobody wants it again."""
        running = survey.running
        if self._settings.force or not self._plan.digest or running is None or running.digest != self._plan.digest:
            return None
        own = running.release == self._plan.release
        return Outcome(
            plan=self._plan,
            stages=survey.stages,
            state="SUCCEEDED" if own else ALREADY_DEPLOYED,
            release=running.release,
            rollout=running.rollout,
        )

    def _release(self, survey: Survey) -> Outcome:
        plan, target = self._plan, survey.stages[0]
        began = time.perf_counter()
        _, created = make_release(plan, self._clients, survey.existing)
        _log.debug("the release took %.3f s", time.perf_counter() - began)
        self._standing.append(f"release {plan.release} is made")
        self._report(events.Released(plan, created))
        try:
            rollout, _ = rollouts.begin_rollout(
                plan, target, self._clients, taken_up=not created, force=self._settings.force
            )
        except FailedPreconditionError as error:
            # Most often because the release could not be rendered, which can be over before a rollout is asked for.
            return Outcome(plan, survey.stages, "FAILED", plan.release, created=created, failure=error.message)
        self._standing.append(f"rollout {last_part(rollout.name)} goes on in Cloud Deploy by itself")
        self._report(events.RolloutSeen(rollout))
        if self._settings.wait:
            rollout = rollouts.follow(
                rollout,
                self._clients,
                timeout=self._settings.timeout,
                seen=lambda found: self._report(events.RolloutSeen(found)),
            )
        state, rollout_id = enum_name(rollout, "state"), last_part(rollout.name)
        outcome = Outcome(plan, survey.stages, state, plan.release, rollout_id, created)
        if outcome.exit_code:
            outcome = dataclasses.replace(outcome, failure=rollouts.failure(plan, rollout, self._clients))
        return outcome

    def _how_to_go_on(self) -> str:
        tag = "no tag was written"
        if self._push is not None and self._push.wrote:
            tag = f"whether {self._plan.image}:{self._plan.tag} was pushed isn't known"
        stands = self._standing or [f"nothing was released, and {tag}"]
        return "\n".join([*stands, f"to go on from there: {self._plan.rerun}"])


class _Push:
    """The push, in a thread of its own; it writes no manifest before it is told to finish.

    The thread is a daemon: an interrupted program ends without waiting for the network.

    Attributes:
        error: What the push ended by, where that was an error for the user.
        wrote: Whether a manifest may have been written, whatever became of the answer.
    """

    def __init__(self, image: ImagePush, plan: ReleasePlan, clients: Clients) -> None:
        self.error: MspError | None = None
        self.wrote = False
        self._gate_lock = threading.Lock()
        self._image = image
        self._failure: BaseException | None = None
        self._digest = ""
        self._told = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(lambda: image.run(plan, clients, gate=self._gate, stop=self._stop),), daemon=True
        )
        self._thread.start()

    def finish(self) -> str:
        """Lets manifests through and waits for the end. Returns the digest; raises what the push raised."""
        self._told.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._digest

    def stop(self) -> None:
        """Has it end soon."""
        with self._gate_lock:
            self._stop.set()
        self._told.set()
        self._thread.join(_STOP_SECONDS)
        self._image.close()

    def _gate(self) -> None:
        self._told.wait()
        with self._gate_lock:
            if self._stop.is_set():
                raise StoppedError("the push was stopped")
            self.wrote = True

    def _run(self, push: Callable[[], str]) -> None:
        try:
            self._digest = push()
        except MspError as error:
            self.error = self._failure = error
        except BaseException as error:  # It is raised again in the caller's thread.
            self._failure = error
