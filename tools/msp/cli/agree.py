"""Writes a delivery's configuration when its BUILD file and its specification agree: an action of `msp_delivery`."""

import json
from pathlib import Path

from absl import flags

from msp.cli import entry
from msp.delivery.target.agreement import check

CONFIG = flags.DEFINE_string("config", None, "The configuration as the BUILD file has it, a JSON file.", required=True)
SPEC = flags.DEFINE_string("spec", None, "The resolved specification, a JSON file.", required=True)
SPEC_SOURCE = flags.DEFINE_string("spec_source", None, "The specification as written, for errors.", required=True)
OUTPUT = flags.DEFINE_string("output", None, "Where the configuration is written when both agree.", required=True)


def main() -> int:
    """Compares, then writes; raises UsageError with every attribute that the specification contradicts."""
    written = Path(CONFIG.value).read_text()
    check(json.loads(written), json.loads(Path(SPEC.value).read_text()), SPEC_SOURCE.value)
    Path(OUTPUT.value).write_text(written)
    return 0


if __name__ == "__main__":
    entry.run(main)
