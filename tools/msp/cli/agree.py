"""Writes a delivery's configuration when its BUILD file and its specification agree: an action of `msp_delivery`."""

import json
from pathlib import Path

from absl import flags

from msp.cli import entry
from msp.delivery.target.agreement import disagreements
from msp.errors import UsageError

CONFIG = flags.DEFINE_string("config", None, "The configuration as the BUILD file has it, a JSON file.", required=True)
SPEC = flags.DEFINE_string("spec", None, "The resolved specification, a JSON file.", required=True)
SPEC_SOURCE = flags.DEFINE_string("spec_source", None, "The specification as written, for errors.", required=True)
OUTPUT = flags.DEFINE_string("output", None, "Where the configuration is written when both agree.", required=True)


def main() -> int:
    """Compares, then writes; raises UsageError with every attribute that the specification contradicts."""
    written = Path(CONFIG.value).read_text()
    config = json.loads(written)
    spec = json.loads(Path(SPEC.value).read_text())
    if not spec.get("rollout"):
        raise UsageError(
            f"{config['target']}: {SPEC_SOURCE.value} has no rollout, so there is no stage to release to",
            hint="add a rollout with its stages to the specification",
        )
    found = list(disagreements(config, spec))
    if found:
        raise UsageError(
            f"{config['target']} and {SPEC_SOURCE.value} disagree:\n" + "\n".join(f"  {each}" for each in found),
            hint="\n".join(each.mend for each in found),
        )
    Path(OUTPUT.value).write_text(written)
    return 0


if __name__ == "__main__":
    entry.run(main)
