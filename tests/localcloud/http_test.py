"""Who is answered over HTTP, how what clients stored is sent, and clients that stall, leave or talk nonsense."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import pytest
import requests
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from tests.localcloud.asgi import ask

from msp.localcloud import http
from msp.localcloud.content import RequestBody
from msp.localcloud.http import HttpServer, application
from msp.localcloud.intake import Intake
from msp.localcloud.pytest_plugin import CloudThread, local_cloud
from msp.localcloud.rest import RestApi

__all__ = ["local_cloud"]

PAGE = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


async def hello(_: Request) -> Response:
    return PlainTextResponse("hello")


def status(path: str = "/hello", *, listening: str = "127.0.0.1", **headers: str) -> int:
    routes = [Route("/", hello), Route("/hello", hello, methods=["GET", "POST"])]
    app = application(RestApi([], Intake()), routes, listening)
    return ask(app, "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}).status


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080", "a.localhost", "10.0.0.7"]
)
def test_names_that_only_this_machine_has(host: str) -> None:
    assert status(host=host) == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "", "registry", "["),
        "127.0.0.1@evil.example",
    ],
)
def test_a_name_of_somebody_elses_is_not_answered(host: str) -> None:
    # A page of evil.example, whose name resolves to this machine now, sends no Origin with a GET.
    for path in ("/", "/hello", "/v1/projects/p/locations/l/targets"):
        assert status(path, host=host) == 403


def test_what_was_opened_to_others_is_called_by_its_name() -> None:
    assert status(host="local-cloud:8080", listening="0.0.0.0") == 200
    assert status(host="cloud.corp.example", listening="cloud.corp.example") == 200
    assert status(host="evil.example", listening="0.0.0.0") == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_other_sites_may_only_link_to_the_console(site: str) -> None:
    assert status("/hello", sec_fetch_site=site) == 403
    assert status("/hello", sec_fetch_site=site, **PAGE) == 403
    assert status("/", sec_fetch_site=site) == 403
    assert status("/", sec_fetch_site=site, **PAGE) == 200
    assert status("/hello", sec_fetch_site="same-origin") == 200
    assert status("/hello", sec_fetch_site="none") == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000"])
def test_pages_of_other_origins_are_refused(origin: str) -> None:
    assert status(host="localhost:8080", origin=origin) == 403
    assert status(host="localhost:8080", origin="http://localhost:8080") == 200


def test_what_was_stored_can_not_run_in_the_consoles_origin(local_cloud: CloudThread) -> None:
    url = local_cloud.http_url
    requests.post(f"{url}/storage/v1/b?project=p", json={"name": "bucket-a"}, timeout=10)
    upload = f"{url}/upload/storage/v1/b/bucket-a/o?name=page.html"
    requests.post(upload, data=b"<script>alert(1)</script>", headers={"Content-Type": "text/html"}, timeout=10)
    for path in ("/storage/v1/b/bucket-a/o/page.html?alt=media", "/download/storage/v1/b/bucket-a/o/page.html", "/v2/"):
        headers = requests.get(url + path, timeout=10).headers
        assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" not in requests.get(url, timeout=10).headers["Content-Security-Policy"]


async def whole(request: Request) -> Response:
    return PlainTextResponse(await request.body())


async def poured(request: Request) -> Response:
    taken = bytearray()
    assert await RequestBody(request).pour(taken.extend)
    return PlainTextResponse(str(len(taken)))


async def endless(_: Request) -> Response:
    async def zeros() -> AsyncIterator[bytes]:
        while True:
            yield bytes(100_000)

    return StreamingResponse(zeros())


def conversation(talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]) -> bytes:
    """What a client gets from a server that waits for a fifth of a second."""

    async def scenario() -> bytes:
        listener = http.listen("127.0.0.1", 0)
        routes = [
            Route("/whole", whole, methods=["POST"]),
            Route("/poured", poured, methods=["POST"]),
            Route("/endless", endless),
        ]
        server = HttpServer(application(RestApi([], Intake()), routes, patience=0.2), listener, patience=0.2)
        await server.start()
        reader, writer = await asyncio.open_connection(*listener.getsockname()[:2])
        try:
            return await asyncio.wait_for(talk(reader, writer), 10)
        finally:
            writer.close()
            await server.stop()

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"", b"408"),
        (b"POST /whole HTTP/1.1\r\nHost: localhost\r\nX-", b"408"),
        (b"POST /whole HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nsome", b"408"),
        (b"POST /poured HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n", b"408"),
        pytest.param(
            b"POST /poured HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n" + b"a" * 3_000_000,
            b"408",
            id="large 408",
        ),
        pytest.param(
            b"POST /poured HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n" + b"a" * 3_000_000,
            b"200",
            id="large 200",
        ),
        (b"POST /whole HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nx\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"400"),
        (b"GET nowhere\r\n\r\n", b"400"),
    ],
)
def test_who_stalls_or_talks_nonsense_is_told(sent: bytes, expected: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(sent)
        return await reader.read()

    answer = conversation(talk)
    assert answer.startswith(b"HTTP/1.1 " + expected)
    assert (b'"message":' in answer) is (expected != b"200")
    assert caplog.text == ""


def test_who_reads_no_answer_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await asyncio.sleep(0.5)
        return await reader.read()

    # The answer ends in the middle of a chunk, without the last one.
    assert not conversation(talk).endswith(b"0\r\n\r\n")
    assert caplog.text == ""


@pytest.mark.parametrize(
    "path", ["/v1/projects/p/locations/l/targets?targetId=a", "/storage/v1/b?project=p", "/v2/a/manifests/b"]
)
def test_a_client_that_leaves_in_the_middle_leaves_no_trace_in_the_log(
    local_cloud: CloudThread, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    address = urlsplit(local_cloud.http_url)
    verb = "PUT" if path.startswith("/v2") else "POST"
    with socket.create_connection((address.hostname, address.port)) as client:
        client.sendall(f"{verb} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nsome".encode())
    assert requests.get(f"{local_cloud.http_url}/_localcloud/health", timeout=10).status_code == 200
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/projects/p/locations/us-central1/targets?targetId=a", '{"description": HALF, "run": {}}'),
        ("/v1/projects/p/locations/us-central1/targets?targetId=a", '{"labels": {HALF: "a"}, "run": {}}'),
        ("/v1/projects/p/locations/us-central1/targets?targetId=a", '{HALF: "a"}'),
        ("/v1/projects/p/locations/us-central1/targets?targetId=%ED%A0%80", '{"run": {}}'),
        ("/v1/projects/p/locations/us-central1/targets?%ED%A0%80=a", '{"run": {}}'),
        ("/_localcloud/faults", '{"method": HALF}'),
        ("/storage/v1/b?project=p", '{"name": "bucket-a", "labels": {"a": HALF}}'),
        ("/upload/storage/v1/b/bucket-a/o?uploadType=resumable", '{"name": HALF}'),
    ],
)
def test_half_of_a_character_is_refused_in_the_apis_form(
    local_cloud: CloudThread, path: str, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = requests.post(local_cloud.http_url + path, data=body.replace("HALF", r'"\ud800"'), timeout=10)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 400)
    assert requests.get(f"{local_cloud.http_url}/_localcloud/faults", timeout=10).json() == {"faults": []}
    assert caplog.text == ""
