"""What an id, a tag, a digest and a commit look like, and how long they may be.

The limits are those of `google.cloud.deploy_v1` (the docstrings of its types) and of the OCI's specifications.
"""

import re

from msp.errors import UsageError

MAX_ID = 63  # `[a-z]([a-z0-9-]{0,61}[a-z0-9])?`
MAX_RUN_SERVICE = 49  # Cloud Run's CreateServiceRequest.service_id: "must contain fewer than 50 characters"
MAX_LABEL = 63
MAX_LABELS = 64
MAX_DESCRIPTION = 255
MAX_ANNOTATIONS_BYTES = 256 << 10

TAG_RULE = "a tag is at most 128 letters, digits, _ . and -, and starts with none of the last two"

_ID = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")  # OCI distribution specification 1.1, "Pulling manifests"
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")  # OCI image specification 1.1, "Digests"
_COMMIT = re.compile(r"[0-9a-f]{12,}")
_SHORT_COMMIT = 12


class InvalidNameError(UsageError):
    """A name that Google's service would refuse, or a region that does not exist."""


def check_id(text: str, what: str, remedy: str, limit: int = MAX_ID) -> str:
    """The id itself, if Google's services take it.

    Args:
        text: The id: `msp-example-us-central1-rollout`.
        what: What it is the id of, for the message: `delivery pipeline`.
        remedy: How to mend a bad one, for the hint: `shorten service.id`.
        limit: The most characters.

    Raises:
        InvalidNameError: It is too long, or not lower-case letters, digits and dashes.
    """
    if len(text) > limit:
        raise InvalidNameError(
            f"{what} {text!r} has {len(text)} characters; at most {limit} are allowed", hint=f"To mend it, {remedy}."
        )
    if not _ID.fullmatch(text):
        raise InvalidNameError(
            f"{what} {text!r} is not a valid name: lower-case letters, digits and '-', "
            "beginning with a letter and ending with a letter or digit",
            hint=f"To mend it, {remedy}.",
        )
    return text


def is_tag(text: str) -> bool:
    """Whether a registry takes this as a tag."""
    return bool(_TAG.fullmatch(text))


def is_digest(text: str) -> bool:
    """Whether this is a digest of an algorithm that registries know: sha256 or sha512, in lower case."""
    return bool(_DIGEST.fullmatch(text))


def short_commit(commit: str) -> str:
    """The first 12 characters of a full commit hash."""
    if not _COMMIT.fullmatch(commit):
        raise InvalidNameError(
            f"{commit!r} is not a commit: at least {_SHORT_COMMIT} lower-case hexadecimal digits are needed",
            hint="Give the full hash, as `git rev-parse HEAD` prints it.",
        )
    return commit[:_SHORT_COMMIT]
