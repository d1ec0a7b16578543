"""Histories of one pipeline, written down as they happened."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from msp.deploy_policies.policy import Policy
from msp.rollouts.facts import Automation, Facts, Pipeline, Release, Rollout, Stage
from msp.rollouts.states import RolloutState

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
STAGES = (
    Stage("staging", category="test", labels={"msp-category": "test"}),
    Stage("prod", category="external", labels={"msp-category": "external"}),
)


@dataclass
class History:
    """A pipeline of two stages, to which things happen a minute apart."""

    stages: tuple[Stage, ...] = STAGES
    releases: dict[str, Release] = field(default_factory=dict)
    rollouts: list[Rollout] = field(default_factory=list)
    now: datetime = START

    def release(self, name: str, **fields: Any) -> Release:
        """A release made now; its commit is called as it is."""
        self.now += timedelta(minutes=1)
        fields = {"digest": f"sha256:{name}", "commit": name, **fields}
        self.releases[name] = Release(name, self.now, **fields)
        return self.releases[name]

    def rollout(
        self, release: str, target: str = "prod", state: str = "SUCCEEDED", *, began: bool | None = None, **fields: Any
    ) -> Rollout:
        """A rollout asked for now, which began a second later if it ever did."""
        if release not in self.releases:
            self.release(release)
        self.now += timedelta(minutes=1)
        became = RolloutState(state)
        began = not (became.waits or became is RolloutState.APPROVAL_REJECTED) if began is None else began
        started = self.now + timedelta(seconds=1) if began else None
        ended = self.now + timedelta(seconds=30) if began and not became.under_way else None
        made = Rollout(
            id=f"{release}-to-{target}-{len(self.rollouts) + 1:04d}",
            release=release,
            target=target,
            created=self.now,
            state=became,
            **{"started": started, "ended": ended, **fields},
        )
        self.rollouts.append(made)
        return made

    def roll_back(self, rollout: Rollout, to: str, state: str = "SUCCEEDED", **fields: Any) -> Rollout:
        """A rollback as the API's RollbackTarget does it: each of the two rollouts names the other."""
        made = self.rollout(to, rollout.target, state, rollback_of=rollout.key, **fields)
        self.change(rollout, rolled_back_by=(made.key,))
        return made

    def change(self, rollout: Rollout, **fields: Any) -> Rollout:
        """What has become of a rollout."""
        place = next(index for index, each in enumerate(self.rollouts) if each.key == rollout.key)
        self.rollouts[place] = replace(self.rollouts[place], **fields)
        return self.rollouts[place]

    def abandon(self, release: str) -> None:
        self.releases[release] = replace(self.releases[release], abandoned=True)

    def facts(
        self,
        *,
        policies: tuple[Policy, ...] = (),
        automations: tuple[Automation, ...] = (),
        cut: frozenset[str] = frozenset(),
    ) -> Facts:
        return Facts(
            pipeline=Pipeline("svc-rollout", self.stages, labels={"msp-service": "svc"}),
            now=self.now,
            releases=tuple(sorted(self.releases.values(), key=lambda each: each.created, reverse=True)),
            rollouts=tuple(sorted(self.rollouts, key=lambda each: each.created, reverse=True)),
            policies=policies,
            automations=automations,
            cut=cut,
        )


@pytest.fixture
def history() -> History:
    return History()


@pytest.fixture
def make_history() -> type[History]:
    return History
