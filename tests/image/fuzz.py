"""Feeds mutated answers and files to what reads them, and looks for crashes, slowness and secrets in what is said.

    PYTHONPATH=tools:. python tests/image/fuzz.py --inputs=1000000 --seed=1

Every input is one of the corpus with bytes, words or parts of its JSON changed, of at most 64 KiB: a challenge, a token
service's answer, a place to go on at, a registry's error, what it has as a manifest, a layout's manifest, index and own
files, a Docker config or a credential helper's answer. It must be read or be refused with an error of ours, that shows
no secret and nothing that a terminal acts on, within 250 ms of the processor's time. An input that does worse is kept
in a file, and the run ends with exit code 1. The same seed gives the same inputs.
"""

import base64
import hashlib
import io
import json
import math
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import urllib3
from tests.fuzzing.campaign import Campaign, Reader, options
from tests.fuzzing.mutations import Vocabulary, cut, flip_bytes

from msp.errors import MspError
from msp.gcp.bounds import Answer
from msp.gcp.deadline import NO_DEADLINE
from msp.image.challenges import MAX_CHALLENGE_BYTES, parse_challenges
from msp.image.credential_helper import parse_helper_answer
from msp.image.errors import RegistryError
from msp.image.keychain import Keychain
from msp.image.layout import OCI_INDEX, OCI_MANIFEST, Layout, LayoutError
from msp.image.origin import Origin
from msp.image.repository import RemoteRepository, parse_error
from msp.image.token_authentication import Authenticator
from msp.image.tokens import is_token, parse_token
from msp.image.transport import Transport
from msp.names.grammar import is_digest
from msp.names.references import Repository

MAX_SECONDS = 0.25
MAX_INPUT_BYTES = 64 << 10

SECRET = "hunter2"
HOST = "r.example.com"
DIGEST = "sha256:" + "0" * 64

WORDS = r"""
null true false NaN Infinity -Infinity 1e400 -1 0 1.5 "" "\ud800" "\u0000" "\r\n::error::x" "\u202e" [] {} [[ {{ ]] }}
: , " \ = Bearer Basic bearer realm="https://auth.example.com/token" realm="http://[bad" service= scope="a:b:c d"
Negotiate http://[bad https://169.254.169.254/ //127.0.0.1/ https://user:p@r.example.com/ file:///etc/passwd ../..
?a=b# %00 :99999 mediaType digest size manifests config layers annotations platform auths auth credsStore credHelpers
identitytoken registrytoken username password token access_token expires_in errors code message Username Secret
schemaVersion sha256: sha512: imageLayoutVersion 1.0.0
""".split()  # noqa: SIM905
WORDS += ["\t", "\r\n", "\n", "\0", "\x1b[31m", "\x7f", "\x85", "\u2028", "\ufeff", " ", "9" * 400, '"' * 9, "\\" * 9]
ODD: list[Any] = [
    None, True, False, 0, -1, 10**400, 1.5, math.inf, math.nan, "", "\ud800", "\r\n::error::x", "\u202e\x9b", "\0",
    "x" * 9999, SECRET + "\n", [], {}, [[]], [None], {"": None}, DIGEST, "sha512:" + "0" * 128, OCI_INDEX,
    OCI_MANIFEST, 1 << 63,
]  # fmt: skip
PIECES = [
    "[", '{"a":', '"', '\\"', 'a="', "a=,", 'Bearer realm="x",', " ", "\t", ",", "=", "%", "../", "\\ud800", "9", "x",
    "[],",
]  # fmt: skip

VOCABULARY = Vocabulary(WORDS, PIECES, [3, 40, 1000, 8000, 60_000], ODD)
MUTATIONS = [flip_bytes, cut, VOCABULARY.insert_words, VOCABULARY.repeat, *[VOCABULARY.change_json] * 3]


class Response(urllib3.HTTPResponse):
    """An answer that needs no connection."""

    def __init__(self, data: bytes, status: int = 200) -> None:
        super().__init__(io.BytesIO(data), status=status, preload_content=False)


