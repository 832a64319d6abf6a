"""What a client and its parts share, until it is closed."""

from __future__ import annotations

from relaypass import _native


class Connection:
    """Holds the native client. Calls that are on their way hold it too, and so end in peace."""

    __slots__ = ("_native",)

    def __init__(self, native: _native.Client) -> None:
        self._native: _native.Client | None = native

    @property
    def native(self) -> _native.Client:
        if self._native is None:
            raise RuntimeError("this relaypass client is closed; make a new one")
        return self._native

    @property
    def closed(self) -> bool:
        return self._native is None

    def close(self) -> None:
        self._native = None
