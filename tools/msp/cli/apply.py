"""Makes a delivery pipeline what its specification says.

    bazel run //svc:pipeline.apply

Creates and updates what differs, uploads the source archive, and adds the access that Cloud Deploy itself manages. Run
again, it changes nothing. Targets and automations that the specification no longer has stay, unless --prune is given.
"""

from typing import TYPE_CHECKING

from absl import flags

from msp.cli import entry, pipeline_flags

if TYPE_CHECKING:
    from msp.pipeline.live.changes import Change

_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Only say what would be changed.")
_PRUNE = flags.DEFINE_bool(
    "prune", False, "Also delete this service's targets and automations that the specification no longer has."
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
    kept, found = live.split(live.changes(), prune=_PRUNE.value)
    blocks = [report.listing(found)] if found else []
    blocks += [f"{report.headline(change)}\n    no longer in the specification; --prune deletes it" for change in kept]
    if blocks:
        print("\n\n".join(blocks), end="\n\n", flush=True)
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


def _count(found: "tuple[Change, ...]") -> str:
    return "1 change" if len(found) == 1 else f"{len(found)} changes"


if __name__ == "__main__":
    entry.run(main)
