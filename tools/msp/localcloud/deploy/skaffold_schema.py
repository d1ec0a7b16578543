"""Whether a skaffold config holds what it may: no unknown field, no wrong type, nothing missing."""

from collections.abc import Iterator

import yaml

from msp.localcloud.deploy.documents import line
from msp.localcloud.deploy.skaffold_fields import Objects

_INTEGER, _BOOLEAN, _NULL = "tag:yaml.org,2002:int", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:null"


def problems(objects: Objects, version: str, root: yaml.Node) -> Iterator[str]:
    """What is wrong in a config, each with its line, in the words of skaffold's YAML library.

    Args:
        objects: What the version allows.
        version: For the messages: `v4beta7`.
        root: The document. Merge keys (`<<`) are resolved already.
    """
    yield from _Check(objects, version).object(root, "SkaffoldConfig")


class _Check:
    def __init__(self, objects: Objects, version: str) -> None:
        self._objects = objects
        self._version = version
        self._checked: set[tuple[int, str]] = set()

    def object(self, node: yaml.Node, kind: str) -> Iterator[str]:
        if not isinstance(node, yaml.MappingNode):
            yield from self._mismatch(node, f"{self._version}.{kind}")
            return
        if (id(node), kind) in self._checked:
            return  # an alias, perhaps of what it stands in
        self._checked.add((id(node), kind))
        known = self._objects[kind]
        seen = set()
        for key, value in node.value:
            name = str(key.value)
            if kind == "SkaffoldConfig" and name.startswith("."):
                continue  # where people keep their anchors
            seen.add(name)
            field = known.get(name)
            if field is None:
                yield f"line {line(key)}: field {name} not found in type {self._version}.{kind}"
            elif value.tag != _NULL:
                yield from self._value(value, field.type)
        for name, field in known.items():
            if field.required and name not in seen:
                yield f"line {line(node)}: required value not set: {name}"

    def _value(self, node: yaml.Node, kind: str) -> Iterator[str]:
        if kind == "any":
            return
        if kind.startswith("["):
            if isinstance(node, yaml.SequenceNode):
                for item in node.value:
                    yield from self._value(item, kind[1:-1])
            else:
                yield from self._mismatch(node, f"[]{kind[1:-1] or 'string'}")
        elif kind == "{}":
            if not isinstance(node, yaml.MappingNode):
                yield from self._mismatch(node, "map[string]string")
        elif kind in self._objects:
            yield from self.object(node, kind)
        else:
            expected = {"int": _INTEGER, "bool": _BOOLEAN}.get(kind)
            if not isinstance(node, yaml.ScalarNode) or expected not in {None, node.tag}:
                yield from self._mismatch(node, kind or "string")

    def _mismatch(self, node: yaml.Node, wanted: str) -> Iterator[str]:
        tag = str(node.tag).replace("tag:yaml.org,2002:", "!!")
        value = f" `{node.value}`" if isinstance(node, yaml.ScalarNode) else ""
        yield f"line {line(node)}: cannot unmarshal {tag}{value} into {wanted}"
