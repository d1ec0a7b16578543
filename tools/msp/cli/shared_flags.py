"""The flags that several commands have, defined by whichever asks for them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from msp.cli import entry

if TYPE_CHECKING:
    from msp.gcp.endpoints import Endpoints


def define_local_cloud() -> "flags.FlagHolder[str | None]":
    """Defines `--local_cloud` for the calling command."""
    return flags.DEFINE_string(
        "local_cloud",
        os.environ.get("MSP_LOCAL_CLOUD"),
        "HOST:PORT of a local cloud to use instead of Google's; MSP_LOCAL_CLOUD says the same.",
    )


def define_config() -> "flags.FlagHolder[str | None]":
    """Defines `--config` for the calling command."""
    return flags.DEFINE_string(
        "config",
        None,
        "The delivery's config file; paths in it are relative to it. Targets of msp_delivery bring theirs.",
    )


def path(flag: "flags.FlagHolder[str | None]") -> Path | None:
    """The path that a flag names, taken from where the user stands; None where it isn't given."""
    return entry.user_path(flag.value) if flag.value else None


def endpoints(local_cloud: "flags.FlagHolder[str | None]") -> "Endpoints":
    """Google's services, or the local cloud that `--local_cloud` names.

    Raises:
        UsageError: It is no `HOST:PORT`.
    """
    from msp.gcp.endpoints import Endpoints

    return Endpoints.local(local_cloud.value) if local_cloud.value else Endpoints.google()


flags.disclaim_key_flags()  # A flag belongs to the command that asks for it, whose --help shows it.
