"""What a release's source archive holds, as far as rendering asks: `skaffold.yaml`, its profiles and custom actions."""

import io
import tarfile
import zlib
from dataclasses import dataclass
from typing import Any

import yaml

_MOST_CONFIG_BYTES = 1024 * 1024
_MOST_ARCHIVE_BYTES = 512 * 1024 * 1024


class SourceError(Exception):
    """The source can't be rendered; the message says why."""


@dataclass(frozen=True)
class SkaffoldConfig:
    """What `skaffold.yaml` offers.

    Attributes:
        profiles: Names of profiles.
        custom_actions: Names of custom actions.
        verifies: Whether there is a `verify` section.
    """

    profiles: frozenset[str]
    custom_actions: frozenset[str]
    verifies: bool


def read(archive: bytes, path: str) -> SkaffoldConfig:
    """Reads a source archive (tar, gzipped or not).

    Args:
        archive: The archive.
        path: Where the config stands in it; `skaffold.yaml` when empty.

    Raises:
        SourceError: It is no archive, has no such file, or that is no skaffold config.
    """
    path = path or "skaffold.yaml"
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r|*") as tar:
            text = _find(tar, path)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise SourceError(f"the source is not a tar archive: {error}") from None
    if text is None:
        raise SourceError(f"the source has no {path}")
    return parse(text, path)


def _find(tar: tarfile.TarFile, path: str) -> bytes | None:
    """The file's content. Reads as a stream, so that a small archive of something huge is given up in time."""
    seen = 0
    for member in tar:
        seen += member.size
        if seen > _MOST_ARCHIVE_BYTES:
            raise SourceError(f"the source holds more than {_MOST_ARCHIVE_BYTES} bytes")
        if member.isfile() and member.name.removeprefix("./") == path:
            if member.size > _MOST_CONFIG_BYTES:
                raise SourceError(f"{path} is larger than {_MOST_CONFIG_BYTES} bytes")
            file = tar.extractfile(member)
            return file.read() if file is not None else b""
    return None


def parse(text: bytes, path: str) -> SkaffoldConfig:
    """Reads a skaffold config, of one document or several.

    Raises:
        SourceError: It is not YAML, or not of skaffold.
    """
    try:
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SourceError(f"{path} is not valid YAML: {error}") from None
    if not documents or not all(_is_config(document) for document in documents):
        raise SourceError(f"{path} is not a skaffold config: apiVersion skaffold/… and kind Config are required")
    return SkaffoldConfig(
        profiles=frozenset(_names(documents, "profiles")),
        custom_actions=frozenset(_names(documents, "customActions")),
        verifies=any(document.get("verify") for document in documents),
    )


def _is_config(document: object) -> bool:
    return (
        isinstance(document, dict)
        and str(document.get("apiVersion", "")).startswith("skaffold/")
        and document.get("kind") == "Config"
    )


def _names(documents: list[Any], section: str) -> list[str]:
    entries = [entry for document in documents for entry in document.get(section) or [] if isinstance(entry, dict)]
    return [str(entry["name"]) for entry in entries if "name" in entry]
