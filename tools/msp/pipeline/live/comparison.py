"""What comparing a pipeline with its specification has found."""

from dataclasses import dataclass

from msp.pipeline.live.changes import DeleteResource, PipelineChange
from msp.pipeline.live.guards import LessGuarded
from msp.pipeline.resources import Guard


@dataclass(frozen=True)
class Comparison:
    """A pipeline's specification compared with what is live.

    Attributes:
        changes: What differs, in the order in which it can be made.
        less_guarded: By what of it the pipeline would keep releases back less than it does.
        kept: The guards that stay, though the specification is silent on them: a resource's full name, and which.
    """

    changes: tuple[PipelineChange, ...]
    less_guarded: tuple[LessGuarded, ...]
    kept: tuple[tuple[str, Guard], ...]

    def split(self, *, prune: bool) -> tuple[tuple[PipelineChange, ...], tuple[PipelineChange, ...]]:
        """The changes that are left alone and those that are made: deletions are made only with `prune`."""
        kept = tuple(change for change in self.changes if isinstance(change, DeleteResource) and not prune)
        return kept, tuple(change for change in self.changes if change not in kept)

    def unspecified(self, *, prune: bool) -> tuple[LessGuarded, ...]:
        """What the specification does not say in words, so that a flag has to; of deletions, with `prune` only."""
        return tuple(found for found in self.less_guarded if not found.specified and (prune or not found.pruned))
