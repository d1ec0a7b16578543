"""Makes a delivery pipeline what its specification says.

    bazel run //svc:pipeline.apply

Creates and updates what differs, uploads the source archive, and adds the access that Cloud Deploy itself manages. Run
again, it changes nothing. What the specification no longer has (targets, automations, freezes) stays, unless --prune is
given. What would make the pipeline less guarded than it is live (approval off, suspension off, fewer stages, a shorter
freeze, …) is refused, unless the specification says it in words or --allow_less_guarded is given.
"""

from typing import TYPE_CHECKING

from absl import flags

from msp.cli import entry, pipeline_flags
from msp.errors import MspError

if TYPE_CHECKING:
    from msp.pipeline.live.changes import PipelineChange
    from msp.pipeline.live.comparison import Comparison

_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Only say what would be changed.")
_PRUNE = flags.DEFINE_bool(
    "prune", False, "Also delete this service's targets, automations and freezes that the specification no longer has."
)
_ALLOW_LESS_GUARDED = flags.DEFINE_bool(
    "allow_less_guarded", False, "Also make what keeps releases back less than it does now; diff lists it."
)
flags.adopt_module_key_flags(pipeline_flags)  # so that --help shows them too


def main() -> int:
    """Applies."""
    spec, region = pipeline_flags.pipeline()

    from msp.pipeline.live import report
    from msp.pipeline.live.changes import PutResource
    from msp.pipeline.live.pipeline import LivePipeline

    endpoints = pipeline_flags.endpoints()
    live = LivePipeline(spec, region, endpoints, timeout=pipeline_flags.TIMEOUT.value)
    comparison = live.compare()
    kept, found = comparison.split(prune=_PRUNE.value)
    blocks = [report.listing(found)] if found else []
    blocks += [f"{report.headline(change)}\n    no longer in the specification; --prune deletes it" for change in kept]
    blocks += report.guards(comparison)
    if blocks:
        print("\n\n".join(blocks), end="\n\n", flush=True)
    if not _ALLOW_LESS_GUARDED.value:
        _refuse_less_guarded(comparison)
    if _DRY_RUN.value:
        print(f"{_count(found)}, not made (--dry_run)" if found else "nothing to change")
        return 0
    for number, change in enumerate(found, start=1):
        live.make(change)
        print(f"[{number}/{len(found)}] done: {report.headline(change)}", flush=True)
    print(f"{_count(found)} made" if found else "nothing to change")
    if any(change.makes_pipeline for change in found if isinstance(change, PutResource)):
        print("\nAccess to projects, buckets and service accounts is for their owners to give: iam.yaml lists it.")
    return 0


def _refuse_less_guarded(comparison: "Comparison") -> None:
    if not (asked := comparison.unspecified(prune=_PRUNE.value)):
        return

    from msp.pipeline.live import report

    raise MspError(
        "nothing was changed: the pipeline would be less guarded than it is\n"
        + "\n".join(f"  {report.weakening(found)}" for found in asked),
        hint=f"if that is meant: {pipeline_flags.again('apply', '--allow_less_guarded')}",
    )


def _count(found: "tuple[PipelineChange, ...]") -> str:
    return "1 change" if len(found) == 1 else f"{len(found)} changes"


if __name__ == "__main__":
    entry.run(main)
