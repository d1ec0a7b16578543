"""Names of enum values as clients spell them: Google's servers take `Delete` for `DELETE`, `json_format` does not."""

from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor


def with_known_enums(value: Any, descriptor: Descriptor) -> Any:  # noqa: ANN401 (any JSON value)
    """A message's JSON in which each enum value has its own name, if it differs from one in case or dashes alone.

    Args:
        value: The JSON as sent; it is left as it is.
        descriptor: What the message is.
    """
    if not isinstance(value, dict) or descriptor.full_name.startswith("google.protobuf."):
        return value
    names = {**descriptor.fields_by_name, **descriptor.fields_by_camelcase_name}
    return {name: _field(inner, names[name]) if name in names else inner for name, inner in value.items()}


def _field(value: Any, field: FieldDescriptor) -> Any:  # noqa: ANN401 (any JSON value)
    if isinstance(value, list):
        return [_field(each, field) for each in value]
    if field.enum_type is not None:
        return _name(value, field.enum_type)
    if field.message_type is None:
        return value
    if field.message_type.GetOptions().map_entry and isinstance(value, dict):
        inner = field.message_type.fields_by_name["value"]
        return {key: _field(each, inner) for key, each in value.items()}
    return with_known_enums(value, field.message_type)


def _name(value: Any, enum: EnumDescriptor) -> Any:  # noqa: ANN401 (any JSON value)
    if not isinstance(value, str) or value in enum.values_by_name:
        return value
    spelled = value.upper().replace("-", "_")
    return spelled if spelled in enum.values_by_name else value
