"""Content as files: streamed in, verified, and put in its place only when whole; streamed out, whole or in part."""

from msp.localcloud.content.body import RequestBody
from msp.localcloud.content.directory import ContentDirectory
from msp.localcloud.content.locks import Locks
from msp.localcloud.content.ranges import Part, RangeNotSatisfiableError, requested_part
from msp.localcloud.content.spool import Hash, LengthError, Spool, pieces
from msp.localcloud.content.stream import FileAnswer

__all__ = [
    "ContentDirectory",
    "FileAnswer",
    "Hash",
    "LengthError",
    "Locks",
    "Part",
    "RangeNotSatisfiableError",
    "RequestBody",
    "Spool",
    "pieces",
    "requested_part",
]
