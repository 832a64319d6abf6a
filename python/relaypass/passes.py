"""Passes bought ahead, so that no bill can be matched with a visitor by its time: once to wait for,
once to await."""

from __future__ import annotations

from relaypass.connection import Connection


class Passes:
    """``client.passes`` of a :class:`relaypass.RelayPass` that has a store."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def prefetch(self, *, claim_type: str, count: int, timeout: float | None = None) -> int:
        """Buys up to ``count`` passes of this claim type; returns how many it bought.

        Verifications take theirs from here. At most 100 of a claim type can be ready,
        or ``pass_pool`` if that is more. A strict client buys in the common hours only: it notes
        that passes are wanted, and buys none now, but in the sandbox.

        Args:
            claim_type: What the passes are for.
            count: How many to buy.
            timeout: Seconds for the whole call; it returns how many it bought until then. Without
                it, each pass may take as long as a call.

        Raises:
            RelayPassError: ``invalid_argument``, ``store``, and those of
                :meth:`Relays.issue_privacy_pass`.

        >>> client.passes.prefetch(claim_type="age_over18_verified", count=2)
        2
        """
        call = self._connection.native.prefetch_passes(
            claim_type=claim_type, count=count, timeout=timeout
        )
        return self._connection.waited(call)

    def count(self, *, claim_type: str, timeout: float | None = None) -> int:
        """How many passes of this claim type are ready.

        Raises:
            RelayPassError: ``invalid_argument``, ``store``.

        >>> client.passes.count(claim_type="age_over18_verified")
        2
        """
        call = self._connection.native.count_passes(claim_type=claim_type, timeout=timeout)
        return self._connection.waited(call)


class AsyncPasses:
    """``client.passes`` of a :class:`relaypass.AsyncRelayPass` that has a store: :class:`Passes`,
    to be awaited."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def prefetch(self, *, claim_type: str, count: int, timeout: float | None = None) -> int:
        """See :meth:`Passes.prefetch`."""
        call = self._connection.native.prefetch_passes(
            claim_type=claim_type, count=count, timeout=timeout
        )
        return await self._connection.awaited(call)

    async def count(self, *, claim_type: str, timeout: float | None = None) -> int:
        """See :meth:`Passes.count`."""
        call = self._connection.native.count_passes(claim_type=claim_type, timeout=timeout)
        return await self._connection.awaited(call)
