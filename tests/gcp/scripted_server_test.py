"""The server that other tests ask."""

import socket
import struct
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.gcp.conftest import ScriptedServer


def alive() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.is_alive()}


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_a_client_that_goes_away_is_no_mistake(
    server: "ScriptedServer", capfd: pytest.CaptureFixture[str], sent: bytes
) -> None:
    host, _, port = server.address.partition(":")
    before = alive()
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(sent)
        while not (handlers := alive() - before):
            pass
        # Closed so, the connection is reset.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for handler in handlers:
        handler.join(10)
    assert capfd.readouterr().err == ""
