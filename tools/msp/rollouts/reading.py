"""Gathers facts from Cloud Deploy, in few calls.

One service takes six, all at once if the caller likes: its pipeline, its automations, its releases, its rollouts, and
its location's targets and policies. Many services of a location share the last two, and take one for all pipelines, so
that each adds three. Lists end at a bound; where that cuts off what a stage runs, one more call asks for that stage.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from msp.deploy_policies.conversion import to_policy
from msp.gcp.errors import NotFoundError, PermissionDeniedError
from msp.rollouts.conversion import to_automation, to_pipeline, to_release, to_rollout
from msp.rollouts.facts import Facts, Part, Release, Rollout
from msp.rollouts.last_good import way_back
from msp.rollouts.running import running

if TYPE_CHECKING:
    from google.cloud import deploy_v1

T = TypeVar("T")
Dated = TypeVar("Dated", Release, Rollout)

_NEWEST_FIRST = "createTime desc"

AtOnce = Callable[[Sequence[Callable[[], None]]], None]
"""Does things, at the same time or one after another; raises what one of them has raised."""


class DeployReads(Protocol):
    """Google's client, and how it is asked: again where that helps, in bounded time, with errors of ours."""

    @property
    def client(self) -> "deploy_v1.CloudDeployClient":
        """Google's own."""

    def read(self, method: Callable[..., Any], **fields: Any) -> Any:  # noqa: ANN401 (the method's)
        """What a method answers to a request of these fields."""

    def pages(self, method: Callable[..., Any], *, most: int | None = None, **fields: Any) -> Iterator[Any]:  # noqa: ANN401
        """What a listing method gives, over as many pages as it takes, `most` at most."""


@dataclass(frozen=True)
class Bounds:
    """How much history is read.

    Attributes:
        releases: Of a pipeline, the newest.
        rollouts: Of a pipeline, the newest.
        of_stage: Rollouts to a stage of which the pipeline's newest don't tell what it runs.
    """

    releases: int = 200
    rollouts: int = 200
    of_stage: int = 50


def one_after_another(tasks: Sequence[Callable[[], None]]) -> None:
    """Does things in their order."""
    for task in tasks:
        task()


class Reader:
    """Reads facts.

    Args:
        deploy: Whom to ask.
        bounds: How much.
        at_once: Does several calls; by default one after another.
    """

    def __init__(
        self,
        deploy: DeployReads,
        bounds: Bounds = Bounds(),
        at_once: AtOnce = one_after_another,
    ) -> None:
        self._deploy = deploy
        self._bounds = bounds
        self._at_once = at_once

    def pipeline(self, name: str, now: datetime) -> Facts:
        """The facts of one service.

        Args:
            name: The pipeline's full name: `projects/p/locations/us-central1/deliveryPipelines/svc-rollout`.
            now: The time, aware.

        Raises:
            NotFoundError: There is no such pipeline.
            RemoteError: Cloud Deploy refuses, or can't be reached. That targets, policies or automations may not be
                looked at is no error, and stands in the facts.
        """
        location = name.partition("/deliveryPipelines/")[0]
        pipeline = _Asked(lambda: self._deploy.read(self._deploy.client.get_delivery_pipeline, name=name))
        around = _Around(self._deploy, location)
        history = _History(self._deploy, name, self._bounds)
        self._at_once([pipeline, *around.questions, *history.questions])
        return self._facts(pipeline.answer, around, history, now)

    def location(
        self, name: str, now: datetime, wanted: "Callable[[deploy_v1.DeliveryPipeline], bool]" = lambda _: True
    ) -> tuple[Facts, ...]:
        """The facts of all services of a location, in the order of their pipelines' names.

        Args:
            name: `projects/p/locations/us-central1`.
            now: The time, aware.
            wanted: Which pipelines.

        Raises:
            RemoteError: As `pipeline`.
        """
        pipelines = _Asked(lambda: list(self._deploy.pages(self._deploy.client.list_delivery_pipelines, parent=name)))
        around = _Around(self._deploy, name)
        self._at_once([pipelines, *around.questions])
        chosen = sorted(filter(wanted, pipelines.answer), key=lambda pipeline: str(pipeline.name))
        histories = [_History(self._deploy, pipeline.name, self._bounds) for pipeline in chosen]
        self._at_once([question for history in histories for question in history.questions])
        found = [
            _Asked(partial(self._facts, pipeline, around, history, now))
            for pipeline, history in zip(chosen, histories, strict=True)
        ]
        self._at_once(found)
        return tuple(each.answer for each in found)

    def _facts(
        self, pipeline: "deploy_v1.DeliveryPipeline", around: "_Around", history: "_History", now: datetime
    ) -> Facts:
        targets, policies, automations = around.targets.answer, around.policies.answer, history.automations.answer
        unread: dict[Part, bool] = {
            "targets": targets is None,
            "policies": policies is None,
            "automations": automations is None,
        }
        rollouts, bound = history.rollouts.answer, self._bounds.rollouts
        found = to_pipeline(pipeline, targets)
        return self._completed(
            pipeline.name,
            Facts(
                pipeline=found,
                now=now,
                releases=_newest_first(to_release(each) for each in history.releases.answer),
                rollouts=_newest_first(to_rollout(each) for each in rollouts[:bound]),
                policies=tuple(to_policy(each) for each in policies or ()),
                automations=tuple(to_automation(each) for each in automations or ()),
                cut=frozenset(stage.target for stage in found.stages if len(rollouts) > bound),
                unread=frozenset(part for part, lacks in unread.items() if lacks),
            ),
        )

    def _completed(self, name: str, facts: Facts) -> Facts:
        """The facts with what lies beyond the lists' bounds, as far as verdicts need it."""
        asked = {t: _Asked(partial(self._rollouts_to, name, t)) for t in sorted(facts.cut) if not _is_told(facts, t)}
        self._at_once([*asked.values()])
        bound = self._bounds.of_stage
        rollouts = {each.key: each for each in facts.rollouts}
        rollouts |= {each.key: each for question in asked.values() for each in question.answer[:bound]}
        whole = {target for target, question in asked.items() if len(question.answer) <= bound}
        facts = replace(facts, rollouts=_newest_first(rollouts.values()), cut=facts.cut - whole)
        missing = [_Asked(partial(self._release, f"{name}/releases/{each}")) for each in sorted(_unknown(facts))]
        self._at_once(missing)
        found = [question.answer for question in missing if question.answer is not None]
        return replace(facts, releases=_newest_first([*facts.releases, *found])) if found else facts

    def _rollouts_to(self, pipeline: str, target: str) -> list[Rollout]:
        listed = self._deploy.pages(
            self._deploy.client.list_rollouts,
            most=self._bounds.of_stage + 1,
            parent=f"{pipeline}/releases/-",
            filter=f'targetId="{target}"',
            order_by=_NEWEST_FIRST,
        )
        return [to_rollout(each) for each in listed]

    def _release(self, name: str) -> Release | None:
        try:
            return to_release(self._deploy.read(self._deploy.client.get_release, name=name))
        except NotFoundError:
            return None


