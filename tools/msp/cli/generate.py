"""Makes from a service's specification everything that its delivery pipeline consists of.

    bazel run @rules_msp//tools:generate -- --spec=service.yaml --output_dir=pipeline

Writes clouddeploy.yaml (for `gcloud deploy apply`), skaffold.yaml and source.tar.gz (what releases are rendered from),
iam.yaml, pipeline.tf.json (for Terraform), pipeline.svg, pipeline.mmd and pipeline.md. Nothing is written where
anything is wrong.
"""

from absl import flags

from msp.cli import entry

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
    from msp.pipeline.files import generate, write
    from msp.spec import load

    path = entry.user_path(_SPEC.value)
    write(entry.user_path(_OUTPUT_DIR.value), generate(load(path), _REGION.value, _SOURCE.value or path.name))
    return 0


if __name__ == "__main__":
    entry.run(main)
