"""What `json_format` writes is what is written here, for any message."""

import json
from typing import Any

import pytest
from google.cloud.artifactregistry_v1 import types as artifacts
from google.cloud.deploy_v1 import types as deploy
from google.longrunning import operations_pb2
from google.protobuf import any_pb2, json_format, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.rpc import status_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from msp.localcloud.json_text import json_text

MESSAGES = [
    *(deploy.Release, deploy.Rollout, deploy.Target, deploy.DeliveryPipeline, deploy.JobRun, deploy.DeployPolicy),
    *(deploy.AutomationRun, deploy.ListReleasesResponse, artifacts.Repository, artifacts.DockerImage),
]
_NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_ENUM: st.integers(0, 12),
}


def fill(data: st.DataObject, message: Any, depth: int) -> None:
    if isinstance(message, timestamp_pb2.Timestamp):
        message.seconds = data.draw(st.integers(-62135596800, 253402300799))
        message.nanos = data.draw(st.integers(0, 999) | st.sampled_from([5_000_000, 123_000, 999_999_999]))
        return
    fields = list(message.DESCRIPTOR.fields)
    if not fields or message.DESCRIPTOR.full_name in {"google.protobuf.Any", "google.protobuf.Duration"}:
        return
    for field in data.draw(st.lists(st.sampled_from(fields), max_size=4)):
        own = getattr(message, field.name)
        if field.message_type is None:
            value = data.draw(scalar(field))
            own.append(value) if field.is_repeated else setattr(message, field.name, value)
        elif field.message_type.GetOptions().map_entry:
            key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
            if value.message_type is None:
                own[data.draw(scalar(key))] = data.draw(scalar(value))
            elif depth:
                fill(data, own[data.draw(scalar(key))], depth - 1)
        elif depth:
            inner = own.add() if field.is_repeated else own
            if not field.is_repeated:
                inner.SetInParent()
            fill(data, inner, depth - 1)


def scalar(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=5)
    return _NUMBERS.get(field.cpp_type, st.text(max_size=5))


def same(message: Message) -> None:
    for numbers in (False, True):
        expected = json_format.MessageToDict(message, use_integers_for_enums=numbers)
        # NaN is a string in both, and strings are equal.
        assert json.loads(json_text(message, enum_numbers=numbers)) == expected
        assert list(json.loads(json_text(message, enum_numbers=numbers))) == list(expected)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), kind=st.sampled_from(MESSAGES))
def test_any_message(data: st.DataObject, kind: Any) -> None:
    message = kind.pb()()
    fill(data, message, 3)
    same(message)


def test_what_has_a_form_of_its_own() -> None:
    packed = any_pb2.Any()
    packed.Pack(deploy.Target.pb()(name="a", labels={"b": 'quote " and ü'}))
    same(operations_pb2.Operation(name="o", done=True, response=packed))
    same(operations_pb2.Operation(error=status_pb2.Status(code=5, details=[packed])))
    struct = struct_pb2.Struct()
    struct.update({"a": [1, None, {"b": True}]})
    same(struct)


def test_a_resource_that_has_changed_is_written_anew() -> None:
    message = deploy.Target.pb()(name="a")
    same(message)
    message.description = "changed"
    same(message)


@pytest.mark.parametrize("seconds", [2**62, 253402300800])
def test_a_time_that_is_none_is_an_error(seconds: int) -> None:
    with pytest.raises(ValueError, match=r"[Tt]imestamp"):
        json_text(deploy.Target.pb()(create_time=timestamp_pb2.Timestamp(seconds=seconds)))
