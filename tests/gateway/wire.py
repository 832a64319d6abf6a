"""HTTP by hand: what no client library sends, and what comes back to it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import BinaryIO

from proofs import Answer, Gateway

# Longer than any bound of the gateways that are spoken to by hand.
PATIENCE = 20.0


@contextmanager
def connected(gateway: Gateway) -> Iterator[socket.socket]:
    with socket.create_connection(gateway.address, timeout=PATIENCE) as connection:
        yield connection


def talk(gateway: Gateway, data: bytes) -> list[Answer]:
    """Sends this, and reads what is answered until the gateway closes the connection, which it has
    to do."""
    with connected(gateway) as connection:
        # It may have answered, and closed, before it was told everything.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        return list(answers(connection))


def answers(connection: socket.socket) -> Iterator[Answer]:
    """The answers on a connection, until it is closed."""
    with closing(connection.makefile("rb")) as file, suppress(ConnectionResetError):
        while answer := read_answer(file):
            yield answer


def read_answer(file: BinaryIO) -> Answer | None:
    """The next answer; ``None`` when there is none any more."""
    line = file.readline()
    if not line:
        return None
    version, status, _ = line.decode("latin-1").split(" ", 2)
    assert version in ("HTTP/1.1", "HTTP/1.0"), version
    headers: dict[str, str] = {}
    while (line := file.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    body = file.read(int(headers.get("content-length", "0")))
    return Answer(int(status), headers, body)


def request(
    method: str, path: str, body: bytes = b"", *headers: str, more_follows: bool = False
) -> bytes:
    """A request as it should be, unless a header says otherwise. It closes the connection if no
    more follows on it."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: gateway",
        f"Connection: {'keep-alive' if more_follows else 'close'}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
