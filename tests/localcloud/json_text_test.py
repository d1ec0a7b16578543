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

from msp.localcloud.json_memory import JsonMemory
from msp.localcloud.json_text import json_text
from msp.localcloud.listed import Listed

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


@settings(max_examples=50, deadline=None)
@given(data=st.data(), token=st.text(max_size=3))
def test_a_page_is_its_response(data: st.DataObject, token: str) -> None:
    releases = [deploy.Release.pb()() for _ in range(data.draw(st.integers(0, 3)))]
    for release in releases:
        fill(data, release, 3)
    listed = Listed(deploy.ListReleasesResponse.pb(), [release.SerializeToString() for release in releases], token)
    response = deploy.ListReleasesResponse.pb()(releases=releases, next_page_token=token)
    assert listed.message() == response
    for numbers in (False, True):
        expected = json_format.MessageToDict(response, use_integers_for_enums=numbers)
        assert json.loads(json_text(listed, enum_numbers=numbers)) == expected


def test_long_resources_on_a_page() -> None:
    payloads = [
        deploy.Release.pb()(description="x" * size).SerializeToString() for size in (126, 127, 128, 2**14, 2**21)
    ]
    listed = Listed(deploy.ListReleasesResponse.pb(), payloads, "")
    assert [len(release.description) for release in listed.message().releases] == [126, 127, 128, 2**14, 2**21]


def test_the_memory_for_texts_is_bounded() -> None:
    memory, written = JsonMemory(most_bytes=3000), []

    def write(payload: bytes) -> str:
        written.append(payload)
        return payload.decode() * 1000

    for payload in (b"a", b"b", b"a", b"c", b"a", b"b"):
        assert memory.text("kind", payload, write) == payload.decode() * 1000
        assert memory.bytes <= 3000
    assert written == [b"a", b"b", b"c", b"b"], "the longest unused is forgotten"
    memory.text("other", b"b", write)
    assert len(written) == 5
    assert len(memory.text("kind", b"large", lambda _: "x" * 5000)) == 5000
    assert memory.bytes == 0


@pytest.mark.parametrize("seconds", [2**62, 253402300800])
def test_a_time_that_is_none_is_an_error(seconds: int) -> None:
    with pytest.raises(ValueError, match=r"[Tt]imestamp"):
        json_text(deploy.Target.pb()(create_time=timestamp_pb2.Timestamp(seconds=seconds)))
