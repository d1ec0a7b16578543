"""Makes from a service's specification everything that its delivery pipeline consists of.

    bazel run @rules_msp//tools:generate -- --spec=service.yaml --output_dir=pipeline

Writes clouddeploy.yaml (for `gcloud deploy apply`), skaffold.yaml and source.tar.gz (what releases are rendered from),
iam.yaml, pipeline.tf.json (for Terraform), pipeline.svg, pipeline.mmd and pipeline.md. Nothing is written where
anything is wrong.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from absl import flags

from msp.cli import entry
from msp.errors import MspError

_SPEC = flags.DEFINE_string("spec", None, "The service's specification: path of its service.yaml.", required=True)
_REGION = flags.DEFINE_string("region", "us-central1", "The Google Cloud region of the pipeline.")
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", None, "The directory to write to; made if it isn't there.", required=True
)
_SOURCE = flags.DEFINE_string(
    "source", None, "What the files say they are made from; the specification's name if not given."
)


def main() -> int:
    """Generates."""
    from msp.pipeline.files import generate
    from msp.spec import load

    path = entry.user_path(_SPEC.value)
    write(entry.user_path(_OUTPUT_DIR.value), generate(load(path), _REGION.value, _SOURCE.value or path.name))
    return 0


def write(directory: Path, files: Mapping[str, bytes]) -> None:
    """Writes all files; each one appears whole, and all of them are on disk before the first one appears.

    Raises:
        MspError: The directory or a file can't be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory, prefix=".generate-") as aside:
            for name, content in files.items():
                (Path(aside) / name).write_bytes(content)
            for name in files:
                os.replace(Path(aside) / name, directory / name)  # noqa: PTH105 - says what it does
    except OSError as error:
        raise MspError(f"can't write to {directory}: {error.strerror}", hint="check --output_dir") from error


if __name__ == "__main__":
    entry.run(main)
