"""Many clients, half of whose requests are broken: what the server answers, and what it takes of the machine."""

import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.localcloud.registry.client import OCI_MANIFEST, digest, image

LOCATION = "/v1/projects/p/locations/us-central1"
TARGET = json.dumps({"run": {"location": "projects/p/locations/us-central1"}}).encode()


def request(verb: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    """A request, as bytes, after which its connection is closed."""
    lines = [
        f"{verb} {path} HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def valid(chance: random.Random) -> bytes:
    """A request that a client may make."""
    number, content = chance.randrange(50), chance.randbytes(chance.randrange(1, 20_000))
    blob, manifest = digest(content), image(b"{}", (b"layer",), annotations={"n": str(number)})
    requests: list[Callable[[], bytes]] = [
        lambda: request("POST", f"/v2/p/app{number}/blobs/uploads/?digest={digest(b'layer')}", b"layer"),
        lambda: request("POST", f"/v2/p/app{number}/blobs/uploads/?digest={digest(b'{}')}", b"{}"),
        lambda: request("POST", f"/v2/p/app{number}/blobs/uploads/?digest={blob}", content),
        lambda: request("PUT", f"/v2/p/app{number}/manifests/v1", manifest, f"Content-Type: {OCI_MANIFEST}"),
        lambda: request("GET", f"/v2/p/app{number}/blobs/{digest(b'layer')}"),
        lambda: request("GET", f"/v2/p/app{number}/tags/list"),
        lambda: request("POST", f"/upload/storage/v1/b/bucket-a/o?name=o{number}", content),
        lambda: request("GET", f"/storage/v1/b/bucket-a/o/o{number}?alt=media"),
        lambda: request("GET", "/storage/v1/b/bucket-a/o?maxResults=20"),
        lambda: request("POST", f"{LOCATION}/targets?targetId=t{number}", TARGET),
        lambda: request("GET", f"{LOCATION}/targets?pageSize=20"),
        lambda: request("DELETE", f"{LOCATION}/targets/t{number}"),
        lambda: request("GET", "/_localcloud/overview"),
    ]
    return chance.choice(requests)()


def broken(chance: random.Random) -> bytes:
    """What no client should send: nonsense, halves, lies about lengths and names."""
    whole = valid(chance)
    requests: list[Callable[[], bytes]] = [
        lambda: chance.randbytes(chance.randrange(200)),
        lambda: whole[: chance.randrange(len(whole))],
        lambda: whole.replace(b"Host: localhost", b"Host: evil.example"),
        lambda: whole.replace(b"Content-Length: ", b"Content-Length: 9"),
        lambda: whole.replace(b"Content-Length: ", b"Content-Length: x"),
        lambda: request("POST", f"{LOCATION}/targets?targetId=%FF%ED%A0%80", rb'{"description": "\ud800"}'),
        lambda: request("POST", f"{LOCATION}/targets?targetId=a", b"[" * 50_000),
        lambda: request("PUT", "/v2/p/app/manifests/v1", chance.randbytes(300)),
        lambda: request("POST", f"/v2/p/app/blobs/uploads/?digest={digest(b'other')}", b"content"),
        lambda: request("PATCH", f"/v2/p/app/blobs/uploads/{chance.random()}", b"content", "Content-Range: 9-1"),
        lambda: request("GET", f"/v2/{'../' * chance.randrange(9)}etc/passwd"),
        lambda: request("POST", "/upload/storage/v1/b/bucket-a/o?uploadType=multipart", b"--x", "Content-Type: x/y"),
        lambda: request("GET", "/storage/v1/b/bucket-a/o/%FF?generation=x"),
        lambda: request(chance.choice(["BREW", "TRACE", "OPTIONS", "PUT"]), chance.choice(["/", "/v2/", LOCATION])),
        lambda: b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        lambda: b"POST /v2/p/app/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ]
    return chance.choice(requests)()


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        statuses: How often each status was answered; 0 where the connection was closed without one.
        failures: Answers that say that the server made a mistake.
        samples: Memory in MiB and open descriptors, some times a second.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    samples: list[tuple[float, int]] = field(default_factory=list)


async def bombard(url: str, process: int, *, clients: int, seconds: float, seed: int = 1) -> Outcome:
    """Has clients send valid and broken requests for a while.

    Args:
        url: The server.
        process: The server's process id.
        clients: How many send at once.
        seconds: For how long.
        seed: Makes the requests the same in each run.
    """
    outcome, end = Outcome(), time.monotonic() + seconds
    host, port = urlsplit(url).netloc.split(":")
    await _exchange(host, port, request("POST", "/storage/v1/b?project=p", b'{"name": "bucket-a"}'), 30)

    async def client(number: int) -> None:
        chance = random.Random(seed * 1000 + number)
        while time.monotonic() < end:
            if chance.random() < 0.5:
                sent, patience = valid(chance), 30.0
            else:
                sent, patience = broken(chance), 0.3  # the server may wait for the other half
            status, answer = await _exchange(host, port, sent, patience)
            outcome.statuses[status] += 1
            # 501 is Google's answer to what it does not have.
            if status >= 500 and status != 501:
                outcome.failures.append(f"{sent[:200]!r}: {answer[:300]!r}")

    async def watch() -> None:
        while time.monotonic() < end:
            outcome.samples.append(usage(process))
            await asyncio.sleep(min(1.0, seconds / 10))

    await asyncio.gather(watch(), *(client(number) for number in range(clients)))
    return outcome


def usage(process: int) -> tuple[float, int]:
    """A process's memory in MiB, and how many descriptors it has open."""
    status = Path(f"/proc/{process}/status").read_text()
    resident = int(status.partition("VmRSS:")[2].split()[0]) / 1024
    return resident, len(list(Path(f"/proc/{process}/fd").iterdir()))


async def _exchange(host: str, port: str, sent: bytes, patience: float) -> tuple[int, bytes]:
    """Sends, and reads until the server closes the connection; leaves when that takes too long."""
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return 0, b""
    try:
        writer.write(sent)
        answer = await asyncio.wait_for(reader.read(), patience)
    except (OSError, TimeoutError):
        return 0, b""
    finally:
        writer.close()
    found = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    return (int(found[1]) if found else 0), answer
