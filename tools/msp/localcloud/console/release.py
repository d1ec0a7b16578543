"""A release's page: its commit, image and parameters, how it was rendered, and its rollouts."""

import re
from typing import Any

from msp.localcloud.console import rollouts
from msp.localcloud.console.about_release import about
from msp.localcloud.console.image import images_of
from msp.localcloud.console.service import places
from msp.localcloud.console.stages import stage_now
from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import names, stages
from msp.localcloud.deploy.ports import Images
from msp.localcloud.deploy.resources import PIPELINE, RELEASE, ROLLOUT, Resources
from msp.localcloud.registry.manifests import Manifests

_MOST_ROLLOUTS = 50
_MOST_OF_A_STAGE = 12
_SAID_ELSEWHERE = {"commit", "author", "released_by", "commit_message_base64", "build_url", "build_number", "branch"}


def release_page(resources: Resources, images: Images, manifests: Manifests, name: str) -> dict[str, Any]:
    """What a release's page shows.

    Args:
        resources: Loads what is there.
        images: Finds its image as a deploy would.
        manifests: The registry's.
        name: The release's name.

    Raises:
        ApiError: `NOT_FOUND`.
    """
    release = resources.get(RELEASE, name)
    pipeline = resources.get(PIPELINE, names.pipeline(name))
    now = [
        stage_now(resources, pipeline.name, stage.target_id, _MOST_OF_A_STAGE)
        for stage in pipeline.serial_pipeline.stages
    ]
    notes = release.annotations
    return about(release).to_json() | {
        "service": names.last(pipeline.name),
        "suspended": pipeline.suspended,
        "description": release.description,
        "branch": notes.get("branch", ""),
        "buildNumber": notes.get("build_number", ""),
        "buildUrl": _web_address(notes.get("build_url", "")),
        "source": release.skaffold_config_uri,
        "images": images_of(release, images, manifests),
        "renders": [_render(release, target) for target in stages.target_ids(release)],
        "parameters": dict(sorted(release.deploy_parameters.items())),
        "labels": dict(sorted(release.labels.items())),
        "annotations": {key: value for key, value in sorted(notes.items()) if key not in _SAID_ELSEWHERE},
        "places": places(names.last(name), now),
        "stages": [{"target": each.target_id, "release": each.release} for each in now],
        "rollouts": [
            rollouts.to_json(resources, each) for each in resources.list(ROLLOUT, parent=name, limit=_MOST_ROLLOUTS)
        ],
    }


def _render(release: "pb.Release", target: str) -> dict[str, str]:
    render = release.target_renders[target]
    return {
        "target": target,
        "state": pb.Release.TargetRender.TargetRenderState.Name(render.rendering_state),
        "failure": render.failure_message,
    }


def _web_address(text: str) -> str:
    """The address, if a browser may be sent there: not a script, nor a file."""
    return text if re.match(r"https?://[^\s]+$", text) else ""
