"""Times as the page is told them: RFC 3339."""

from msp.localcloud.methods import AnyMessage


def first_time(message: AnyMessage, *fields: str) -> str:
    """The first of the timestamps that is set, `2026-11-24T12:00:00Z`; empty when none is."""
    return next((getattr(message, field).ToJsonString() for field in fields if message.HasField(field)), "")
