"""The grammar of names, tags and digests (distribution specification, "Pulling manifests")."""

import hashlib
import re

from msp.localcloud.registry.errors import RegistryError

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")


def check_name(name: str) -> str:
    """The name of a repository, e.g. `us.gcr.io/project/app`, as it is.

    Raises:
        RegistryError: `NAME_INVALID`.
    """
    if len(name) > 255 or not _NAME.fullmatch(name):
        raise RegistryError("NAME_INVALID", f"invalid repository name: {name!r}", detail={"name": name})
    return name


def check_tag(tag: str) -> str:
    """A tag, as it is.

    Raises:
        RegistryError: `TAG_INVALID`.
    """
    if not _TAG.fullmatch(tag):
        raise RegistryError("TAG_INVALID", f"invalid tag: {tag!r}", detail={"tag": tag})
    return tag


def check_digest(digest: str) -> str:
    """A digest, as it is: `sha256:…` or `sha512:…` in lower-case hexadecimal.

    Raises:
        RegistryError: `DIGEST_INVALID`.
    """
    if not is_digest(digest):
        raise RegistryError("DIGEST_INVALID", f"not a sha256 or sha512 digest: {digest!r}", detail={"digest": digest})
    return digest


def is_digest(text: str) -> bool:
    """Whether a text is a digest that the registry can verify."""
    return _DIGEST.fullmatch(text) is not None


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    """The digest of some bytes; the algorithm is `sha256` or `sha512`."""
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
