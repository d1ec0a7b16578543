"""What pydantic says about a document -> what its reader should do about it."""

import difflib
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from msp.spec.node import Mapping, Node, Path, Scalar, Sequence, find
from msp.spec.patterns import quoted
from msp.spec.problem import MAX_PROBLEMS


class Finding(NamedTuple):
    """Something wrong with a field.

    Attributes:
        path: The field: `("rollout", "stages", 0, "environment")`.
        message: What is wrong, and what to write instead.
        at_key: Whether the field's name is meant rather than its value.
    """

    path: Path
    message: str
    at_key: bool = False


def findings(error: ValidationError, model: type[BaseModel], root: Node) -> Iterator[Finding]:
    """Everything that pydantic found wrong in a document, in our words."""
    details = error.errors(include_url=False, include_input=False)[:MAX_PROBLEMS]
    misspelt = {
        (*path[:-1], nearest(str(path[-1]), _fields(path[:-1], model)))
        for detail in details
        if detail["type"] == "extra_forbidden" and (path := detail["loc"])
    }
    for detail in details:
        path = detail["loc"]
        node = find(root, path)
        if not (_is_echo(detail, node) or (detail["type"] == "missing" and path in misspelt)):
            yield _finding(detail, path, node, model, root)


def _is_echo(detail: ErrorDetails, node: Node | None) -> bool:
    """Whether an error only follows from another one, which is reported for itself."""
    if detail["type"] == "too_short":  # pydantic counts only the items that are right
        return isinstance(node, Sequence) and bool(node.items)
    return detail["type"] == "default_factory_not_called" or bool(node and node.broken)


def _finding(  # noqa: PLR0911, PLR0912 - a table of the kinds of errors
    detail: ErrorDetails, path: Path, node: Node | None, model: type[BaseModel], root: Node
) -> Finding:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return Finding(path, _missing(path, model, root))
        case "extra_forbidden":
            return Finding(path, _unknown(str(path[-1]), _fields(path[:-1], model)), at_key=True)
        case _ if isinstance(node, Scalar) and node.value is None:
            return Finding(path, _no_value(path, model), at_key=not node.text)
        case "literal_error":
            return Finding(path, _not_one_of(node, path, model))
        case "form":
            return Finding(path, context["complaint"])
        case "string_type" | "word":
            return Finding(path, _not_text(node, path, model))
        case "greater_than_equal" | "less_than_equal":
            limit = context.get("ge", context.get("le"))
            bound = "at least" if "ge" in context else "at most"
            return Finding(path, f"must be {bound} {limit}, but is {_shown(node)}")
        case "too_long":
            return Finding(path, f"has more than {context['max_length']} items, which no service needs")
        case "too_short":
            return Finding(path, f"is empty; write at least one{_example(path, model)}")
        case "int_type" | "bool_type" as kind:
            return Finding(path, _not_value(kind, node, path, model))
        case "tuple_type":
            return Finding(path, f"must be a list, not {_kind(node)}{_example(path, model)}")
        case "model_type":
            names = ", ".join(f"`{name}`" for name in _fields(path, model))
            return Finding(path, f"must be a mapping with the fields {names}, not {_kind(node)}")
        case _:
            return Finding(path, detail["msg"])


def nearest(word: str, known: list[str]) -> str:
    """The known word that another one looks like a misspelling of; empty if none does."""
    return _nearest(word, tuple(known)) if len(word) <= 40 else ""


@lru_cache(maxsize=1024)
def _nearest(word: str, known: tuple[str, ...]) -> str:
    by_shape = {_shape(name): name for name in known}
    shape = _shape(word)
    begun = [other for other in by_shape if min(len(shape), len(other)) > 2 and _begins(shape, other)]
    close = begun or difflib.get_close_matches(shape, by_shape, n=1, cutoff=0.65)
    return by_shape[close[0]] if close else ""


def _begins(one: str, other: str) -> bool:
    """Whether one of the two is the beginning of the other."""
    return one.startswith(other) or other.startswith(one)


