"""What a release's `skaffold.yaml` says, with all that it requires: profiles, custom actions, manifests."""

import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msp.localcloud.deploy import documents, skaffold_schema
from msp.localcloud.deploy.skaffold_fields import VERSIONS, objects
from msp.localcloud.deploy.source import Source, SourceError, join

_PARSING = "error parsing skaffold configuration file: "
_MOST_MODULES = 100


@dataclass(frozen=True)
class Module:
    """One config: a document of a `skaffold.yaml`.

    Attributes:
        folder: Where its file stands in the source; its paths begin there.
        content: The document.
        activated: The profiles that the config which requires it activates: by name, with those by which they are
            activated (none: always).
    """

    folder: str
    content: Mapping[str, Any]
    activated: Mapping[str, Sequence[str]]

    @property
    def profiles(self) -> Mapping[str, Mapping[str, Any]]:
        """Its profiles by name."""
        return {str(profile["name"]): profile for profile in _dictionaries(self.content, "profiles")}

    def layers(self, profiles: Collection[str]) -> Iterator[Mapping[str, Any]]:
        """The document itself, then each of its profiles that is active when those of the names are asked for."""
        yield self.content
        for name, profile in self.profiles.items():
            activators = self.activated.get(name)
            if name in profiles or (activators is not None and (not activators or set(activators) & set(profiles))):
                yield profile


@dataclass(frozen=True)
class SkaffoldConfig:
    """What a source offers to a render.

    Attributes:
        modules: Its configs, those that others require first.
    """

    modules: Sequence[Module]

    @property
    def profiles(self) -> set[str]:
        """The names of all profiles."""
        return {name for module in self.modules for name in module.profiles}

    def custom_actions(self, profiles: Collection[str]) -> set[str]:
        """The names of the custom actions that there are with some profiles."""
        layers = self._layers(profiles)
        return {str(action["name"]) for layer in layers for action in _dictionaries(layer, "customActions")}

    def verifies(self, profiles: Collection[str]) -> bool:
        """Whether there is something to verify with some profiles."""
        return any(layer.get("verify") for layer in self._layers(profiles))

    def _layers(self, profiles: Collection[str]) -> Iterator[Mapping[str, Any]]:
        for module in self.modules:
            yield from module.layers(profiles)


def read(source: Source, path: str) -> SkaffoldConfig:
    """Reads a source's config, and the configs that it requires.

    Args:
        source: The source.
        path: Where the config stands in it; `skaffold.yaml` when empty.

    Raises:
        SourceError: Skaffold would refuse it; the message says why.
    """
    path = join(".", path or "skaffold.yaml")
    if path not in source.files:
        raise SourceError(f'unable to find configuration file "{path}": open {path}: no such file or directory')
    modules: dict[tuple[str, int], Module] = {}
    _collect(source, path, [], {}, modules)
    return SkaffoldConfig(tuple(modules.values()))


def _collect(
    source: Source,
    path: str,
    selection: Sequence[str],
    activated: Mapping[str, Sequence[str]],
    modules: dict[tuple[str, int], Module],
) -> None:
    """Adds a file's configs to `modules`, after those that they require; each once."""
    matched = False
    for number, content in enumerate(_parse(source.read(path, "configuration file"), path)):
        name = (content.get("metadata") or {}).get("name")
        if selection and name not in selection:
            continue
        matched = True
        if (path, number) in modules or len(modules) >= _MOST_MODULES:
            continue
        # Put there first, so that configs that require each other come to an end.
        modules[path, number] = module = Module(posixpath.dirname(path) or ".", content, activated)
        for dependency in _dictionaries(content, "requires"):
            _require(source, path, dependency, modules)
        modules[path, number] = modules.pop((path, number), module)
    if not matched:
        raise SourceError(f"did not find any configs matching selection [{' '.join(map(str, selection))}]")


def _require(source: Source, path: str, dependency: Mapping[str, Any], modules: dict[tuple[str, int], Module]) -> None:
    if dependency.keys() & {"git", "googleCloudStorage", "googleCloudBuildRepoV2"}:
        return  # somebody else's files
    wanted = join(posixpath.dirname(path), str(dependency["path"])) if dependency.get("path") else path
    if source.is_directory(wanted):
        wanted = join(wanted, "skaffold.yaml")
    if wanted not in source.files:
        raise SourceError(
            f'could not find skaffold config file "{wanted}" that is referenced as a dependency in config file '
            f'"{path}": stat {wanted}: no such file or directory'
        )
    activated = {
        str(profile["name"]): profile.get("activatedBy") or []
        for profile in _dictionaries(dependency, "activeProfiles")
    }
    _collect(source, wanted, dependency.get("configs") or [], activated, modules)


def _parse(text: bytes, path: str) -> list[Mapping[str, Any]]:
    """The documents of a `skaffold.yaml`, each checked against its version's schema."""
    if b"apiVersion" not in text:
        raise SourceError(f"{_PARSING}missing apiVersion")
    found: list[Mapping[str, Any]] = []
    for node, content in documents.load(text, f"{_PARSING}unable to parse YAML"):
        version = str(content.get("apiVersion", "")) if isinstance(content, dict) else ""
        if version.removeprefix("skaffold/") not in VERSIONS or not version.startswith("skaffold/"):
            raise SourceError(f'{_PARSING}unknown skaffold config API version "{version}"')
        known = objects(version.removeprefix("skaffold/"))
        if known is not None:
            problems = list(skaffold_schema.problems(known, version.removeprefix("skaffold/"), node))
            if problems:
                raise SourceError(
                    "\n  ".join([f"{_PARSING}unable to parse config: yaml: unmarshal errors:", *problems])
                )
        if content.get("kind") != "Config":
            raise SourceError(f'{_PARSING}{path} is of kind "{content.get("kind", "")}", not "Config"')
        found.append(content)
    if not found:
        raise SourceError(f'failed to get any valid configs from file "{path}"')
    return found


def _dictionaries(content: Mapping[str, Any], section: str) -> list[Mapping[str, Any]]:
    """The entries of a section that are mappings with a name (or, of dependencies, any mappings)."""
    entries = content.get(section)
    return [
        entry
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and ("name" in entry or section == "requires")
    ]
