"""Whether what a render reads is there: manifests, kustomizations and charts."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msp.localcloud.deploy import documents
from msp.localcloud.deploy.skaffold import SkaffoldConfig
from msp.localcloud.deploy.source import Source, SourceError, join

_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_EXTENSIONS = (".yaml", ".yml", ".json")
_ELSEWHERE = re.compile(r"^[a-z0-9+.-]+://|^git@|^github\.com/|\{\{")
"""What is not a path in the source: addresses, and templates that only skaffold can fill in."""


def check(source: Source, config: SkaffoldConfig, profiles: Collection[str]) -> None:
    """Checks what skaffold would render for a target.

    Args:
        source: The files.
        config: Says which of them are rendered.
        profiles: The profiles of the target's stage.

    Raises:
        SourceError: Something is not there, or not YAML; the message is that of skaffold or of the tool that it calls.
    """
    for module in config.modules:
        layers = list(module.layers(profiles))
        if any(layer.get("patches") for layer in layers):
            continue  # patches may replace any of the paths
        # What a profile says comes first: its list replaces the config's.
        layers.reverse()
        for pattern in _first(_sections(layers, "manifests"), "rawYaml") or _first(
            _sections(layers, "deploy", "kubectl"), "manifests"
        ):
            _check_manifests(source, module.folder, pattern)
        for path in _kustomizations(layers):
            _check_kustomization(source, join(module.folder, path), set())
        for chart in _charts(layers):
            path = join(module.folder, chart)
            if path not in source.files and not source.is_directory(path):
                raise SourceError(f'path "{chart}" not found')


def _sections(layers: Sequence[Mapping[str, Any]], *path: str) -> list[Mapping[str, Any]]:
    """The sections at a path of the layers that have it."""
    found: list[Any] = list(layers)
    for name in path:
        found = [layer[name] for layer in found if isinstance(layer.get(name), dict)]
    return found


def _first(sections: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    """A list of paths in the source, of the first section that has any; what is elsewhere is left out."""
    paths: list[Any] = next((section[name] for section in sections if section.get(name)), [])
    return [str(path) for path in paths if not _ELSEWHERE.search(str(path))]


def _kustomizations(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    # Configs older than v3 have it in `deploy`.
    sections = [*_sections(layers, "manifests", "kustomize"), *_sections(layers, "deploy", "kustomize")]
    given = any(section.get("paths") for section in sections)
    return _first(sections, "paths") if given or not sections else ["."]


def _charts(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    sections = [*_sections(layers, "manifests", "helm"), *_sections(layers, "deploy", "helm")]
    releases: list[Any] = next((section["releases"] for section in sections if section.get("releases")), [])
    charts = [str(release.get("chartPath") or "") for release in releases]
    return [chart for chart in charts if chart and not _ELSEWHERE.search(chart)]


def _check_manifests(source: Source, folder: str, pattern: str) -> None:
    found = source.find(join(folder, pattern))
    if not found:
        raise SourceError(f'Manifest file "{pattern}" referenced in skaffold config could not be found')
    for path in found:
        if path.endswith(_EXTENSIONS) or len(found) == 1:
            content = source.files[path]
            if content is not None:
                _check_objects(path, content)


def _check_objects(path: str, content: bytes) -> None:
    for _, value in documents.load(content, f"reading Kubernetes YAML: {path}"):
        if not isinstance(value, dict):
            kind = type(value).__name__
            raise SourceError(f"reading Kubernetes YAML: {path}: cannot unmarshal {kind} into an object")


def _check_kustomization(source: Source, folder: str, seen: set[str]) -> None:
    """Checks a folder's kustomization, and the folders and files that it names."""
    if folder in seen:
        return
    seen.add(folder)
    if not source.is_directory(folder):
        raise SourceError(f"must build at directory: not a valid directory: lstat {folder}: no such file or directory")
    path = next((join(folder, name) for name in _KUSTOMIZATIONS if join(folder, name) in source.files), None)
    if path is None:
        raise SourceError(
            "unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory "
            f"'{folder}'"
        )
    for _, content in documents.load(source.read(path, "kustomization"), f"invalid Kustomization: {path}"):
        if not isinstance(content, dict):
            raise SourceError(f"invalid Kustomization: {path}: not a mapping")
        for name in [*(content.get("resources") or []), *(content.get("bases") or [])]:
            _check_resource(source, folder, str(name), seen)


def _check_resource(source: Source, folder: str, name: str, seen: set[str]) -> None:
    if _ELSEWHERE.search(name):
        return
    path = join(folder, name)
    if path in source.files:
        content = source.files[path]
        if content is not None:
            _check_objects(path, content)
    elif source.is_directory(path):
        _check_kustomization(source, path, seen)
    else:
        raise SourceError(f"accumulating resources from '{name}': lstat {path}: no such file or directory")
