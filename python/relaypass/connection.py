"""What a client and its parts share."""

from __future__ import annotations

from typing import TypeVar

from relaypass import _native, outcomes
from relaypass._native import Call
from relaypass.callbacks import Callbacks, is_called_back
from relaypass.errors import ClosedError

_Answer = TypeVar("_Answer")


class Connection:
    """Holds the native client. Calls that are on their way hold it too, and so end in peace."""

    __slots__ = ("_callbacks", "native")

    def __init__(self, native: _native.Client, callbacks: Callbacks | None) -> None:
        self.native = native
        self._callbacks = callbacks

    @property
    def closed(self) -> bool:
        return self.native.closed

    def check_open(self) -> None:
        """A closed client says so at once, and not only with its first call."""
        if self.closed:
            raise ClosedError("this relaypass client is closed; make a new one")

    def closing(self, timeout: float | None) -> Call[None]:
        return self.native.close(timeout=timeout, is_called_back=is_called_back())

    def waited(self, call: Call[_Answer]) -> _Answer:
        """Makes the call in this thread."""
        if self._callbacks is None:
            return outcomes.waited(call)
        return outcomes.waited(call, self._callbacks.caller())

    async def awaited(self, call: Call[_Answer]) -> _Answer:
        """Makes the call in asyncio. Cancelling the task drops it."""
        if self._callbacks is None:
            return await outcomes.awaited(call)
        caller = self._callbacks.caller(outcomes.running_loop())
        return await outcomes.awaited(call, caller)
