"""Cloud Deploy's state machines, put together."""

from random import Random

from msp.localcloud.clock import Clock
from msp.localcloud.deploy.actions import Actions
from msp.localcloud.deploy.automatic import Automatic
from msp.localcloud.deploy.automations import Automations
from msp.localcloud.deploy.catalog import Catalog
from msp.localcloud.deploy.execution import Executor
from msp.localcloud.deploy.iam import iam
from msp.localcloud.deploy.policies import Policies
from msp.localcloud.deploy.ports import Audit, Buckets, Images, NoAudit, NoServing, Pace, Serving
from msp.localcloud.deploy.progress import Progress
from msp.localcloud.deploy.releases import Releases
from msp.localcloud.deploy.repairs import Repairs
from msp.localcloud.deploy.resources import Resources
from msp.localcloud.deploy.rollbacks import Rollbacks
from msp.localcloud.deploy.rollouts import Rollouts
from msp.localcloud.deploy.timed_promotions import TimedPromotions
from msp.localcloud.engine import Engine
from msp.localcloud.faults import Faults
from msp.localcloud.operations import Operations
from msp.localcloud.store import Store


class Deploy:
    """All of Cloud Deploy; the table of methods binds to its parts.

    Args:
        store: Keeps everything.
        engine: Does what takes time.
        clock: Gives resources their timestamps.
        random: Makes uids.
        faults: Make renders and jobs fail.
        operations: Makes the long-running operations by which resources change.
        images: The registry in which deploys look for images.
        buckets: The buckets from which renders read sources.
        pace: How long things take.
        any_region: Whether there is a Cloud Deploy in every location, not only in Google's regions.
        audit: Where it is logged what automations do.
        serving: The Cloud Run that deploys change.
    """

    def __init__(
        self,
        *,
        store: Store,
        engine: Engine,
        clock: Clock,
        random: Random,
        faults: Faults,
        operations: Operations,
        images: Images,
        buckets: Buckets,
        pace: Pace,
        any_region: bool = False,
        audit: Audit | None = None,
        serving: Serving | None = None,
    ) -> None:
        self.automatic = Automatic(audit or NoAudit())
        self.any_region = any_region
        self.operations = operations
        self.resources = Resources(store, clock, random)
        self.iam = iam(self.resources)
        policies = Policies(self.resources)
        executor = Executor(images, buckets, faults, store, serving or NoServing())
        self.releases = Releases(self.resources, engine, executor, pace.render)
        progress = Progress(self.resources, engine, executor, pace.job)
        self.rollouts = Rollouts(self.resources, progress, policies)
        self.actions = Actions(self.resources, engine, progress, policies)
        self.rollbacks = Rollbacks(self.resources, self.rollouts)
        repairs = Repairs(self.resources, progress, self.actions, self.rollbacks, self.automatic)
        self.automations = Automations(
            self.resources,
            engine,
            progress=progress,
            rollouts=self.rollouts,
            actions=self.actions,
            repairs=repairs,
            automatic=self.automatic,
        )
        self.catalog = Catalog(self.resources, TimedPromotions(self.resources, engine, self.automations).plan)
        self.releases.listeners.append(self.rollouts.release_changed)