def _shape(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")


def _missing(path: Path, model: type[BaseModel], root: Node) -> str:
    parent = find(root, path[:-1])
    strangers = (
        [name for name in parent.entries if name not in _fields(path[:-1], model)]
        if isinstance(parent, Mapping)
        else []
    )
    if close := nearest(str(path[-1]), strangers):
        line = parent.entries[close].key.place.line if isinstance(parent, Mapping) else 0
        return f"is required; {quoted(close)} on line {line} looks like it"
    return f"is required{_example(path, model)}"


def _no_value(path: Path, model: type[BaseModel]) -> str:
    required = isinstance(path[-1], int) or _field_at(path, model).is_required()
    return f"has no value; write one{_example(path, model)}{'' if required else ', or remove the line'}"


def _unknown(name: str, known: list[str]) -> str:
    if close := nearest(name, known):
        return f"{quoted(name)} is not a field here; did you mean `{close}`?"
    return f"{quoted(name)} is not a field here; known are {', '.join(f'`{field}`' for field in known)}"


def _not_one_of(node: Node | None, path: Path, model: type[BaseModel]) -> str:
    choices = _choices(path, model)
    allowed = f"`{choices[0]}`" if len(choices) == 1 else f"one of {', '.join(f'`{choice}`' for choice in choices)}"
    close = nearest(node.text, choices) if isinstance(node, Scalar) else ""
    return f"must be {allowed}, but is {_shown(node)}" + (f"; did you mean `{close}`?" if close else "")


def _not_text(node: Node | None, path: Path, model: type[BaseModel]) -> str:
    if isinstance(node, Scalar):
        return f'must be a text, but {quoted(node.text)} is read as {_kind(node)}; write it in quotes: `"{node.text}"`'
    return f"must be a text, not {_kind(node)}{_example(path, model)}"


def _not_value(kind: str, node: Node | None, path: Path, model: type[BaseModel]) -> str:
    wanted = {"int_type": "a whole number", "bool_type": "`true` or `false`"}[kind]
    if (isinstance(node, Scalar) and not node.bare and node.text in ("true", "false")) or _is_digits(node):
        return f"must be {wanted}; write {_shown(node)} without quotes"
    return f"must be {wanted}, but is {_shown(node)}{_example(path, model)}"


def _is_digits(node: Node | None) -> bool:
    return isinstance(node, Scalar) and not node.bare and node.text.isdecimal()


def _shown(node: Node | None) -> str:
    return quoted(node.text) if isinstance(node, Scalar) else _kind(node)


def _kind(node: Node | None) -> str:
    match node:
        case Scalar(value=bool()):
            return "a boolean"
        case Scalar(value=int() | float()):
            return "a number"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=value):
            return getattr(value, "meaning", "a text")
        case Sequence():
            return "a list"
        case _:
            return "a mapping"


def _fields(path: Path, model: type[BaseModel]) -> list[str]:
    """The names of the fields that the mapping at a path has."""
    for name in path:
        if isinstance(name, str):
            model = _model_in(_field(name, model).annotation)
    return [str(field.alias) for field in model.model_fields.values()]


def _field_at(path: Path, model: type[BaseModel]) -> FieldInfo:
    *parents, last = [name for name in path if isinstance(name, str)]
    for name in parents:
        model = _model_in(_field(name, model).annotation)
    return _field(last, model)


def _field(alias: str, model: type[BaseModel]) -> FieldInfo:
    return next(field for field in model.model_fields.values() if field.alias == alias)


def _model_in(annotation: object) -> type[BaseModel]:
    """The model in an annotation such as `tuple[Stage, ...]` or `Rollout | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return _model_in(get_args(annotation)[0])


def _choices(path: Path, model: type[BaseModel]) -> list[str]:
    """The texts that a `Literal[…]` or `Literal[…] | None` takes."""

    def texts(annotation: object) -> Iterator[str]:
        for part in get_args(annotation):
            if isinstance(part, str):
                yield part
            else:
                yield from texts(part)

    return list(texts(_field_at(path, model).annotation))


def _example(path: Path, model: type[BaseModel]) -> str:
    """`, for example …`, from the model."""
    if not path or isinstance(path[-1], int):
        return ""
    examples = _field_at(path, model).examples or []
    return f", for example `{path[-1]}: {_flow(examples[0])}`" if examples else ""


def _flow(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return f"{{ {', '.join(f'{name}: {_flow(item)}' for name, item in value.items())} }}"
        case list():
            return f"[{', '.join(_flow(item) for item in value)}]"
        case _:
            return str(value)
