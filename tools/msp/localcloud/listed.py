"""The answer to a list, as it is stored: transports write it without making messages of its resources."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

_LENGTH_DELIMITED = 2


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list.

    Attributes:
        response_type: The class of the response, whose first field has the resources.
        payloads: The resources, serialized.
        next_page_token: The token of the next page; empty when this is the last.
    """

    response_type: type[Message]
    payloads: Sequence[bytes]
    next_page_token: str

    @property
    def field(self) -> Any:  # noqa: ANN401 (upb's own classes)
        """The descriptor of the response's field that has the resources."""
        return self.response_type.DESCRIPTOR.fields[0]

    def SerializeToString(self) -> bytes:  # noqa: N802 (as messages have it, so that gRPC sends either)
        """The response, serialized."""
        tag = _varint(self.field.number << 3 | _LENGTH_DELIMITED)
        resources = b"".join([part for payload in self.payloads for part in (tag, _varint(len(payload)), payload)])
        rest: Any = self.response_type()
        rest.next_page_token = self.next_page_token
        return resources + bytes(rest.SerializeToString())

    def message(self) -> Any:  # noqa: ANN401 (a message of the response's class)
        """The response."""
        return self.response_type.FromString(self.SerializeToString())


def _varint(number: int) -> bytes:
    """A number as protobuf writes lengths: seven bits a byte, the lowest first."""
    return bytes(_septets(number))


def _septets(number: int) -> Iterator[int]:
    while number > 0x7F:
        yield number & 0x7F | 0x80
        number >>= 7
    yield number