class _Asked(Generic[T]):
    """A question, and its answer once it was asked."""

    answer: T

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask

    def __call__(self) -> None:
        self.answer = self._ask()


class _Around:
    """What a location's pipelines share; None where one may not look."""

    def __init__(self, deploy: DeployReads, location: str) -> None:
        def listed(method: str) -> list[Any] | None:
            return _allowed(lambda: list(deploy.pages(getattr(deploy.client, method), parent=location)))

        self.targets = _Asked(partial(listed, "list_targets"))
        self.policies = _Asked(partial(listed, "list_deploy_policies"))
        self.questions = (self.targets, self.policies)


class _History:
    """What belongs to one pipeline; one rollout more than wanted, which tells that there are more."""

    def __init__(self, deploy: DeployReads, pipeline: str, bounds: Bounds) -> None:
        def newest(method: str, parent: str, most: int) -> list[Any]:
            listing = getattr(deploy.client, method)
            return list(deploy.pages(listing, most=most, parent=parent, order_by=_NEWEST_FIRST))

        def automations() -> list[Any] | None:
            return _allowed(lambda: list(deploy.pages(deploy.client.list_automations, parent=pipeline)))

        self.releases = _Asked(partial(newest, "list_releases", pipeline, bounds.releases))
        self.rollouts = _Asked(partial(newest, "list_rollouts", f"{pipeline}/releases/-", bounds.rollouts + 1))
        self.automations = _Asked(automations)
        self.questions = (self.releases, self.rollouts, self.automations)


def _allowed(ask: Callable[[], list[Any]]) -> list[Any] | None:
    try:
        return ask()
    except PermissionDeniedError:
        return None


def _newest_first(found: Iterable[Dated]) -> tuple[Dated, ...]:
    return tuple(sorted(found, key=lambda each: each.created, reverse=True))


def _is_told(facts: Facts, target: str) -> bool:
    """Whether the rollouts that were read tell what a target runs, and what it would go back to."""
    back = way_back(facts, target)
    return running(facts, target).rollout is not None and back is not None and back.to is not None


def _unknown(facts: Facts) -> set[str]:
    """Releases that were not read, of rollouts that verdicts are about."""
    wanted: set[str] = set()
    for stage in facts.pipeline.stages:
        there, back = running(facts, stage.target), way_back(facts, stage.target)
        rollouts = (there.rollout, there.failed, *there.coming, *((back.off, back.to) if back else ()))
        wanted |= {rollout.release for rollout in rollouts if rollout is not None}
    return wanted - {release.id for release in facts.releases}
