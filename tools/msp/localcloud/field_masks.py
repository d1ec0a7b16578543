"""Which fields of an answer its caller wants (https://cloud.google.com/apis/docs/system-parameters, `fields`).

`name,state`, `releases(name,uid),nextPageToken`, `releases/name` and `releases.name` are all masks; `*` is all fields.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from google.protobuf import any_pb2, descriptor_pool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2

from msp.localcloud import newer_fields
from msp.localcloud.listed import Listed
from msp.localcloud.methods import AnyMessage
from msp.localcloud.status import ApiError, Code

HEADER = "x-goog-fieldmask"
"""The header, or gRPC's metadata, that holds a mask."""

PARAMETERS = ("$fields", "fields")
"""The parameters of a query that hold one."""

Tree: TypeAlias = Mapping[str, "Tree"]
"""The wanted fields of a message as they were named, each with those wanted in it; all when there is none."""

_TOKEN = re.compile(r"\s*([A-Za-z_][\w-]*|\*|[,/.()])\s*")
_MARKS = frozenset(",/.()")
_MOST_TOKENS = 1000
_MOST_SHOWN = 100
_LEAVES = frozenset(f"google.protobuf.{name}" for name in ("Timestamp", "Duration", "FieldMask", "Empty"))


def parse(text: str) -> Tree:
    """Reads a mask.

    Args:
        text: `releases(name,renderState),nextPageToken`; empty for all fields.

    Raises:
        ApiError: `INVALID_ARGUMENT`.
    """
    tokens = deque(_TOKEN.findall(text))
    if "".join(tokens) != re.sub(r"\s", "", text) or len(tokens) > _MOST_TOKENS:
        raise _no_such(text[:_MOST_SHOWN])
    tree = _read_fields(tokens) if tokens else {}
    if tokens:
        raise _no_such("".join(tokens)[:_MOST_SHOWN])
    return tree


def _read_fields(tokens: deque[str]) -> Tree:
    tree: dict[str, Tree] = {}
    while True:
        name, inner = _read_field(tokens)
        tree[name] = _both(tree[name], inner) if name in tree else inner
        if not tokens or tokens[0] != ",":
            return tree
        tokens.popleft()


def _read_field(tokens: deque[str]) -> tuple[str, Tree]:
    if not tokens or tokens[0] in _MARKS:
        raise _no_such(tokens[0] if tokens else "")
    name = tokens.popleft()
    if tokens and tokens[0] in {"/", "."}:
        tokens.popleft()
        return name, dict([_read_field(tokens)])
    if tokens and tokens[0] == "(":
        tokens.popleft()
        inner = _read_fields(tokens)
        if not tokens or tokens.popleft() != ")":
            raise _no_such(name)
        return name, inner
    return name, {}


def _both(one: Tree, other: Tree) -> Tree:
    """What is wanted by either; all when one of them wants all."""
    if not one or not other:
        return {}
    return {
        name: _both(one[name], other[name]) if name in one and name in other else {**one, **other}[name]
        for name in {**one, **other}
    }


def check(tree: Tree, message_type: type[Message]) -> None:
    """Refuses a mask that names what messages of a type can't have.

    Raises:
        ApiError: `INVALID_ARGUMENT`, with the path.
    """
    for path in _missing(tree, message_type.DESCRIPTOR, ""):
        raise _no_such(path)


def select(message: AnyMessage, tree: Tree) -> AnyMessage:
    """The message, or the page of a list, with the wanted fields alone; itself when all are wanted."""
    if not tree or ("*" in tree and not tree["*"]):
        return message
    if isinstance(message, Listed):
        message = message.message()
    if isinstance(message, any_pb2.Any):
        return _select_packed(message, tree)
    kept = type(message)()
    for field, value in message.ListFields():
        wanted = _wanted(field, tree)
        if wanted is not None and (not wanted or _has_fields(field)):
            _select_field(kept, field, value, wanted)
    newer_fields.copy(message, kept, newer_fields.names_in(tree, message.DESCRIPTOR))
    return kept


def _select_field(kept: AnyMessage, field: AnyMessage, value: AnyMessage, wanted: Tree) -> None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        getattr(kept, field.name).MergeFrom(value)
        for key in [key for key in value if wanted and "*" not in wanted and str(key) not in wanted]:
            del getattr(kept, field.name)[key]
    elif field.is_repeated:
        getattr(kept, field.name).extend(select(each, wanted) if wanted else each for each in value)
    elif field.message_type is not None:
        getattr(kept, field.name).CopyFrom(select(value, wanted))
    else:
        setattr(kept, field.name, value)


def _select_packed(message: any_pb2.Any, tree: Tree) -> any_pb2.Any:
    try:
        inner = GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(message.TypeName()))()
    except KeyError:
        return message
    message.Unpack(inner)
    packed = any_pb2.Any()
    packed.Pack(select(inner, tree))
    return packed


def _wanted(field: AnyMessage, tree: Tree) -> Tree | None:
    """What of a field is wanted; `None` when it isn't."""
    for name in (field.json_name, field.name, "*"):
        if name in tree:
            return tree[name]
    return None


def _missing(tree: Tree, descriptor: AnyMessage, above: str) -> Iterator[str]:
    """The paths in a mask that lead nowhere."""
    known = {name: field for field in descriptor.fields for name in (field.name, field.json_name)}
    for name, inner in tree.items():
        path = f"{above}.{name}" if above else name
        if name == "*":
            continue  # of each field, what it has of that
        field = known.get(name)
        if newer_fields.names_in([name], descriptor):
            continue
        if field is None:
            yield path
        elif inner and not _has_fields(field):
            yield f"{path}.{next(iter(inner))}"
        elif inner and not _is_open(field.message_type):
            yield from _missing(inner, field.message_type, path)


def _has_fields(field: AnyMessage) -> bool:
    return field.message_type is not None and field.message_type.full_name not in _LEAVES


def _is_open(descriptor: AnyMessage) -> bool:
    """Whether what is in a message can't be known before: what is packed, the keys of a map."""
    return bool(descriptor.GetOptions().map_entry) or descriptor.full_name == "google.protobuf.Any"


def _no_such(path: str) -> ApiError:
    problem = f"Error expanding 'fields' parameter. Cannot find matching fields for path '{path}'."
    violation = error_details_pb2.BadRequest.FieldViolation(field=path, description=problem)
    detail = error_details_pb2.BadRequest(field_violations=[violation])
    return ApiError(Code.INVALID_ARGUMENT, "Request contains an invalid argument.", (detail,))
