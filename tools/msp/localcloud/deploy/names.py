"""Names of Cloud Deploy's resources, taken apart and checked."""

import re

from msp.localcloud.status import invalid

_ID = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_LOCATION = re.compile(r"projects/[^/]+/locations/[^/]+")


def last(name: str) -> str:
    """The id at a name's end."""
    return name.rpartition("/")[2]


def parent(name: str) -> str:
    """The name of the resource that holds the one of this name."""
    return name.rsplit("/", 2)[0]


def location(name: str) -> str:
    """`projects/p/locations/l` of any name below it."""
    return _first(name, 4)


def pipeline(name: str) -> str:
    """The delivery pipeline's name of any name below it."""
    return _first(name, 6)


def release(name: str) -> str:
    """The release's name of any name below it."""
    return _first(name, 8)


def rollout(name: str) -> str:
    """The rollout's name of any name below it."""
    return _first(name, 10)


def target(anywhere: str, target_id: str) -> str:
    """The name of a target in the location of `anywhere`."""
    return f"{location(anywhere)}/targets/{target_id}"


def _first(name: str, segments: int) -> str:
    return "/".join(name.split("/", segments)[:segments])


def check_id(field: str, value: str) -> str:
    """The id, if it is one (google.cloud.deploy.v1 has the same pattern for all).

    Raises:
        ApiError: `INVALID_ARGUMENT`.
    """
    if not _ID.fullmatch(value):
        raise invalid(
            field,
            f"{value!r} must have 1 to 63 lower case letters, digits and hyphens, begin with a letter and end with a "
            "letter or digit",
        )
    return value


def check_location(field: str, value: str) -> str:
    """The name of a location, if it is one.

    Raises:
        ApiError: `INVALID_ARGUMENT`.
    """
    if not _LOCATION.fullmatch(value):
        raise invalid(field, f"{value!r} is not projects/PROJECT/locations/LOCATION")
    return value
