"""YAML documents with the lines they stand on, as skaffold and kubectl read them."""

from collections.abc import Iterator
from typing import Any

import yaml

from msp.localcloud.deploy.source import SourceError

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: bytes, doing: str) -> Iterator[tuple[yaml.Node, Any]]:
    """The documents of a text, each as a tree of nodes and as values; empty ones are left out.

    Args:
        text: The text, of one document or several.
        doing: What it is read for, with which the error begins: `reading Kubernetes YAML`.

    Raises:
        SourceError: It is not YAML.
    """
    try:
        loader = _LOADER(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                _refuse_repeated_keys(node, doing)
                value = loader.construct_document(node)
                if value is not None:
                    yield node, value
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise SourceError(f"{doing}: yaml: line {line}: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SourceError(f"{doing}: yaml: {error}") from None


def _refuse_repeated_keys(root: yaml.Node, doing: str) -> None:
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in keys:
                    raise SourceError(f'{doing}: yaml: line {line(key)}: mapping key "{key.value}" already defined')
                keys.add(str(key.value))
                waiting.append(value)


def line(node: yaml.Node) -> int:
    """The line on which a node begins; the first is 1."""
    return int(node.start_mark.line) + 1
