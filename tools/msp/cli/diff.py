"""Compares a delivery pipeline with what is live.

    bazel run //svc:pipeline.diff

Prints every difference and ends with 1 if there is any, with 0 if there is none: drift detection for CI. What of it
would make the pipeline less guarded is listed apart. It changes nothing.
"""

from absl import flags

from msp.cli import entry, pipeline_flags

_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Only say what would be compared; asks no one, needs no credentials.")
flags.adopt_module_key_flags(pipeline_flags)  # so that --help shows them too


def main() -> int:
    """Compares. Returns 1 where something differs."""
    spec, region = pipeline_flags.pipeline()

    from msp.pipeline.live import report
    from msp.pipeline.live.pipeline import LivePipeline

    endpoints = pipeline_flags.endpoints()
    live = LivePipeline(spec, region, endpoints, timeout=pipeline_flags.TIMEOUT.value)
    if _DRY_RUN.value:
        print("would compare:", *live.names(), sep="\n  ")
        return 0
    comparison = live.compare()
    found = comparison.changes
    print("\n\n".join([report.listing(found) if found else "no difference", *report.guards(comparison)]))
    return 1 if found else 0


if __name__ == "__main__":
    entry.run(main)
