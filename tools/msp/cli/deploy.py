"""Delivers a service: pushes its image and releases it to the first stage of its delivery pipeline.

    bazel run //svc:msp_deploy [-- FLAGS]

Commit, build number and author come from flags, else from Buildkite or GitHub Actions, else from git. Run again, it
takes up what stands: the same build never makes two releases. Exit codes: 0 done, 1 failed, 2 usage or bad input,
3 the release was made and its rollout failed.
"""

import logging
import os
import signal
import sys
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING

from absl import flags

from msp.cli import entry
from msp.errors import UsageError

if TYPE_CHECKING:
    from msp.delivery.command import Request

_CONFIG = flags.DEFINE_string(
    "config", None, "The delivery's config file; paths in it are relative to it. Targets of msp_delivery bring theirs."
)
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Only print the plan: asks nobody, needs no credentials.")
_WAIT = flags.DEFINE_bool("wait", True, "Wait until the first rollout has ended.")
_TIMEOUT = flags.DEFINE_float("timeout", 1800.0, "Seconds to wait for the first rollout.", lower_bound=0)
_FORCE = flags.DEFINE_bool("force", False, "Release even though the first stage already runs this image.")
_COMMIT = flags.DEFINE_string("commit", "", "The commit the image was built from: a full hash, or a name git knows.")
_BUILD_NUMBER = flags.DEFINE_string("build_number", "", "The build's number; with the commit it names tag and release.")
_AUTHOR = flags.DEFINE_string("author", "", "Who made the change.")
_TAG = flags.DEFINE_string("tag", "", "Another tag for the image than {commit}_{build number}.")
_RELEASE = flags.DEFINE_string("release", "", "Another id for the release than deploy-{commit}-{build number}.")
_LABELS = flags.DEFINE_list("labels", [], "More labels for the release: key=value,key=value.")
_ANNOTATIONS = flags.DEFINE_list("annotations", [], "More annotations for the release: key=value,key=value.")
_JSON_OUTPUT = flags.DEFINE_string("json_output", None, "A file for the result, as JSON.")
_LOCAL_CLOUD = flags.DEFINE_string(
    "local_cloud",
    os.environ.get("MSP_LOCAL_CLOUD"),
    "HOST:PORT of a local cloud to use instead of Google's; MSP_LOCAL_CLOUD says the same.",
)
_QUIET = flags.DEFINE_bool("quiet", False, "Print only how it ended.")


def main(argv: list[str]) -> int:
    """Deploys; takes no positional arguments."""
    if argv[1:]:
        raise UsageError(f"unexpected argument {argv[1]!r}", hint="everything is given by flags; see --help")
    # The library warns of every place where it finds no credentials; the error says it once.
    logging.getLogger("google.auth").setLevel(logging.ERROR)
    # It logs whole addresses when asked to be verbose, and those of uploads may be signed.
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    # A CI that cancels a build asks with SIGTERM first: end as after Ctrl-C, and say what stands.
    signal.signal(signal.SIGTERM, _interrupt)
    request = _request()

    from msp.delivery.command import Host, deploy
    from msp.delivery.target.locate import locate

    config, find = locate(entry.user_path(_CONFIG.value) if _CONFIG.value else None, os.environ)
    around = Host(os.environ, sys.stdout, lambda: datetime.now(UTC), find)
    return deploy(request, config, around).exit_code


def _request() -> "Request":
    from msp.ci.build import Known
    from msp.delivery.command import Request
    from msp.delivery.deliver import Settings
    from msp.delivery.planning.plan import Overrides
    from msp.gcp.endpoints import Endpoints

    return Request(
        known=Known(commit=_COMMIT.value, build_number=_BUILD_NUMBER.value, author=_AUTHOR.value),
        overrides=Overrides(
            tag=_TAG.value,
            release=_RELEASE.value,
            labels=_pairs("labels", _LABELS.value),
            annotations=_pairs("annotations", _ANNOTATIONS.value),
        ),
        settings=Settings(wait=_WAIT.value, timeout=_TIMEOUT.value, force=_FORCE.value),
        endpoints=Endpoints.local(_LOCAL_CLOUD.value) if _LOCAL_CLOUD.value else Endpoints.google(),
        dry_run=_DRY_RUN.value,
        quiet=_QUIET.value,
        json_output=entry.user_path(_JSON_OUTPUT.value) if _JSON_OUTPUT.value else None,
    )


def _pairs(flag: str, items: list[str]) -> dict[str, str]:
    pairs = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise UsageError(f"--{flag}: {item!r} is not key=value", hint=f"write --{flag}=team=search,tier=gold")
        if key in pairs:
            raise UsageError(f"--{flag}: {key!r} is given twice")
        pairs[key] = value
    return pairs


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    entry.run(main)
