"""Fields that Google's REST APIs have and the messages of the installed client lack: kept as they came, and shown.

They travel in the message itself, as JSON in a field that its class does not know, so that whatever copies, snapshots
or stores the message keeps them. Once its class has a field, that is used.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any

from google.protobuf import json_format, unknown_fields
from google.protobuf.message import Message

from msp.localcloud.methods import AnyMessage
from msp.localcloud.status import ApiError, Code

_NUMBER = 100_000
"""The number of the unknown field: far beyond those that Google's messages use."""

_DEPLOY = "google.cloud.deploy.v1."
_STRATEGY = {"analysis": "Analysis", "verifyConfig": "Verify"}
FIELDS: Mapping[str, Mapping[str, str]] = {
    f"{_DEPLOY}CanaryDeployment": _STRATEGY,
    f"{_DEPLOY}CustomCanaryDeployment.PhaseConfig": _STRATEGY,
    f"{_DEPLOY}CustomTargetType": {"tasks": "CustomTargetTasks"},
    f"{_DEPLOY}Postdeploy": {"tasks": "Task[]"},
    f"{_DEPLOY}Predeploy": {"tasks": "Task[]"},
    f"{_DEPLOY}Release": {"toolVersions": "ToolVersions"},
    f"{_DEPLOY}Standard": _STRATEGY,
}
"""The newer fields of messages, with their types: `[]` is a list, `{}` is an object with such values."""

TYPES: Mapping[str, Mapping[str, str]] = {
    "AlertPolicyCheck": {"alertPolicies": "string[]", "id": "string", "labels": "string{}"},
    "Analysis": {"customChecks": "CustomCheck[]", "duration": "duration", "googleCloud": "GoogleCloudAnalysis"},
    "ContainerTask": {"args": "string[]", "command": "string[]", "env": "string{}", "image": "string"},
    "CustomCheck": {"frequency": "duration", "id": "string", "task": "Task"},
    "CustomTargetTasks": {"deploy": "Task", "render": "Task"},
    "GoogleCloudAnalysis": {"alertPolicyChecks": "AlertPolicyCheck[]"},
    "Task": {"container": "ContainerTask"},
    "ToolVersions": dict.fromkeys(("docker", "helm", "kpt", "kubectl", "kustomize", "skaffold"), "string"),
    "Verify": {"tasks": "Task[]"},
}
"""The types that are newer themselves, with their fields."""

_DURATION = re.compile(r"-?\d+(\.\d{1,9})?s")


@cache
def of(descriptor: AnyMessage) -> Mapping[str, str]:
    """The newer fields of a message that its class lacks, by their names in JSON, with their types."""
    known = {field.json_name for field in descriptor.fields}
    return {name: kind for name, kind in FIELDS.get(descriptor.full_name, {}).items() if name not in known}


def parse(value: Any, message: AnyMessage, at: str = "") -> None:  # noqa: ANN401 (any JSON)
    """Fills a message from JSON, newer fields included.

    Args:
        value: The JSON.
        message: What is filled.
        at: The message's path in the request, for errors.

    Raises:
        ParseError: By `json_format`.
        ApiError: `INVALID_ARGUMENT`: a newer field is not of its type.
    """
    if not _may_hold(message.DESCRIPTOR):
        json_format.ParseDict(value, message)
        return
    json_format.ParseDict(_without(value, message.DESCRIPTOR), message)
    for inner, inside, path in _pairs(value, message, at):
        newer = of(inside.DESCRIPTOR)
        given = {_camel(name): each for name, each in inner.items() if _camel(name) in newer and each is not None}
        if given:
            put(inside, {name: _checked(each, newer[name], _joined(path, name)) for name, each in given.items()})


def get(message: AnyMessage) -> dict[str, Any]:
    """The newer fields that a message has, as JSON."""
    unknown: AnyMessage = unknown_fields.UnknownFieldSet(message)
    # A message that was merged into another adds its own: the last one counts, as with any field.
    contents = [field.data for field in unknown if field.field_number == _NUMBER]
    return dict(json.loads(contents[-1])) if contents else {}


def put(message: AnyMessage, values: Mapping[str, Any]) -> None:
    """Gives a message these newer fields, and no others."""
    known = type(message)()
    for field, value in message.ListFields():
        if field.message_type is not None or field.is_repeated:
            (getattr(known, field.name).MergeFrom if field.is_repeated else getattr(known, field.name).CopyFrom)(value)
        else:
            setattr(known, field.name, value)
    message.CopyFrom(known)
    if values:
        content = json.dumps(values, ensure_ascii=False).encode()
        message.MergeFromString(_varint(_NUMBER << 3 | 2) + _varint(len(content)) + content)


