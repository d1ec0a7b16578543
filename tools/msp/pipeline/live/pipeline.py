"""A specification beside what is live of it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from msp import names
from msp.gcp.endpoints import Endpoints
from msp.gcp.polling import Polling
from msp.pipeline import archive
from msp.pipeline.iam import bindings
from msp.pipeline.live.changes import PipelineChange, pipeline_changes, wanted_resources
from msp.pipeline.live.cloud import Cloud
from msp.pipeline.live.comparison import Comparison
from msp.pipeline.live.guards import less_guarded
from msp.pipeline.live.keep import kept_guards
from msp.pipeline.resources import resources
from msp.spec import Spec


class LivePipeline:
    """Compares a pipeline with what is live, and makes it so.

    Args:
        spec: A valid specification.
        region: The pipeline's region: `us-central1`.
        endpoints: Whose services are asked: Google's, or a local cloud's.
        timeout: Seconds that one operation of Cloud Deploy may take.
        polling: How often to look at an operation.
        now: Tells the time, aware.

    Raises:
        NoRolloutError: The specification has no `rollout`.
        InvalidNameError: The region does not exist, or a name would pass what Google's services take.
    """

    def __init__(
        self,
        spec: Spec,
        region: str,
        endpoints: Endpoints,
        *,
        timeout: float,
        polling: Polling | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._made = resources(spec, region)
        self._rows = bindings(spec, self._made)
        self._archive = archive.source_archive(self._made.action_image)
        self._endpoints = endpoints
        self._timeout = timeout
        self._polling = polling
        self._now = now
        self._connected: Cloud | None = None

    def names(self) -> Iterator[str]:
        """Everything that is compared, without looking at it."""
        yield names.source_uri(self._made.project)
        yield from (names.short_name(message.name) for message in wanted_resources(self._made))

    def compare(self) -> Comparison:
        """What differs, and what it would do to the pipeline's guards.

        Raises:
            CloudError: Something could not be read.
            ForeignPolicyError: A freeze's name is that of a deploy policy that is not the specification's.
        """
        live = self._cloud().read()
        changes = pipeline_changes(self._made, self._rows, self._archive, live)
        return Comparison(changes, less_guarded(self._made, live, changes), tuple(kept_guards(self._made, live)))

    def changes(self) -> tuple[PipelineChange, ...]:
        """What differs, in the order in which it can be mended.

        Raises:
            RemoteError: Something could not be read.
        """
        return self.compare().changes

    def make(self, change: PipelineChange) -> None:
        """Makes one change and waits until it is done.

        Raises:
            RemoteError: It was refused or could not be made.
            PollTimeoutError: It did not end in time.
        """
        self._cloud().make(change, self._archive)

    def _cloud(self) -> Cloud:
        if self._connected is None:
            self._connected = Cloud(
                self._endpoints, self._made, timeout=self._timeout, polling=self._polling, now=self._now
            )
        return self._connected
