"""The clients: one to wait for, one to await."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType

from relaypass import _native
from relaypass.callbacks import Callbacks
from relaypass.connection import Connection
from relaypass.events import Event
from relaypass.keys import Keys, private_halves
from relaypass.options import EncryptionForm, Environment, Isolation, PassBinding, Privacy
from relaypass.outcomes import opened
from relaypass.passes import AsyncPasses, Passes
from relaypass.privacy import PrivacyReport, privacy_report
from relaypass.relays import AsyncRelays, Relays
from relaypass.stores import AsyncStore, Store, checked
from relaypass.verifications import AsyncVerifications, Verifications


class _Options:
    """What both clients are made from."""

    __slots__ = ("_connection",)

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        environment: Environment | None = None,
        timeout: float | None = None,
        idle_timeout: float | None = None,
        retries: int | None = None,
        ca_pem: str | None = None,
        anonymous_proxy: str | Sequence[str] | None = None,
        identified_proxy: str | None = None,
        decryption_key: Keys | None = None,
        encryption_form: EncryptionForm | None = None,
        store: str | Store | AsyncStore | None = None,
        store_timeout: float | None = None,
        seal_key: bytes | list[bytes] | None = None,
        pass_binding: PassBinding | None = None,
        purchase_window: float | None = None,
        pass_pool: int | None = None,
        privacy: Privacy | None = None,
        isolation: Isolation | None = None,
        background: bool | None = None,
        on_event: Callable[[Event], object] | None = None,
    ) -> None:
        """Checks the options. Nothing is sent, and no connection is opened yet.

        Args:
            api_key: Your API key. Without one the client can create and redeem, but not issue.
            base_url: Where Persona is; the default is ``https://api.withpersona.com``. Plain
                ``http`` is for loopback addresses only.
            environment: ``"production"`` or ``"sandbox"``; by default the key's prefix tells, and
                a client without a key is for production.
            timeout: Seconds that one request may take; the default is 10, the longest 600. A call
                with its retries takes at most 30 seconds, or this, whichever is longer.
            idle_timeout: Seconds for which an unused connection to Persona is used again; the
                default is 20, the longest 600. It may stay open for about as long again. Load
                balancers close idle connections, many after 60 seconds: stay below, for a request
                sent into their closing has an unknown outcome.
            retries: How often a failed request is asked again: 0 to 10, by default 3.
            ca_pem: Certificates to trust beside the public ones, in PEM: a company's own.
            anonymous_proxy: The way out for the calls that must not name you: ``http://``,
                ``https://`` or ``socks5h://``. Proxies of the environment are never used. Or
                several: a list, or one text with blanks or commas between them (a comma in a URL
                is ``%2C``). One of them is drawn for each verification and serves all calls of its
                relay, in every process that has the same list. One that does not answer is an
                error for those that were given it: no call leaves by another one, or directly.
                Refused are an empty list, more than 100, and two that differ at most in the
                password.
            identified_proxy: The way out for the one call that names you.
            decryption_key: The private key that opens claims: PEM, a JWK (a mapping, or its JSON)
                or an :class:`EncryptionKey`; or a list of such keys, the newest first. With it,
                every relay is created with the public half of the first, all of them open, and a
                claim that is not encrypted is refused.
            encryption_form: In which form Persona gets the encryption key: ``"pem"``, ``"jwk"``, or
                ``"auto"`` (the default), the one that she takes. The claim comes back in the form
                that goes with it; another one is refused.
            store: Where verifications and passes are kept: an object of yours (:class:`Store`),
                or an address: ``"sqlite:///path"``, ``"postgres://…"``, ``"memory:"``. Without
                one there are the three steps only. A SQLite file must be relaypass's own: never
                open it with another SQLite library in this process.
            store_timeout: Seconds that one method of the store may take; the default is 10, the
                longest 600.
            seal_key: 32 bytes under which records are encrypted before they reach the store; or a
                list of keys, of which the first seals and all open. To change the key, put the new
                one first, and drop the old one when nothing open is left that it sealed.
            pass_binding: What verifications bind their passes to: ``"claim_type"`` (the default),
                or ``"relay"`` (Persona's first generation).
            purchase_window: Seconds after its relay within which a verification buys its pass, at a
                random moment, so that by the clock a signature may be for any relay of the last
                window; the default is 120, the longest 1200, and 0 buys at once. A ``complete``
                that finds no pass buys one, and ``on_event`` is told ``linkable_by_time``: ask when
                the visitor returns, or hold passes ready (``pass_pool``).
            pass_pool: How many passes to hold ready for each claim type: 0 (the default) to 1000.
            privacy: ``"standard"`` (the default), or ``"strict"``, which needs a ``pass_pool`` and
                an ``anonymous_proxy`` that is not the way out of the call that names you. The pool
                is bought in the common hours only, from 10:00 to 11:00 UTC: whole on Tuesdays, and
                on other days if less than half of it is left. A verification takes its pass from
                it when the answer is asked for; without one it is pending, and ``on_event`` is told
                ``waiting_for_pass``. What could tell Persona whose a pass is, is refused
                (:class:`PrivacyRefusedError`). A redemption waits up to 2 seconds, and a pass that
                was shown is shown for no other relay.
            isolation: ``"none"`` (the default), or ``"relay"``: relays share no connection, because
                each anonymous call has one of its own, and through a SOCKS proxy whose URL has no
                credentials random ones, so that Tor gives it a circuit of its own. It costs a TCP
                and a TLS handshake for each anonymous call. Strict privacy isolates always.
            background: Whether a task in the background drives open verifications on and fills the
                pool, about once a minute; by default it does not. It ends with the client.
            on_event: A function that is called with every :class:`Event`, for your log: in a
                thread of relaypass, one at a time, with the context variables of the call in which
                it happened, or of the client's making if it happened in the background. What it
                raises goes to :func:`sys.unraisablehook`, and disturbs no call. While it is busy,
                up to 10,000 events wait; those that happen beyond are not told.

        Raises:
            InvalidArgumentError: an option cannot be right; the message says what to change.
            PrivacyRefusedError: ``privacy`` is ``"strict"``, and both lanes leave from one place.
            RuntimeError: this version of gevent cannot be worked with.
        """
        store_url = store if isinstance(store, str) else None
        store_object = None if store is None or isinstance(store, str) else checked(store)
        if on_event is not None and not callable(on_event):
            raise TypeError(f"on_event must be a function, not {type(on_event).__name__}")
        callbacks = None
        if store_object is not None or on_event is not None:
            callbacks = Callbacks(store_object, on_event)
        options: dict[str, object] = {
            "api_key": api_key,
            "base_url": base_url,
            "environment": environment,
            "timeout": timeout,
            "idle_timeout": idle_timeout,
            "retries": retries,
            "ca_pem": ca_pem,
            "anonymous_proxy": (
                list(anonymous_proxy) if isinstance(anonymous_proxy, tuple) else anonymous_proxy
            ),
            "identified_proxy": identified_proxy,
            "decryption_key": private_halves(decryption_key),
            "encryption_form": encryption_form,
            "store_url": store_url,
            "store_timeout": store_timeout,
            "seal_key": seal_key,
            "pass_binding": pass_binding,
            "purchase_window": purchase_window,
            "pass_pool": pass_pool,
            "privacy": privacy,
            "isolation": isolation,
            "background": background,
        }
        native = _native.Client(
            options,
            callbacks=callbacks,
            store_number=callbacks.number if callbacks and store_object is not None else None,
            event_number=callbacks.number if callbacks and on_event is not None else None,
        )
        opened(native.connect())
        self._connection = Connection(native, callbacks)

    @property
    def _native(self) -> _native.Client:
        return self._connection.native

    def __repr__(self) -> str:
        state = "closed" if self._connection.closed else "open"
        return f"<relaypass.{type(self).__name__} {state}>"


class RelayPass(_Options):
    """Persona Relay for one customer and one environment.

    Any number of threads may share a client, and it works inside a running event loop (Jupyter).
    A call lets other threads go on, and Ctrl-C ends it. After ``os.fork`` the client works in the
    child too: it connects anew. Where gevent or eventlet have patched Python, other greenlets go
    on while a call waits.

    >>> with RelayPass(api_key=api_key, base_url=base_url) as client:
    ...     relay = client.relays.create(claim_type="age_over18_verified")
    ...     ticket = client.relays.issue_privacy_pass(claim_type="age_over18_verified")
    ...     # the person verifies with Persona, using relay.relay_session_access_token; then:
    ...     answer = client.relays.generate_claim(
    ...         relay_token=relay.relay_token,
    ...         relay_secret=relay.relay_secret,
    ...         privacy_pass_token=ticket.privacy_pass_token,
    ...     )
    >>> answer.claim is not None and answer.claim.passed
    True
    """

    __slots__ = ()

    @property
    def relays(self) -> Relays:
        """The three steps."""
        return Relays(self._connection)

    @property
    def verifications(self) -> Verifications:
        """Durable verifications. They need a store."""
        return Verifications(self._connection)

    @property
    def passes(self) -> Passes:
        """Passes bought ahead. They need a store."""
        return Passes(self._connection)

    def privacy_report(self, *, timeout: float | None = None) -> PrivacyReport:
        """What can be linked with the present configuration, and by what was seen: by this client
        since it was made, and by all who share its store. Sends nothing.

        What is measured is quoted with its figures; what is not, says so. No key, URL or address is
        in it.

        Args:
            timeout: Seconds for the whole call.

        Raises:
            RelayPassError: ``store``; ``decryption`` for what another seal key has sealed.

        >>> report = client.privacy_report()
        >>> [finding.code for finding in report.findings if finding.severity == "high"][:1]
        ['one_address']
        """
        call = self._connection.native.privacy_report(timeout=timeout)
        return privacy_report(self._connection.waited(call))

    def close(self, timeout: float | None = None) -> None:
        """Closes the client, in order; leaving a ``with`` block does so too.

        From now on every new call raises :class:`ClosedError`. Calls under way in other threads,
        purchases of ``verifications.start`` that have begun and the work in the background come to
        their end. Then a built-in store is closed, and one of yours is not called any more. It may
        be called again, and by several threads. From within a method of a store or ``on_event``, it
        begins to close and returns at once.

        Without it nothing is lost: the next ``complete`` or ``recover`` does what was left undone.

        Args:
            timeout: Seconds to wait for what is under way; by default those of one call: 30, or the
                client's ``timeout``, if that is longer.

        Raises:
            RelayPassError: ``timeout`` when something was still under way when the time was up: the
                client is closed, and work in the background was broken off, as in a crash.
        """
        self._connection.waited(self._connection.closing(timeout))

    def __enter__(self) -> RelayPass:
        self._connection.check_open()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncRelayPass(_Options):
    """:class:`RelayPass` for asyncio: the same names, to be awaited.

    A client is bound to no event loop; any loop and thread may use it. In trio a call raises
    :class:`RuntimeError`, which says what to do.

    >>> import asyncio
    >>> async def main() -> bool:
    ...     async with AsyncRelayPass(api_key=api_key, base_url=base_url) as client:
    ...         relay, ticket = await asyncio.gather(
    ...             client.relays.create(claim_type="age_over18_verified"),
    ...             client.relays.issue_privacy_pass(claim_type="age_over18_verified"),
    ...         )
    ...         # the person verifies with Persona, using relay.relay_session_access_token; then:
    ...         answer = await client.relays.generate_claim(
    ...             relay_token=relay.relay_token,
    ...             relay_secret=relay.relay_secret,
    ...             privacy_pass_token=ticket.privacy_pass_token,
    ...         )
    ...         return answer.claim is not None and answer.claim.passed
    >>> asyncio.run(main())
    True
    """

    __slots__ = ()

    @property
    def relays(self) -> AsyncRelays:
        """The three steps."""
        return AsyncRelays(self._connection)

    @property
    def verifications(self) -> AsyncVerifications:
        """Durable verifications. They need a store."""
        return AsyncVerifications(self._connection)

    @property
    def passes(self) -> AsyncPasses:
        """Passes bought ahead. They need a store."""
        return AsyncPasses(self._connection)

    async def privacy_report(self, *, timeout: float | None = None) -> PrivacyReport:
        """See :meth:`RelayPass.privacy_report`."""
        call = self._connection.native.privacy_report(timeout=timeout)
        return privacy_report(await self._connection.awaited(call))

    async def aclose(self, timeout: float | None = None) -> None:
        """Closes the client, in order: see :meth:`RelayPass.close`."""
        await self._connection.awaited(self._connection.closing(timeout))

    async def __aenter__(self) -> AsyncRelayPass:
        self._connection.check_open()
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
