"""Delivers a service: pushes its image and releases it to the first stage of its delivery pipeline.

    bazel run //svc:msp_deploy [-- FLAGS]

Commit, build number and author come from flags, else from Buildkite or GitHub Actions, else from git. Run again, it
takes up what stands: the same build never makes two releases. Exit codes: 0 done, 1 failed or refused, 2 usage or bad
input, 3 the release was made and its rollout failed, 4 blocked: a freeze, a suspended pipeline or a hold has to end
first.
"""

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from absl import flags

from msp.cli import entry, shared_flags
from msp.cli.durations import define_seconds

if TYPE_CHECKING:
    from msp.delivery.request import DeliveryRequest

_CONFIG = shared_flags.define_config()
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Only print the plan: asks nobody, needs no credentials.")
_WAIT = flags.DEFINE_bool("wait", True, "Wait until the first rollout has ended.")
_TIMEOUT = define_seconds("timeout", 1800.0, "How long all of it may take, the wait for the first rollout included.")
_FORCE = flags.DEFINE_bool(
    "force", False, "Release even though the first stage runs this image or a newer build's, or this was rolled back."
)
_IF_NEWER = flags.DEFINE_bool("if_newer", False, "End with success where a newer build was there first: for CIs.")
_COMMIT = flags.DEFINE_string("commit", "", "The commit the image was built from: a full hash, or a name git knows.")
_BUILD_NUMBER = flags.DEFINE_string("build_number", "", "The build's number; with the commit it names tag and release.")
_AUTHOR = flags.DEFINE_string("author", "", "Who made the change.")
_TAG = flags.DEFINE_string("tag", "", "Another tag for the image than {commit}_{build number}.")
_RELEASE = flags.DEFINE_string("release", "", "Another id for the release than deploy-{commit}-{build number}.")
_LABELS = flags.DEFINE_list("labels", [], "More labels for the release: key=value,key=value.")
_ANNOTATIONS = flags.DEFINE_list("annotations", [], "More annotations for the release: key=value,key=value.")
_JSON_OUTPUT = flags.DEFINE_string("json_output", None, "A file for the result, as JSON.")
_LOCAL_CLOUD = shared_flags.define_local_cloud()
_QUIET = flags.DEFINE_bool("quiet", False, "Print only how it ended.")


def main() -> int:
    """Deploys."""
    request = _request()

    from msp.delivery.command import Host, deploy
    from msp.delivery.target.locate import locate

    config, find = locate(shared_flags.path(_CONFIG), os.environ)
    host = Host(os.environ, sys.stdout, lambda: datetime.now(UTC), find)
    return deploy(request, config, host).exit_code


def _request() -> "DeliveryRequest":
    from msp.ci.build import Known
    from msp.delivery.planning.overrides import Overrides
    from msp.delivery.request import DeliveryRequest, Settings

    return DeliveryRequest(
        known=Known(commit=_COMMIT.value, build_number=_BUILD_NUMBER.value, author=_AUTHOR.value),
        overrides=Overrides.parse(_TAG.value, _RELEASE.value, _LABELS.value, _ANNOTATIONS.value),
        settings=Settings(wait=_WAIT.value, timeout=_TIMEOUT.value, force=_FORCE.value, if_newer=_IF_NEWER.value),
        endpoints=shared_flags.endpoints(_LOCAL_CLOUD),
        dry_run=_DRY_RUN.value,
        quiet=_QUIET.value,
        json_output=shared_flags.path(_JSON_OUTPUT),
    )


if __name__ == "__main__":
    entry.run(main)
