"""What a delivery takes from its service's specification: the environments it goes through, and what deploys."""

import json
from dataclasses import dataclass
from pathlib import Path

from msp.errors import UsageError


@dataclass(frozen=True)
class SpecifiedRollout:
    """A rollout, as its specification says.

    Attributes:
        environments: The ids of its environments, in order: `("staging", "prod")`.
        action_image: The image that renders and deploys, pinned by its digest; empty for the rules' own.
    """

    environments: tuple[str, ...]
    action_image: str = ""


def specified_rollout(path: Path) -> SpecifiedRollout:
    """Reads the rollout of a specification.

    Read without `msp.spec`, whose models take longer to import than a release to make: the file comes out of a build
    action that has validated it.

    Args:
        path: The specification as canonical JSON.

    Raises:
        UsageError: It is something else.
    """
    try:
        rollout = json.loads(path.read_bytes())["rollout"]
        environments = tuple(stage["environment"] for stage in rollout["stages"])
        return SpecifiedRollout(environments, rollout.get("actionImage") or "")
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror}", hint="build the target again") from error
    except (ValueError, KeyError, TypeError):
        raise UsageError(
            f"{path}: not a resolved specification with a rollout", hint="set `spec` to a target of msp_spec"
        ) from None
