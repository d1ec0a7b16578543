"""What a registry can do instead of what was asked for."""

from msp.gcp.errors import RemoteError


class RegistryError(RemoteError):
    """A registry refused, or answered what can't be.

    Attributes:
        code: Its own code, such as `DENIED` or `NAME_UNKNOWN`; empty where it gave none.
        http_status: The HTTP status; 0 where that isn't what is wrong.
    """

    code = ""
    http_status = 0


class DirectionError(RegistryError):
    """A registry sent us somewhere that we don't go."""
