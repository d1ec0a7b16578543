"""Names of images: a repository in a registry, and a tag or a digest in it."""

import re
from dataclasses import dataclass

from msp.errors import UsageError
from msp.names.grammar import TAG_RULE, is_digest, is_tag

# The grammar of https://pkg.go.dev/github.com/distribution/reference.
_HOST = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
)
_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_MAX_NAME = 255


class InvalidReferenceError(UsageError):
    """The text doesn't name an image."""


@dataclass(frozen=True)
class Repository:
    """Where an image's versions are: `us.gcr.io/sourcegraph-dev/msp-example`.

    Attributes:
        host: The registry, with its port if it has one.
        name: The repository in it.
    """

    host: str
    name: str

    def __str__(self) -> str:
        return f"{self.host}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> "Repository":
        """Reads `HOST/NAME`, without a tag or a digest.

        Raises:
            InvalidReferenceError: It is something else; the message says what.
        """
        reference = Reference.parse(text)
        if reference.tag or reference.digest:
            extra = f":{reference.tag}" if reference.tag else f"@{reference.digest}"
            raise InvalidReferenceError(f"{text!r} names one image, not a repository", hint=f"leave out {extra}")
        return reference.repository


@dataclass(frozen=True)
class Reference:
    """An image: `HOST/NAME`, and with it `:TAG`, `@DIGEST`, both or neither.

    Attributes:
        repository: Where it is.
        tag: Empty where there is none.
        digest: `sha256:…`; empty where there is none.
    """

    repository: Repository
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Reads `HOST/NAME[:TAG][@DIGEST]`. The host is never guessed: `ubuntu` alone is refused.

        Raises:
            InvalidReferenceError: It is something else; the message says what.
        """
        scheme, has_scheme, bare = text.partition("://")
        if has_scheme:
            raise InvalidReferenceError(
                f"{text!r} is an address, not an image's name", hint=f"leave out {scheme}://: {bare.rstrip('/')}"
            )
        rest, at, digest = text.partition("@")
        if at and not is_digest(digest):
            raise InvalidReferenceError(
                f"{text!r}: {digest!r} is not a digest", hint="a digest is sha256: and 64 of 0-9 a-f"
            )
        host, slash, rest = rest.partition("/")
        if not slash or not _looks_like_host(host):
            raise InvalidReferenceError(
                f"{text!r} does not start with a registry", hint="write it out: us.gcr.io/project/app"
            )
        if not _HOST.fullmatch(host):
            raise InvalidReferenceError(f"{text!r}: {host!r} is not a registry's host")
        name, colon, tag = rest.partition(":")
        if colon and not is_tag(tag):
            raise InvalidReferenceError(f"{text!r}: {tag!r} is not a tag", hint=TAG_RULE)
        if not _NAME.fullmatch(name) or len(f"{host}/{name}") > _MAX_NAME:
            raise InvalidReferenceError(
                f"{text!r}: {name!r} is not a repository's name",
                hint="lower case letters and digits, separated by / . _ __ or -, at most 255 with the host",
            )
        return cls(Repository(host, name), tag, digest)


def _looks_like_host(text: str) -> bool:
    # Docker's own rule for telling a registry from the first part of a name on Docker Hub.
    return "." in text or ":" in text or text == "localhost"
