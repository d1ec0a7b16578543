"""What the source archive's bytes come to, as Cloud Storage says it of an object: checked without a download.

It imports neither the specification's models nor Google's clients, so that a delivery can ask.
"""

import base64
import hashlib
from typing import Any

from msp.pipeline.archive import ACTION_IMAGE, source_archive


def archive_md5(action_image: str = ACTION_IMAGE) -> str:
    """The `md5Hash` of the `source.tar.gz` that this version generates: `mvR0SGGuwqYA9fDzxVYJuw==`.

    Storage gives it with an object's other metadata. An archive with another one was made by another version of these
    rules, with another action image, or by other means.

    Args:
        action_image: The image that renders and deploys: `rollout.actionImage` where the specification has it.
    """
    digest = hashlib.md5(source_archive(action_image), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def action_image(spec: dict[str, Any]) -> str:
    """The image that renders and deploys a service, from its specification.

    Args:
        spec: The resolved specification as `msp_spec` writes it, read as JSON.
    """
    return (spec.get("rollout") or {}).get("actionImage") or ACTION_IMAGE
