"""The names of buckets and objects (https://cloud.google.com/storage/docs/buckets#naming, …/objects#naming)."""

import re

from msp.localcloud.storage.errors import StorageError, invalid

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


def check_bucket(name: object) -> str:
    """A bucket's name, as it is.

    Raises:
        StorageError: 400 `invalid`.
    """
    if (
        not isinstance(name, str)
        or not _BUCKET.fullmatch(name)
        or any(len(component) > 63 for component in name.split("."))
        or ".." in name
        or name.startswith("goog")
        or re.fullmatch(r"[0-9]+(\.[0-9]+){3}", name)
    ):
        raise invalid(f"Invalid bucket name: '{name}'")
    return name


def check_object(name: object) -> str:
    """An object's name, as it is.

    Raises:
        StorageError: 400 `required` or `invalid`.
    """
    if not isinstance(name, str) or not name:
        raise StorageError(400, "required", "Required")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise invalid("Object names are UTF-8.") from None
    if size > 1024 or name in {".", ".."} or re.search(r"[\r\n\0]", name):
        raise invalid(f"The specified object name is not valid: {name[:100]!r}")
    return name
