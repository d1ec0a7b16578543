"""What a delivery takes from its service's specification: the environments it goes through."""

import json
from pathlib import Path

from msp.errors import UsageError


def stage_environments(path: Path) -> tuple[str, ...]:
    """The ids of the rollout's environments, in order.

    Read without `msp.spec`, whose models take longer to import than a release to make: the file comes out of a build
    action that has validated it.

    Args:
        path: The specification as canonical JSON.

    Raises:
        UsageError: It is something else.
    """
    try:
        spec = json.loads(path.read_bytes())
        return tuple(stage["environment"] for stage in spec["rollout"]["stages"])
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror}", hint="build the target again") from error
    except (ValueError, KeyError, TypeError):
        raise UsageError(
            f"{path}: not a resolved specification with a rollout", hint="set `spec` to a target of msp_spec"
        ) from None
