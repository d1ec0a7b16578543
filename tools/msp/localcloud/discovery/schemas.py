"""Messages as the schemas of a discovery document (https://developers.google.com/discovery/v1/type-format)."""

from typing import Any, TypeAlias

from google.protobuf.descriptor import FieldDescriptor

from msp.localcloud import newer_fields
from msp.localcloud.methods import AnyMessage

Schema: TypeAlias = dict[str, Any]
"""A schema, or a part of one, as JSON has it."""

_KINDS = FieldDescriptor
_SCALARS: dict[int, tuple[str, str]] = {
    _KINDS.TYPE_BOOL: ("boolean", ""),
    _KINDS.TYPE_BYTES: ("string", "byte"),
    _KINDS.TYPE_DOUBLE: ("number", "double"),
    _KINDS.TYPE_FLOAT: ("number", "float"),
    _KINDS.TYPE_STRING: ("string", ""),
    **dict.fromkeys((_KINDS.TYPE_INT32, _KINDS.TYPE_SINT32, _KINDS.TYPE_SFIXED32), ("integer", "int32")),
    **dict.fromkeys((_KINDS.TYPE_UINT32, _KINDS.TYPE_FIXED32), ("integer", "uint32")),
    # Larger numbers than JavaScript's are text in JSON.
    **dict.fromkeys((_KINDS.TYPE_INT64, _KINDS.TYPE_SINT64, _KINDS.TYPE_SFIXED64), ("string", "int64")),
    **dict.fromkeys((_KINDS.TYPE_UINT64, _KINDS.TYPE_FIXED64), ("string", "uint64")),
}
"""The type and the format of each type of field that holds one value."""

_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Any": {"type": "object", "additionalProperties": {"type": "any"}},
    "google.protobuf.Duration": {"type": "string", "format": "google-duration"},
    "google.protobuf.FieldMask": {"type": "string", "format": "google-fieldmask"},
    "google.protobuf.ListValue": {"type": "array", "items": {"type": "any"}},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": {"type": "any"}},
    "google.protobuf.Timestamp": {"type": "string", "format": "google-datetime"},
    "google.protobuf.Value": {"type": "any"},
}


class Schemas:
    """The schemas that a document needs: those of the messages that were referred to, and of all that is in them."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._made: dict[str, Schema] = {}

    def reference(self, descriptor: AnyMessage) -> Schema:
        """What stands for a message, `{"$ref": "Release"}`; its schema is in the document then."""
        known = _WELL_KNOWN.get(descriptor.full_name)
        if known is not None:
            return known
        if descriptor.full_name not in self._names:
            self._names[descriptor.full_name] = name = self._free_name(descriptor)
            # It is there before its fields are looked at, which may lead back to it.
            schema = self._made.setdefault(name, {"id": name, "type": "object"})
            schema["properties"] = {each.json_name: self.property(each) for each in descriptor.fields}
            schema["properties"] |= {each: self._newer(kind) for each, kind in newer_fields.of(descriptor).items()}
        return {"$ref": self._names[descriptor.full_name]}

    def property(self, field: AnyMessage) -> Schema:
        """The schema of a field."""
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return {"type": "object", "additionalProperties": self._one(field.message_type.fields_by_name["value"])}
        return {"type": "array", "items": self._one(field)} if field.is_repeated else self._one(field)

    def to_json(self) -> dict[str, Schema]:
        """All schemas, by their names."""
        return dict(sorted(self._made.items()))

    def _one(self, field: AnyMessage) -> Schema:
        if field.message_type is not None:
            return dict(self.reference(field.message_type))
        if field.enum_type is not None:
            return {"type": "string", "enum": [value.name for value in field.enum_type.values]}
        kind, form = _SCALARS[field.type]
        return {"type": kind, "format": form} if form else {"type": kind}

    def _newer(self, kind: str) -> Schema:
        """The schema of a type that no message of the installed client is."""
        if kind.endswith("[]"):
            return {"type": "array", "items": self._newer(kind[:-2])}
        if kind.endswith("{}"):
            return {"type": "object", "additionalProperties": self._newer(kind[:-2])}
        if kind not in newer_fields.TYPES:
            return {"type": "string", "format": "google-duration"} if kind == "duration" else {"type": kind}
        if kind not in self._made:
            schema = self._made.setdefault(kind, {"id": kind, "type": "object"})
            schema["properties"] = {each: self._newer(inner) for each, inner in newer_fields.TYPES[kind].items()}
        return {"$ref": kind}

    def _free_name(self, descriptor: AnyMessage) -> str:
        """The message's own name; that of the message around it before it, where two have the same."""
        name = str(descriptor.name)
        around = descriptor.containing_type
        while name in self._made and around is not None:
            name, around = f"{around.name}{name}", around.containing_type
        while name in self._made:
            name += "_"
        return name
