"""The forms that Google's documentation gives for names, keys and times in what users write."""

import re
from datetime import timedelta

from msp.localcloud.methods import AnyMessage
from msp.localcloud.status import invalid

_ANNOTATION_NAME = re.compile(r"[a-z0-9A-Z]([\w.-]{0,61}[a-z0-9A-Z])?", re.ASCII)
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_LONGEST_DOMAIN = 253
_LONGEST_WAIT = timedelta(days=14)
_EXECUTION_TIMES = (timedelta(minutes=10), timedelta(hours=24))


def check_name(field: str, value: str, form: str) -> None:
    """Checks the name of a resource, which may be another service's.

    Args:
        field: The field's path, `target.gke.cluster`.
        value: The name.
        form: Its form, a word in braces for each id: `projects/{project}/locations/{location}/clusters/{cluster}`.

    Raises:
        ApiError: `INVALID_ARGUMENT`, with the field's path; so do all functions here.
    """
    if not re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", form), value):
        raise invalid(field, f"{value!r} is not of the form {form}")


def check_annotation_key(field: str, key: str) -> None:
    """Checks a key as Kubernetes has them: a name, before which there may be a domain and a slash."""
    prefix, slash, name = key.rpartition("/")
    if not _ANNOTATION_NAME.fullmatch(name):
        raise invalid(
            field,
            f"the name in the key {key!r} must have 1 to 63 letters, digits, '-', '_' and '.', and begin and end with "
            "a letter or digit",
        )
    if slash and (len(prefix) > _LONGEST_DOMAIN or not _DOMAIN.fullmatch(prefix)):
        raise invalid(field, f"what is before the slash in the key {key!r} must be a domain, e.g. example.com")


def check_wait(field: str, wait: AnyMessage) -> None:
    """Checks how long an automation waits."""
    length = wait.ToTimedelta()
    if not timedelta(0) <= length <= _LONGEST_WAIT:
        raise invalid(field, f"must be from 0 to 14 days, not {length}")


def check_execution_timeout(field: str, timeout: AnyMessage) -> None:
    """Checks how long a render or a job may take."""
    shortest, longest = _EXECUTION_TIMES
    if not shortest <= timeout.ToTimedelta() <= longest:
        raise invalid(field, f"must be from 10 minutes to 24 hours, not {timeout.ToTimedelta()}")