class Pool:
    """Answers every request with the same."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def request(self, _method: str, url: str, *, headers: dict[str, str], **_options: object) -> Response:
        if not all(value.isprintable() and value.isascii() for value in (url, *headers.values())):
            raise AssertionError("what would be sent can't be")
        return Response(self._data)


class Files:
    """A folder with a Docker config of somebody who is logged in, and a layout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.layout = folder / "layout"
        (self.layout / "blobs/sha256").mkdir(parents=True)
        self.config = self.blob(b"{}", "application/vnd.oci.image.config.v1+json")
        self.layer = self.blob(b"layer", "application/vnd.oci.image.layer.v1.tar+gzip")
        manifest = {"schemaVersion": 2, "config": self.config, "layers": [self.layer], "annotations": {"a": "b"}}
        self.manifest_bytes = json.dumps(manifest).encode()
        self.image = self.blob(self.manifest_bytes, OCI_MANIFEST)
        listed = {**self.image, "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}}
        self.index_bytes = json.dumps({"schemaVersion": 2, "manifests": [listed, listed]}).encode()
        self.marker = b'{"imageLayoutVersion": "1.0.0"}'
        self.keep = set((self.layout / "blobs/sha256").iterdir())
        login = {"auths": {HOST: {"auth": base64.b64encode(f"user:{SECRET}".encode()).decode()}}}
        (folder / "login").mkdir()
        (folder / "login/config.json").write_text(json.dumps(login))
        (folder / "config").mkdir()

    def blob(self, content: bytes, media_type: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (self.layout / "blobs/sha256" / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    def read(self, index: bytes, marker: bytes) -> str:
        (self.layout / "index.json").write_bytes(index)
        (self.layout / "oci-layout").write_bytes(marker)
        try:
            layout = Layout(self.layout)
        except LayoutError as error:
            return unfit(error)
        finally:
            for path in set((self.layout / "blobs/sha256").iterdir()) - self.keep:
                path.unlink()
        return "" if all(is_digest(manifest.descriptor.digest) for manifest in layout.manifests) else "no digest"

    def keychain(self, which: str) -> Keychain:
        return Keychain(None, {"DOCKER_CONFIG": str(self.folder / which), "PATH": "/nowhere"})


def unfit(error: MspError) -> str:
    """What is wrong with an error of ours; nothing where it can be shown to anybody."""
    if isinstance(error, LayoutError):
        return unshowable(error)  # An image has no secrets, so what is odd in it may be quoted.
    seen: list[BaseException] = []
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is not None and one not in seen:
            seen.append(one)
            left += [one.__cause__, one.__context__]
    said = " ".join(f"{one} {one!r} {vars(one)!r}" for one in seen)
    # A helper's name isn't secret, and stands in the same file.
    if SECRET in said and f"docker-credential-{SECRET}" not in said.replace("\\", ""):
        return "it shows a secret"
    return unshowable(error)


def unshowable(error: MspError) -> str:
    """What is wrong with an error's message, whatever it is about."""
    if not error.message.isprintable():
        return f"it shows what a terminal acts on: {error.message!r}"
    return "" if len(error.message) < 4000 else "it is too long"


def resolve(host: str) -> tuple[str, ...]:
    return ("127.0.0.1",) if host == "localhost" else ("93.184.215.14",)


def authenticator(files: Files, pool: Pool, which: str = "login") -> Authenticator:
    return Authenticator(
        cast("urllib3.PoolManager", pool),
        files.keychain(which),
        host=HOST,
        origin=Origin(f"https://{HOST}", resolve),
        scopes=["repository:p/app:pull,push"],
    )


def remote(files: Files, data: bytes) -> RemoteRepository:
    pool = Pool(data)
    signer = authenticator(files, pool)
    origin = Origin(f"https://{HOST}", resolve)
    transport = Transport(cast("urllib3.PoolManager", pool), signer, origin, NO_DEADLINE)
    return RemoteRepository(transport, signer, Repository(HOST, "p/app"), f"https://{HOST}/v2/p/app", "")


def read_challenge(data: bytes, files: Files) -> str:
    text = data.decode("latin-1")  # As http.client reads headers.
    challenges = [text[:MAX_CHALLENGE_BYTES], text]
    parse_challenges(challenges)
    signer = authenticator(files, Pool(b'{"token": "t"}'))
    signer.accept(challenges, "")
    return "" if signer.header().isascii() else "a header that can't be sent"


def read_token(data: bytes, files: Files) -> str:
    token = parse_token(data)
    if token is not None and not (is_token(token.value) and 0 < token.seconds <= 86400):
        return "a token that is none"
    signer = authenticator(files, Pool(data))
    signer.accept([f'Bearer realm="https://{HOST}/token"'], "")
    return "" if signer.header().isascii() and signer.header().isprintable() else "a header that can't be sent"


def read_location(data: bytes, _files: Files) -> str:
    target = Origin(f"https://{HOST}", resolve).target(f"https://{HOST}/v2/p/app/", data.decode("latin-1"))
    fine = target.startswith("https://") and target.isascii() and target.isprintable()
    return "" if fine else f"an address that can't be asked: {target!r}"


def read_refusal(data: bytes, files: Files) -> str:
    parse_error(data)
    try:
        remote(files, data)._expect(Answer(403, urllib3.HTTPHeaderDict(), data), 200, "asking")
    except RegistryError as error:
        return unfit(error)
    return "nothing was refused"


def read_digest(data: bytes, files: Files) -> str:
    digest = remote(files, data).read_digest("t")
    return "" if digest == "sha256:" + hashlib.sha256(data).hexdigest() else "another digest"


def read_config(data: bytes, files: Files) -> str:
    (files.folder / "config/config.json").write_bytes(data)
    login = files.keychain("config").login(HOST)
    return "" if login.is_sendable and SECRET not in repr(login) else "a login that can't be sent"


def read_helper(data: bytes, _files: Files) -> str:
    login = parse_helper_answer(data)
    return "" if login is None or SECRET not in repr(login) else "it shows a secret"


def read_manifest(data: bytes, files: Files) -> str:
    return files.read(json.dumps({"manifests": [files.blob(data, OCI_MANIFEST)]}).encode(), files.marker)


def read_index(data: bytes, files: Files) -> str:
    return files.read(json.dumps({"manifests": [files.blob(data, OCI_INDEX)]}).encode(), files.marker)


def read_layout(data: bytes, files: Files) -> str:
    return files.read(data, files.marker)


def read_marker(data: bytes, files: Files) -> str:
    return files.read(json.dumps({"manifests": [files.image]}).encode(), data)


Read = Callable[[bytes, Files], str]


def corpus(files: Files) -> list[tuple[Read, list[bytes]]]:
    auth = base64.b64encode(f"user:{SECRET}".encode()).decode()
    return [
        (read_challenge, [
            b'Bearer realm="https://auth.example.com/token",service="registry",scope="repository:p/app:pull,push"',
            b'Basic realm="a, Bearer b", Bearer realm="c\\"d"', b"Negotiate YWJj==, Basic realm=r",
        ]),
        (read_token, [
            json.dumps({"token": f"{SECRET}", "expires_in": 300, "issued_at": "2026-01-01T00:00:00Z"}).encode(),
            json.dumps({"access_token": f"{SECRET}", "expires_in": 1.5, "refresh_token": SECRET}).encode(),
        ]),
        (read_location, [
            b"/v2/p/app/blobs/uploads/1?state=a%2Bb", b"https://storage.example.com/u?signature=s",
            b"http://r.example.com:443/u", b"//localhost/u", b"1?a=b",
        ]),
        (read_refusal, [
            json.dumps({"errors": [{"code": "DENIED", "message": f"no: {SECRET}", "detail": {"a": []}}]}).encode(),
        ]),
        (read_digest, [files.manifest_bytes, files.index_bytes]),
        (read_manifest, [files.manifest_bytes]),
        (read_index, [files.index_bytes]),
        (read_layout, [json.dumps({"schemaVersion": 2, "manifests": [files.image]}).encode(), files.index_bytes]),
        (read_marker, [files.marker]),
        (read_config, [
            json.dumps({"auths": {HOST: {"auth": auth}}, "credHelpers": {"other.example.com": "h"}}).encode(),
            json.dumps({"auths": {HOST: {"username": "u", "password": SECRET, "registrytoken": SECRET}}}).encode(),
            json.dumps({"auths": {f"https://{HOST}/v1/": {"identitytoken": SECRET}}}).encode(),
        ]),
        (read_helper, [json.dumps({"ServerURL": HOST, "Username": "<token>", "Secret": SECRET}).encode()]),
    ]  # fmt: skip


def complaint(read: Read, files: Files, data: bytes) -> str:
    """What was done wrong with an input; empty when all is well."""
    try:
        return read(data, files)
    except MspError as error:
        return unfit(error)


def main() -> int:
    asked = options(__doc__, inputs=1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder))
        readers = [
            Reader(read.__name__.removeprefix("read_"), seeds, partial(complaint, read, files))
            for read, seeds in corpus(files)
        ]
        return Campaign(MUTATIONS, MAX_INPUT_BYTES, MAX_SECONDS).run(readers, asked)


if __name__ == "__main__":
    sys.exit(main())
