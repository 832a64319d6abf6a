"""Durable verifications: once to wait for, once to await.

Their state is in the client's store, and everything is written down before it is sent. So any
process may go on with a verification, whatever happened to the one that began it.
"""

from __future__ import annotations

from relaypass import results
from relaypass._native import Call
from relaypass.connection import Connection
from relaypass.options import Theme
from relaypass.results import Answer, Completion, Verification


class Verifications:
    """``client.verifications`` of a :class:`relaypass.RelayPass` that has a store."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def start(
        self,
        *,
        claim_type: str,
        reference: str | None = None,
        theme: Theme | None = None,
        timeout: float | None = None,
    ) -> Verification:
        """Starts a verification: creates a relay, and returns as soon as it is stored.

        The pass is taken from the pool, or bought in the background at a random moment
        (``purchase_window``); if the process ends meanwhile, :meth:`complete` or :meth:`recover`
        does what is missing.

        Args:
            claim_type: What is asked about the person, such as ``"age_over18_verified"``.
            reference: A name of yours for it, such as an order's number: the same reference
                returns the same verification for as long as it is open. Once it is over, passed
                too, the same reference begins a new one. Up to 512 visible ASCII characters; only
                its hash is stored.
            theme: How the page at ``hosted_url`` looks: ``"light"``, ``"dark"`` or ``"auto"``; by
                default Persona decides.
            timeout: Seconds for the whole call, retries and the store included.

        Returns:
            The verification. Keep its ``id``, and send the visitor to ``hosted_url``, or give
            ``session_access_token`` to the page that they are on.

        Raises:
            RelayPassError: ``invalid_argument`` (without a store too), ``store``,
                ``unprocessable``, ``rate_limited``, ``server_error``, ``timeout``, ``network``,
                ``protocol``.

        >>> verification = client.verifications.start(claim_type="age_over18_verified")
        >>> verification.status
        'pending'
        """
        call = _start(self._connection, claim_type, reference, theme, timeout)
        return results.verification(self._connection.waited(call))

    def complete(
        self, id: str, *, reissue: bool = False, timeout: float | None = None
    ) -> Completion:
        """Asks for the answer. Call it as often as you like, from any process.

        Once the answer is known, it comes out of the store, and nothing is sent.

        Args:
            id: The verification's :attr:`~Verification.id`.
            reissue: Whether a pass that Persona rejects may be replaced by another one, which is
                billed again.
            timeout: Seconds for the whole call, retries and the store included.

        Returns:
            ``"passed"``, ``"failed"``, ``"pending"`` (ask again later) or ``"expired"``, and the
            claim if there is one.

        Raises:
            RelayPassError: ``not_found`` for an id that is not in the store, or that is none;
                ``pass_rejected``; ``outcome_unknown``; ``store`` and whatever else keeps the answer
                away. What was done so far stays done: call again.

        >>> client.verifications.complete(verification.id).status
        'passed'
        """
        call = _complete(self._connection, id, reissue, timeout)
        return results.completion(self._connection.waited(call))

    def get(
        self, id: str, *, theme: Theme | None = None, timeout: float | None = None
    ) -> Verification:
        """The verification as it is stored. Sends nothing.

        Args:
            id: The verification's :attr:`~Verification.id`.
            theme: How the page at ``hosted_url`` looks, as with :meth:`start`.
            timeout: Seconds for the whole call.

        Raises:
            RelayPassError: ``not_found``, ``store``.

        >>> client.verifications.get(verification.id).claim_type
        'age_over18_verified'
        """
        call = self._connection.native.get_verification(id=id, theme=theme, timeout=timeout)
        return results.verification(self._connection.waited(call))

    def forget(self, id: str, *, timeout: float | None = None) -> None:
        """Deletes the verification from the store. What was in flight is given up; a pass that is
        certainly unspent goes back to the pool.

        Raises:
            RelayPassError: ``not_found``, ``store``.

        >>> client.verifications.forget(verification.id)
        """
        self._connection.waited(self._connection.native.forget_verification(id=id, timeout=timeout))

    def recover(self, *, timeout: float | None = None) -> int:
        """Drives on every verification that was left half-way, and returns how many.

        Call it when a process starts, and now and then; or let the client do it
        (``background=True``). Its cost follows what is open, not what is stored. It stops early
        when Persona or the store cannot be reached.

        Args:
            timeout: Seconds for the whole call; what is still due then waits for the next one.
                Without it, each verification may take as long as a call.

        Raises:
            RelayPassError: ``store``.

        >>> client.verifications.recover()
        0
        """
        call = self._connection.native.recover_verifications(timeout=timeout)
        return self._connection.waited(call)

    def prune(self, *, timeout: float | None = None) -> int:
        """Deletes what need not be kept any more from a built-in store, and returns how many
        records that were: verifications that ended 30 days ago, above all. What is open stays.

        Args:
            timeout: Seconds for the whole call; what is left then waits for the next one.

        Raises:
            RelayPassError: ``invalid_argument`` with a store of yours: delete there what
                ``expires_at`` allows; ``store``.

        >>> client.verifications.prune()
        0
        """
        call = self._connection.native.prune_verifications(timeout=timeout)
        return self._connection.waited(call)

    def create_table(self, *, timeout: float | None = None) -> None:
        """Creates the table of a built-in store, unless it is there. Only PostgreSQL needs it.

        Raises:
            RelayPassError: ``invalid_argument`` with a store of yours; ``store``, ``timeout``.

        >>> client.verifications.create_table()
        """
        self._connection.waited(self._connection.native.create_table(timeout=timeout))


class AsyncVerifications:
    """``client.verifications`` of a :class:`relaypass.AsyncRelayPass` that has a store:
    :class:`Verifications`, to be awaited.

    Cancelling the task cancels the call. What was stored and sent stays so, and the next call goes
    on from there; a store's coroutine that was begun runs to its end.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def start(
        self,
        *,
        claim_type: str,
        reference: str | None = None,
        theme: Theme | None = None,
        timeout: float | None = None,
    ) -> Verification:
        """See :meth:`Verifications.start`."""
        call = _start(self._connection, claim_type, reference, theme, timeout)
        return results.verification(await self._connection.awaited(call))

    async def complete(
        self, id: str, *, reissue: bool = False, timeout: float | None = None
    ) -> Completion:
        """See :meth:`Verifications.complete`."""
        call = _complete(self._connection, id, reissue, timeout)
        return results.completion(await self._connection.awaited(call))

    async def get(
        self, id: str, *, theme: Theme | None = None, timeout: float | None = None
    ) -> Verification:
        """See :meth:`Verifications.get`."""
        call = self._connection.native.get_verification(id=id, theme=theme, timeout=timeout)
        return results.verification(await self._connection.awaited(call))

    async def forget(self, id: str, *, timeout: float | None = None) -> None:
        """See :meth:`Verifications.forget`."""
        call = self._connection.native.forget_verification(id=id, timeout=timeout)
        await self._connection.awaited(call)

    async def recover(self, *, timeout: float | None = None) -> int:
        """See :meth:`Verifications.recover`."""
        call = self._connection.native.recover_verifications(timeout=timeout)
        return await self._connection.awaited(call)

    async def prune(self, *, timeout: float | None = None) -> int:
        """See :meth:`Verifications.prune`."""
        call = self._connection.native.prune_verifications(timeout=timeout)
        return await self._connection.awaited(call)

    async def create_table(self, *, timeout: float | None = None) -> None:
        """See :meth:`Verifications.create_table`."""
        await self._connection.awaited(self._connection.native.create_table(timeout=timeout))


def _start(
    connection: Connection,
    claim_type: str,
    reference: str | None,
    theme: Theme | None,
    timeout: float | None,
) -> Call[Answer]:
    return connection.native.start_verification(
        claim_type=claim_type, reference=reference, theme=theme, timeout=timeout
    )


def _complete(
    connection: Connection, id: str, reissue: bool, timeout: float | None
) -> Call[Answer]:
    return connection.native.complete_verification(id=id, reissue=reissue, timeout=timeout)
