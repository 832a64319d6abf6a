"""An address that leads to one server and, after a failover, to another."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress


class Address:
    """A connection to its port leads to the server of that moment, for as long as it lasts."""

    def __init__(self, listener: socket.socket, port_behind: int) -> None:
        self._listener = listener
        self._port_behind = port_behind
        self._open: list[socket.socket] = []
        self.port: int = listener.getsockname()[1]

    def lead_to(self, port: int) -> None:
        """From now on new connections go there."""
        self._port_behind = port

    def cut(self) -> int:
        """Cuts every connection, as somebody on the way does with those that are idle; returns how
        many ends were open."""
        ends, self._open = self._open, []
        cut = 0
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
                cut += 1
        return cut

    def serve(self) -> None:
        """Until the listener is closed."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._port_behind))
            except OSError:
                client.close()
                continue
            self._open += [client, server]
            threading.Thread(target=_connect, args=(client, server), daemon=True).start()


def _connect(client: socket.socket, server: socket.socket) -> None:
    with client, server:
        back = threading.Thread(target=_carry, args=(server, client), daemon=True)
        back.start()
        _carry(client, server)
        back.join()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def leading_to(port: int) -> Iterator[Address]:
    """An address of this machine that leads there."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        address = Address(listener, port)
        thread = threading.Thread(target=address.serve, daemon=True)
        thread.start()
        try:
            yield address
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
