"""The flags that `diff` and `apply` share: which pipeline, and which cloud."""

import dataclasses
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from msp.cli import entry, shared_flags
from msp.errors import UsageError

if TYPE_CHECKING:
    from msp.gcp.endpoints import Endpoints
    from msp.spec import Spec

# Where a rule's target says what it is about: the path of its config file in the runfiles.
_CONFIG_VARIABLE = "MSP_CONFIG"

_SPEC = flags.DEFINE_string("spec", None, "The service's specification: path of its service.yaml.")
_REGION = flags.DEFINE_string("region", None, "The Google Cloud region of the pipeline; us-central1 if not given.")
_LOCAL_CLOUD = shared_flags.define_local_cloud()
TIMEOUT = flags.DEFINE_float("timeout", 300.0, "Seconds that one operation of Cloud Deploy may take.", lower_bound=1)


@dataclasses.dataclass(frozen=True)
class Config:
    """What a target of `msp_pipeline` knows.

    Attributes:
        spec: The specification's path in the runfiles: `_main/svc/spec.spec.json`.
        gcp_region: The pipeline's region.
        tool: Label of the program that reads this, as the user's repository writes it: `@rules_msp//tools:diff`.
    """

    spec: str
    gcp_region: str
    tool: str = "//tools:diff"

    @property
    def tools(self) -> str:
        """The package of all programs, as the user's repository writes it: `@rules_msp//tools`."""
        return self.tool.rpartition(":")[0]


def pipeline() -> "tuple[Spec, str]":
    """The specification and the region that were asked for.

    Raises:
        UsageError: There is no specification, or the config file is not one.
        SpecError: The specification is wrong.
    """
    from msp.spec import load

    given = os.environ.get(_CONFIG_VARIABLE)
    if _SPEC.value:
        return load(entry.user_path(_SPEC.value)), _REGION.value or "us-central1"
    if not given:
        raise UsageError("which pipeline?", hint="give --spec=service.yaml, or run a target of msp_pipeline")
    config = read_config(_runfile(given))
    return load(_runfile(config.spec)), _REGION.value or config.gcp_region


def read_config(path: Path) -> Config:
    """A target's config file.

    Raises:
        UsageError: It can't be read, lacks a field or has one that is not known.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Config(**found)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"{path}: not a config file of msp_pipeline: {error}", hint="build the target again"
        ) from error


def _runfile(path: str) -> Path:
    # `bazel run` starts a program in the main repository's directory of the runfiles; launchers of Python name them.
    return Path(os.environ.get("RUNFILES_DIR", "..")) / path


def endpoints() -> "Endpoints":
    """Google's services, or the local cloud that was asked for."""
    return shared_flags.endpoints(_LOCAL_CLOUD)
