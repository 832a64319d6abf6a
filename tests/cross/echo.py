"""A server in front of the sandbox that repeats what it was sent, as proxies and debug pages do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox import Exchange, Sandbox, send


@dataclass
class Echo:
    """Where it listens, and what it did not pass on."""

    url: str
    exchanges: list[Exchange] = field(default_factory=list)


@contextmanager
def echoing(sandbox: Sandbox, step: str, status: int, *, html: bool) -> Iterator[Echo]:
    """Passes everything on to the sandbox, but answers one step itself."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = dict(self.headers.items())
            exchange = Exchange(0, "POST", self.path, list(headers.items()), body.decode(), status)
            if exchange.step != step:
                self._answer(*send(f"{sandbox.url}{self.path}", body, headers), {})
                return
            echo.exchanges.append(exchange)
            heard = f"{self.path} {headers} {body.decode()}"
            self._answer(status, *_repeat(heard, headers, html=html))

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            defaults = {"content-type": "application/json", "content-length": str(len(body))}
            for name, value in (defaults | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Stays silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    echo = Echo(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield echo
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _repeat(heard: str, headers: dict[str, str], *, html: bool) -> tuple[bytes, dict[str, str]]:
    """An error in Persona's form, or a page, that repeats a request wherever it can."""
    credentials = [
        value
        for name, value in headers.items()
        if name.lower() in ("authorization", "persona-relay-secret", "idempotency-key")
    ]
    repeated = {"request-id": credentials[-1].rpartition(" ")[2]} if credentials else {}
    if html:
        page = f"<!doctype html><title>Error</title><pre>{heard}</pre>"
        return page.encode(), repeated | {"content-type": "text/html"}
    error = {
        "title": f"Bad: {' '.join(credentials)}",
        "details": heard,
        "code": " ".join(credentials),
        "meta": {"heard": heard, **{value: value for value in credentials}},
        "source": {"pointer": heard},
    }
    return json.dumps({"errors": [error]}).encode(), repeated
