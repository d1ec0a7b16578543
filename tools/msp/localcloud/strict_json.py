"""JSON as RFC 8259 has it, from clients that may send anything."""

import json
from typing import Any


def loads(content: bytes) -> Any:  # noqa: ANN401 (any JSON value)
    """Reads JSON that can be written again: UTF-8, no NaN, no half of a surrogate pair, no endless nesting.

    Raises:
        ValueError: It is not such JSON; the message says why.
    """
    try:
        value = json.loads(content.decode(), parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
