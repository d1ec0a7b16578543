"""Runs the local cloud: Cloud Deploy, Artifact Registry, a registry and buckets on this machine, until stopped.

    bazel run @rules_msp//tools:local_cloud -- --port=8080 --grpc_port=8081 [--state_dir=DIR]

Prints one line when it is ready, and stops on SIGINT or SIGTERM. What it emulates: docs/local-cloud.md.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from absl import flags

from msp.cli import entry, shared_flags
from msp.errors import MspError

_PORT = flags.DEFINE_integer("port", 8080, "HTTP port; 0 picks a free one.", 0, 65535)
_GRPC_PORT = flags.DEFINE_integer("grpc_port", 8081, "gRPC port; 0 picks a free one.", 0, 65535)
_HOST = flags.DEFINE_string(
    "host", "127.0.0.1", "Address to listen on. Whoever reaches it can do everything: leave it at loopback."
)
_STATE_DIR = flags.DEFINE_string("state_dir", None, "Directory to keep state in; without it, state is gone at the end.")
_SEED = flags.DEFINE_integer("seed", None, "Makes uids and other chosen values the same in each run.")
_MANUAL_CLOCK = flags.DEFINE_bool(
    "manual_clock", False, "Time stands still, and moves by POST /_localcloud/time:advance only."
)
_OPERATION_SECONDS = flags.DEFINE_float("operation_seconds", 0, "How long a long-running operation takes.", 0)
_RENDER_SECONDS = flags.DEFINE_float("render_seconds", 1, "How long rendering a release takes.", 0)
_JOB_SECONDS = flags.DEFINE_float("job_seconds", 2, "How long each job of a rollout takes.", 0)
_AUTH_MODES: Sequence[Literal["none", "basic", "bearer"]] = ("none", "basic", "bearer")
_REGISTRY_AUTH = flags.DEFINE_enum(
    "registry_auth",
    "none",
    _AUTH_MODES,
    "What the registry asks of its clients. The account is oauth2accesstoken, its password local-token.",
)
_IMMUTABLE_TAGS = flags.DEFINE_bool("immutable_tags", False, "The registry refuses to move a tag, in any repository.")
_STRICT_REPOSITORIES = flags.DEFINE_bool(
    "strict_repositories",
    False,
    "Images can be pushed only to repositories that were made first, as in Artifact Registry. Otherwise all exist.",
)
_STRICT_DELETES = flags.DEFINE_bool(
    "strict_deletes",
    False,
    "The registry keeps a manifest that a tag or an index points at, as at Google. Otherwise its tags go with it.",
)
_SPARSE_MANIFESTS = flags.DEFINE_bool(
    "sparse_manifests", False, "The registry takes manifests that refer to what is not in their repository."
)

_STRICT_IMAGES = flags.DEFINE_bool(
    "strict_images",
    False,
    "A deploy fails for every image that is not in this registry. Otherwise images of registries that it has no "
    "content of are taken as there.",
)

_ANY_REGION = flags.DEFINE_bool(
    "any_region", False, "Cloud Deploy is in every location, whatever its name, not only in Google's regions."
)


def main() -> int:
    """Serves until a signal; returns the exit code."""
    from msp.localcloud.cloud import StateDirectoryError
    from msp.localcloud.grpc_server import PortTakenError

    try:
        return asyncio.run(_serve())
    except PortTakenError as error:
        raise MspError(str(error), hint="stop what uses it, or choose other ports: --port=0 --grpc_port=0") from error
    except StateDirectoryError as error:
        raise MspError(str(error), hint="choose another with --state_dir") from error


async def _serve() -> int:
    from msp.gcp.endpoints import is_loopback
    from msp.localcloud.clock import ManualClock, SystemClock
    from msp.localcloud.cloud import LocalCloud
    from msp.localcloud.deploy.ports import Pace
    from msp.localcloud.registry import Choices

    if not is_loopback(_HOST.value):
        warning = f"warning: {_HOST.value} may be reached from other machines, and nobody is asked who they are"
        print(warning, file=sys.stderr)
    # Registry clients try TLS first; uvicorn would warn of each such connection.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    pace = Pace(
        operation=timedelta(seconds=_OPERATION_SECONDS.value),
        render=timedelta(seconds=_RENDER_SECONDS.value),
        job=timedelta(seconds=_JOB_SECONDS.value),
    )
    async with LocalCloud(
        port=_PORT.value,
        grpc_port=_GRPC_PORT.value,
        host=_HOST.value,
        state_dir=shared_flags.path(_STATE_DIR),
        clock=ManualClock() if _MANUAL_CLOCK.value else SystemClock(),
        seed=_SEED.value,
        registry_auth=next(mode for mode in _AUTH_MODES if mode == _REGISTRY_AUTH.value),
        immutable_tags=_IMMUTABLE_TAGS.value,
        strict_repositories=_STRICT_REPOSITORIES.value,
        registry_choices=Choices(strict_deletes=_STRICT_DELETES.value, sparse_manifests=_SPARSE_MANIFESTS.value),
        strict_images=_STRICT_IMAGES.value,
        any_region=_ANY_REGION.value,
        pace=pace,
    ) as cloud:
        print(f"local cloud ready: {cloud.http_url} grpc {cloud.grpc_address}", flush=True)
        await stopped.wait()
        print("local cloud stopping", file=sys.stderr)
    return 0


if __name__ == "__main__":
    entry.run(main)
