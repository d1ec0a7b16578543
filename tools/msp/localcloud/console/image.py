"""The images of a release, and what the registry here knows of them."""

from typing import Any

from msp.localcloud.deploy import messages as pb
from msp.localcloud.deploy import stages
from msp.localcloud.deploy.execution import join_image, split_image
from msp.localcloud.deploy.ports import Images
from msp.localcloud.registry.errors import RegistryError
from msp.localcloud.registry.manifest import Descriptor
from msp.localcloud.registry.manifests import Manifests


def images_of(release: "pb.Release", images: Images, manifests: Manifests) -> list[dict[str, Any]]:
    """The images of a release, each with the targets that it is for, and its manifest where it is in the registry.

    Args:
        release: The release.
        images: Finds an image as a deploy would.
        manifests: The registry's.
    """
    used: dict[tuple[str, str], list[str]] = {}
    for target in stages.target_ids(release):
        parameters = stages.parameters(release, target)
        reference = parameters.get("customTarget/digest") or parameters.get("customTarget/tag", "")
        if reference and parameters.get("customTarget/image"):
            used.setdefault((parameters["customTarget/image"], reference), []).append(target)
    for artifact in release.build_artifacts:
        used.setdefault(split_image(artifact.tag or artifact.image), [])
    return [_image(*image, images, manifests) | {"targets": targets} for image, targets in used.items()]


def _image(repository: str, reference: str, images: Images, manifests: Manifests) -> dict[str, Any]:
    found = images.find(repository, reference)
    return {
        "reference": join_image(repository, reference),
        "repository": repository,
        "digest": found.digest if found is not None else "",
        "missing": found is None,
        "manifest": _manifest(manifests, found.repository, found.digest or reference) if found is not None else None,
    }


def _manifest(manifests: Manifests, repository: str, reference: str) -> dict[str, Any] | None:
    try:
        stored = manifests.get(repository, reference)
        manifest = stored.parsed()
    except RegistryError:
        return None
    return {
        "mediaType": stored.media_type,
        "size": len(stored.content),
        "pushed": stored.pushed.isoformat(),
        "tags": [tag.name for tag in manifests.tags_of(repository, stored.digest)],
        "config": _descriptor(manifest.config) if manifest.config is not None else None,
        "layers": [_descriptor(layer) for layer in manifest.layers],
        "manifests": [_descriptor(child) for child in manifest.manifests],
    }


def _descriptor(descriptor: Descriptor) -> dict[str, Any]:
    return {"mediaType": descriptor.media_type, "digest": descriptor.digest, "size": descriptor.size}
