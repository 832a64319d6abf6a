"""Where verifications and passes are kept: what a store of your own must do.

``relaypass.testing`` checks that it does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoreRecord:
    """What is kept under a key. relaypass fills it in; a store keeps it and gives it back."""

    value: bytes = field(repr=False)
    """Opaque bytes, up to 64 KiB; any byte may occur in them, zero included."""
    version: int
    """Set by relaypass: by chance at first, and one more with every swap; at most 2^53."""
    due_at: int | None
    """When somebody should look at the record again, in milliseconds since the epoch, UTC.
    ``None``: never."""
    expires_at: int | None
    """After this time (milliseconds since the epoch, UTC) the store may drop the record, or keep
    it. ``None``: the record must be kept."""


class Store(Protocol):
    """The contract between relaypass and your database: an object with these three methods.

    **Keys** are 1 to 255 characters out of ``A-Z a-z 0-9 - . _ ~ /``, compared byte for byte:
    ``a`` and ``A`` are two keys, and ``_`` is no wildcard.

    **``compare_and_swap`` is atomic and durable when it returns.** Of several writers who expect
    the same version, exactly one gets ``True``, and what it wrote survives a crash.

    **``load`` sees the latest swap**, whoever made it. No replica that lags, no cache.

    **Errors are exceptions.** A method that cannot do its work raises; it never says "not there"
    or "refused" instead. The call of relaypass that needed it raises :class:`StoreError`, and your
    exception is its ``__cause__``. After an error nobody knows whether a write happened: relaypass
    reads the record again.

    **A method may be called again** after it raised or ran into its time limit (10 seconds by
    default), and a write may still land after that; so may one whose caller was cancelled. Then the
    version is no longer the expected one, and the next swap is refused: that is all the protection
    needed.

    **Methods run concurrently**, in threads of relaypass, with no order among them and with the
    context variables of whoever called the client. They may call the client again.

    Each method may also be ``async def``, or return anything else that can be awaited
    (:class:`AsyncStore`). An :class:`AsyncRelayPass` awaits it in the event loop that called the
    client; a :class:`RelayPass`, and work in the background whose loop has ended, in a loop that
    relaypass runs in a thread of its own.

    **With gevent and eventlet**, once they have patched Python, each method runs in a greenlet of
    the thread that called the client, because locks, sockets and pooled connections that greenlets
    use work in no other. Work in the background uses the thread that called last.
    """

    def load(self, key: str, /) -> StoreRecord | None:
        """The record under ``key``, or ``None``."""

    def compare_and_swap(self, key: str, expected: int | None, new: StoreRecord | None, /) -> bool:
        """Puts ``new`` under ``key`` (``None``: deletes it) if the version there is ``expected``
        (``None``: if nothing is there), in one atomic step. Returns whether it did."""

    def scan(self, prefix: str, due_before: int | None, limit: int, /) -> list[str]:
        """Up to ``limit`` keys that begin with ``prefix``.

        With ``due_before``: only those whose ``due_at`` is at or before it, the oldest ``due_at``
        first, keys with the same one in their own order. Its cost must follow the number of such
        keys, not the number of records: an index on ``due_at`` does it. Without: all of them, in
        the order of their keys, byte by byte.
        """


class AsyncStore(Protocol):
    """:class:`Store` with methods to be awaited. Both clients take either."""

    async def load(self, key: str, /) -> StoreRecord | None:
        """See :meth:`Store.load`."""

    async def compare_and_swap(
        self, key: str, expected: int | None, new: StoreRecord | None, /
    ) -> bool:
        """See :meth:`Store.compare_and_swap`."""

    async def scan(self, prefix: str, due_before: int | None, limit: int, /) -> list[str]:
        """See :meth:`Store.scan`."""


def checked(store: Store | AsyncStore) -> Store | AsyncStore:
    """The store, if it has a store's methods."""
    for method in ("load", "compare_and_swap", "scan"):
        if not callable(getattr(store, method, None)):
            raise TypeError(
                "store must be a str or an object with the methods load, compare_and_swap and "
                f"scan, not {type(store).__name__}"
            )
    return store