def copy(source: Message, destination: Message, names: Collection[str]) -> None:
    """Has `destination` have of the newer fields in `names` what `source` has."""
    if names:
        kept = {name: value for name, value in get(destination).items() if name not in names}
        put(destination, kept | {name: value for name, value in get(source).items() if name in names})


def names_in(mask: Collection[str], descriptor: AnyMessage) -> set[str]:
    """The newer fields, as JSON names them, among the paths of a mask; a star stands for all."""
    newer = of(descriptor)
    return set(newer) if newer and "*" in mask else {name for path in mask if (name := _top(path)) in newer}


def shown(message: AnyMessage) -> Iterator[tuple[str, str]]:
    """The newer fields of a message, each with its JSON text."""
    if message.DESCRIPTOR.full_name in FIELDS:
        for name, value in get(message).items():
            yield name, json.dumps(value, ensure_ascii=False)


@cache
def _may_hold(descriptor: AnyMessage) -> bool:
    """Whether a newer field can be somewhere in a message."""
    seen, waiting = set(), [descriptor]
    while waiting:
        each = waiting.pop()
        if each.full_name not in seen:
            seen.add(each.full_name)
            waiting += [field.message_type for field in each.fields if field.message_type is not None]
    return not seen.isdisjoint(FIELDS)


def _without(value: Any, descriptor: AnyMessage) -> Any:  # noqa: ANN401 (any JSON)
    """JSON without newer fields."""
    if not isinstance(value, dict) or not _may_hold(descriptor):
        return value
    newer, kept = of(descriptor), {}
    for name, each in value.items():
        if _camel(name) not in newer:
            field = _field(descriptor, name)
            inside = None if field is None else field.message_type
            if inside is None:
                kept[name] = each
            elif isinstance(each, list):
                kept[name] = [_without(item, inside) for item in each]
            else:
                kept[name] = _without(each, inside)
    return kept


def _pairs(value: Any, message: AnyMessage, at: str) -> Iterator[tuple[dict[str, Any], Any, str]]:  # noqa: ANN401
    """Each object in JSON beside the message that was made of it, and its path."""
    if not isinstance(value, dict) or not _may_hold(message.DESCRIPTOR):
        return
    yield value, message, at
    for name, each in value.items():
        field = _field(message.DESCRIPTOR, name)
        if field is None or field.message_type is None or field.message_type.GetOptions().map_entry or not each:
            continue
        path, made = _joined(at, name), getattr(message, field.name)
        if field.is_repeated:
            for number, (item, of_it) in enumerate(zip(each, made, strict=True)):
                yield from _pairs(item, of_it, f"{path}[{number}]")
        else:
            yield from _pairs(each, made, path)


def _joined(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _field(descriptor: AnyMessage, name: str) -> AnyMessage | None:
    return descriptor.fields_by_camelcase_name.get(name) or descriptor.fields_by_name.get(name)


def _checked(value: Any, kind: str, at: str) -> Any:  # noqa: ANN401 (any JSON)
    """A value of a type, its names as JSON has them."""
    if kind.endswith("[]"):
        if not isinstance(value, list):
            raise _refused(f"Invalid value at '{at}' (a list), {json.dumps(value)[:100]}")
        return [_checked(each, kind[:-2], f"{at}[{number}]") for number, each in enumerate(value)]
    if kind.endswith("{}") and isinstance(value, dict):
        return {key: _checked(each, kind[:-2], f"{at}.{key}") for key, each in value.items()}
    if kind in TYPES and isinstance(value, dict):
        for name in value:
            if _camel(name) not in TYPES[kind]:
                raise _refused(f"Unknown name \"{name}\" at '{at}': Cannot find field.")
        return {
            _camel(name): _checked(each, TYPES[kind][_camel(name)], f"{at}.{name}")
            for name, each in value.items()
            if each is not None
        }
    if isinstance(value, str) and (kind == "string" or (kind == "duration" and _DURATION.fullmatch(value))):
        return value
    raise _refused(f"Invalid value at '{at}' ({kind}), {json.dumps(value)[:100]}")


def _refused(problem: str) -> ApiError:
    return ApiError(Code.INVALID_ARGUMENT, f"Invalid JSON payload received. {problem}")


def _top(path: str) -> str:
    return _camel(path.partition(".")[0])


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _varint(number: int) -> bytes:
    """A number as protobuf's wire format has it."""
    pieces = bytearray()
    while number > 0x7F:
        pieces.append(number & 0x7F | 0x80)
        number >>= 7
    pieces.append(number)
    return bytes(pieces)
