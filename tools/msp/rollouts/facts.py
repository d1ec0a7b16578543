"""What is known of one service's pipeline at one moment: frozen values that every verdict is a function of.

Nothing here asks or computes; `reading` fills it from Cloud Deploy, and a test makes a thousand in a second. What isn't
known is empty, or None where empty would mean something.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from msp.deploy_policies.policy import Policy
from msp.deploy_policies.selection import ResourceSelector
from msp.rollouts.states import ApprovalState, RenderState, RolloutState


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the pipeline, with its target as it is now.

    Attributes:
        target: The target's id: `prod-us-central1`.
        category: What the specification says of its environment: `external`; empty where the target doesn't say.
        require_approval: Whether releases that are made from now on will need an approval here.
        not_author: Whether the approval is to come from somebody else than the commit's author.
        labels: The target's.
        exists: Whether there is a target of that id, as far as targets could be read.
    """

    target: str
    category: str = ""
    require_approval: bool = False
    not_author: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    exists: bool = True


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A delivery pipeline.

    Attributes:
        id: `msp-example-us-central1-rollout`.
        stages: In order.
        suspended: Whether it refuses new releases and rollouts.
        labels: Its own.
        reason: Why it is suspended, where whoever did it has said so.
    """

    id: str
    stages: tuple[Stage, ...] = ()
    suspended: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """A release.

    Attributes:
        id: `deploy-0123456789ab-42`.
        created: When it was made.
        digest: The image's, `sha256:…`; empty where the release goes by the tag alone.
        tag: The image's.
        commit: The full hash.
        subject: The first line of the commit's message.
        author: Who wrote the commit.
        released_by: Who released it.
        build_number: The CI's, `42`; on a laptop the time.
        build_url: The build's page; empty where no CI built it.
        render_state: How far its rendering has come.
        render_failure: Why it could not be rendered.
        abandoned: Whether it can't be rolled out any more.
        approvals: The targets for which it needs an approval: as they were when it was made, which is what counts.
    """

    id: str
    created: datetime
    digest: str = ""
    tag: str = ""
    commit: str = ""
    subject: str = ""
    author: str = ""
    released_by: str = ""
    build_number: str = ""
    build_url: str = ""
    render_state: RenderState = RenderState.SUCCEEDED
    render_failure: str = ""
    abandoned: bool = False
    approvals: frozenset[str] = frozenset()


class RolloutKey(NamedTuple):
    """What names a rollout within its pipeline: a rollout's id is its own only within its release."""

    release: str
    rollout: str


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout of a release to a target.

    Attributes:
        id: `deploy-0123456789ab-42-to-prod-us-central1-0001`.
        release: The release's id.
        target: The target's id.
        created: When it was asked for.
        state: Where it stands.
        approval: What has become of its approval.
        started: When it began to deploy; None where it hasn't.
        ended: When it was through with deploying.
        rollback_of: The rollout that this one rolls back.
        rolled_back_by: The rollouts that rolled this one back.
        rolls_back_release: The release that this one takes off its target, where it was asked for as a rollback and
            Cloud Deploy doesn't know it: gcloud's is a rollout with a description.
        failure_cause: The API's word: `EXECUTION_FAILED`; empty where it has none.
        failure: What Cloud Deploy says about it.
        phase: The id of the phase under way, or that failed.
        job: The id of the job under way, or that failed.
        reason: Why somebody asked for it, where that was said.
        by: Who asked for it, where that was said.
        automation: Whether an automation promoted it.
    """

    id: str
    release: str
    target: str
    created: datetime
    state: RolloutState = RolloutState.SUCCEEDED
    approval: ApprovalState = ApprovalState.DOES_NOT_NEED_APPROVAL
    started: datetime | None = None
    ended: datetime | None = None
    rollback_of: RolloutKey | None = None
    rolled_back_by: tuple[RolloutKey, ...] = ()
    rolls_back_release: str = ""
    failure_cause: str = ""
    failure: str = ""
    phase: str = ""
    job: str = ""
    reason: str = ""
    by: str = ""
    automation: bool = False

    @property
    def key(self) -> RolloutKey:
        """Its name within the pipeline."""
        return RolloutKey(self.release, self.id)


@dataclass(frozen=True, slots=True)
class Promotion:
    """Where an automation takes what succeeded.

    Attributes:
        destination: A target's id; empty or `@next` for the stage after the one where it succeeded.
        wait: How long after.
        schedule: At which times instead, as in a crontab; empty where it goes by `wait`.
        zone: The schedule's time zone.
    """

    destination: str = "@next"
    wait: timedelta = timedelta(0)
    schedule: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Automation:
    """An automation that promotes.

    Attributes:
        id: `promote-staging-us-central1`.
        sources: Which targets it takes releases from, one matching is enough.
        promotions: Where to.
        suspended: Whether it stands still.
        reason: Why it was held, where whoever did it has said so.
        by: Who held it.
        since: When.
    """

    id: str
    sources: tuple[ResourceSelector, ...]
    promotions: tuple[Promotion, ...] = (Promotion(),)
    suspended: bool = False
    reason: str = ""
    by: str = ""
    since: datetime | None = None


Part = Literal["targets", "policies", "automations"]
"""What a reader of rollouts may not be allowed to see."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of one service's pipeline.

    Attributes:
        pipeline: The pipeline.
        now: When this was read.
        releases: The newest first; older ones may be missing.
        rollouts: The newest first; older ones may be missing, but see `cut`.
        policies: Those of the location, whether they concern the pipeline or not.
        automations: The pipeline's, as far as they promote.
        cut: Targets with more rollouts than were read: that nothing ran there before is not known of these.
        unread: What could not be read for lack of permission.
    """

    pipeline: Pipeline
    now: datetime
    releases: tuple[Release, ...] = ()
    rollouts: tuple[Rollout, ...] = ()
    policies: tuple[Policy, ...] = ()
    automations: tuple[Automation, ...] = ()
    cut: frozenset[str] = frozenset()
    unread: frozenset[Part] = frozenset()

    def release(self, release_id: str) -> Release | None:
        """The release of that id, where it was read."""
        return next((release for release in self.releases if release.id == release_id), None)

    def stage(self, target: str) -> Stage | None:
        """The stage of that target; None where the pipeline has none."""
        return next((stage for stage in self.pipeline.stages if stage.target == target), None)

    def rollouts_to(self, target: str) -> tuple[Rollout, ...]:
        """The rollouts to a target, the newest first."""
        return tuple(rollout for rollout in self.rollouts if rollout.target == target)

    def same_image(self, release: str, digest: str = "") -> frozenset[str]:
        """The ids of all releases that deploy the same image as one does, its own among them.

        Args:
            release: Its id; it need not exist yet.
            digest: Its image's; by default what the release of that id says.
        """
        known = self.release(release)
        digest = digest or (known.digest if known else "")
        return frozenset({release, *(each.id for each in self.releases if digest and each.digest == digest)})
