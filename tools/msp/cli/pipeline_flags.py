"""The flags that `diff` and `apply` share: which pipeline, and which cloud."""

import dataclasses
import os
import shlex
import sys
from typing import TYPE_CHECKING

from absl import flags

from msp.cli import durations, entry, shared_flags
from msp.errors import UsageError
from msp.runfiles import TargetFiles, files_of_this_process
from msp.target_config import load_config

if TYPE_CHECKING:
    from msp.gcp.endpoints import Endpoints
    from msp.spec import Spec

# Where a rule's target says what it is about: the path of its config file in the runfiles.
_CONFIG_VARIABLE = "MSP_CONFIG"

_TOOLS = "@rules_msp//tools"

_SPEC = flags.DEFINE_string("spec", None, "The service's specification: path of its service.yaml.")
_REGION = flags.DEFINE_string("region", None, "The Google Cloud region of the pipeline; us-central1 if not given.")
_LOCAL_CLOUD = shared_flags.define_local_cloud()
TIMEOUT = durations.define_seconds("timeout", 300.0, "How long one operation of Cloud Deploy may take.", least=1)


@dataclasses.dataclass(frozen=True)
class Config:
    """What a target of `msp_pipeline` knows.

    Attributes:
        spec: The specification's path in the runfiles: `_main/svc/spec.spec.json`.
        gcp_region: The pipeline's region: `us-central1`.
        target: The Bazel label of the command's target: `//svc:pipeline.apply`.
        tool: Label of the program that reads this, as the user's repository writes it: `@rules_msp//tools:diff`.
    """

    spec: str
    gcp_region: str
    target: str | None = None
    tool: str = f"{_TOOLS}:diff"

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
    config, files = _read(given)
    return load(files.path(config.spec)), _REGION.value or config.gcp_region


def again(command: str, *more: str) -> str:
    """This command once more, as it can be pasted.

    Args:
        command: The tool: `apply`.
        more: Flags to add: `--allow_less_guarded`.
    """
    given = os.environ.get(_CONFIG_VARIABLE)
    config = _read(given)[0] if given else None
    own = config.target if config and config.target else f"{config.tools if config else _TOOLS}:{command}"
    return shlex.join(["bazel", "run", own, "--", *sys.argv[1:], *more])


def _read(given: str) -> tuple[Config, TargetFiles]:
    """The target's config, and what finds the files that it names."""
    files = files_of_this_process(os.environ, sys.argv[0])
    return load_config(Config, files.path(given), "msp_pipeline"), files


def endpoints() -> "Endpoints":
    """Google's services, or the local cloud that was asked for."""
    return shared_flags.endpoints(_LOCAL_CLOUD)
