"""Which delivery this process is for, and where the files that it names are."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from msp.delivery.target.config import DeliveryConfig
from msp.errors import UsageError
from msp.runfiles import files_of_this_process

# Set by the rule: where the target's own config file is among its runfiles.
_VARIABLE = "MSP_CONFIG"


def locate(given: Path | None, environment: Mapping[str, str]) -> tuple[DeliveryConfig, Callable[[str], Path]]:
    """The config, and what makes a path of one in it.

    Args:
        given: A config file that the user names; paths in it are relative to it.
        environment: Where the rule's `MSP_CONFIG` is: paths in that one are runfiles.

    Raises:
        UsageError: There is neither, or it is no config.
    """
    if given is not None:
        return DeliveryConfig.load(given), lambda name: given.parent / name
    if named := environment.get(_VARIABLE):
        runfiles = files_of_this_process(environment, sys.argv[0])
        return DeliveryConfig.load(runfiles.path(named)), runfiles.path
    raise UsageError("which service?", hint="run a target of msp_delivery, or give --config=FILE")
