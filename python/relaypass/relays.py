"""The three steps, by the names of Persona's own SDKs: once to wait for, once to await.

They keep nothing: what they return is yours to store, and any process may go on with it.
"""

from __future__ import annotations

from relaypass import results
from relaypass._native import Call
from relaypass.connection import Connection
from relaypass.keys import Key, Keys, private_halves, public_half
from relaypass.options import EncryptionForm
from relaypass.results import Answer, GeneratedClaim, PrivacyPass, Relay


class Relays:
    """``client.relays`` of a :class:`relaypass.RelayPass`."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self,
        *,
        claim_type: str,
        encryption_key: Key | None = None,
        timeout: float | None = None,
    ) -> Relay:
        """Step 1: creates a relay. Costs nothing, and names nobody.

        Args:
            claim_type: What is asked about the person, such as ``"age_over18_verified"``.
            encryption_key: Encrypts the claim: a public key in PEM, a JWK (a mapping, or its JSON)
                or an :class:`EncryptionKey`. By default that of the client's ``decryption_key``, if
                it has one. Whatever it is given as, ``encryption_form`` says how it is sent.
            timeout: Seconds for the whole call, retries included.

        Returns:
            The relay. Send ``relay_session_access_token`` to the browser, and keep ``relay_token``
            and ``relay_secret``, and with a key ``encryption_form``.

        Raises:
            RelayPassError: ``invalid_argument``, ``unprocessable``, ``rate_limited``,
                ``server_error``, ``timeout``, ``network``, ``protocol``.

        >>> relay = client.relays.create(claim_type="age_over18_verified")

        Source: Persona, "Create a Relay".
        """
        call = _create(self._connection, claim_type, encryption_key, timeout)
        return results.relay(self._connection.waited(call))

    def issue_privacy_pass(
        self,
        *,
        claim_type: str | None = None,
        relay_token: str | None = None,
        relay_secret: str | None = None,
        timeout: float | None = None,
    ) -> PrivacyPass:
        """Step 2: buys a Privacy Pass. The only call that names you, and the one that is billed.

        Give a claim type, or a relay by its token and its secret. Persona signs without seeing
        what it signs, so it cannot recognise the pass later. An answer that gets lost is asked for
        again with the same idempotency key, so that one call is billed once. There is one
        exception: a server error that Persona stored under that key is passed by with one new key,
        for the same blinded message, and ``on_event`` is told ``possible_double_charge``.

        Cancelling the call (``asyncio.wait_for``, Ctrl-C) does not call back what was sent: it may
        leave a pass that is billed and that nobody gets.

        Args:
            claim_type: The pass will fit every relay of this claim type and environment.
            relay_token: The pass will fit this one relay (Persona's first generation).
            relay_secret: That relay's secret.
            timeout: Seconds for the whole call, retries included.

        Raises:
            RelayPassError: ``invalid_argument`` (without an API key too), ``authentication``,
                ``permission_denied``, ``rate_limited``, ``protocol``, ``timeout``, ``network``;
                ``server_error`` and ``outcome_unknown`` when the pass may have been billed:
                ``retryable`` is then false.

        >>> ticket = client.relays.issue_privacy_pass(claim_type="age_over18_verified")

        Source: Persona, "Create a Privacy Pass"; RFC 9474.
        """
        call = _issue_privacy_pass(self._connection, claim_type, relay_token, relay_secret, timeout)
        return results.privacy_pass(self._connection.waited(call))

    def generate_claim(
        self,
        *,
        relay_token: str,
        relay_secret: str,
        privacy_pass_token: str,
        claim_type: str | None = None,
        decryption_key: Keys | None = None,
        idempotency_key: str | None = None,
        encryption_form: EncryptionForm | None = None,
        timeout: float | None = None,
    ) -> GeneratedClaim:
        """Step 3: redeems a pass for the claim. Names nobody, and works once per pass.

        Give an idempotency key of your own: make one with ``uuid.uuid4()``, store it beside the
        relay, then call. Without one, cancelling the call (``asyncio.wait_for``, Ctrl-C) after the
        request has left may spend the pass and lose the claim.

        The same key asks for the same answer for 24 hours, after a lost answer, a cancellation or a
        crash. The call goes out under this key alone, and "not finished yet" ends it. After
        :class:`PermissionDeniedError` without an ``idempotency_key`` make a new one: Persona keeps
        that answer too. An error with an ``idempotency_key``, whatever its kind, asks to be
        repeated with that key. It is as secret as the pass.

        Args:
            relay_token: The relay's token.
            relay_secret: The relay's secret.
            privacy_pass_token: The pass to redeem.
            claim_type: What was asked. A claim of another type is refused.
            decryption_key: Opens the claim: a private key in PEM, a JWK or an
                :class:`EncryptionKey`; or a list of such keys. By default the client's.
            idempotency_key: Names this redemption, such as ``str(uuid.uuid4())``: see above. The
                key that an :class:`OutcomeUnknownError` carried serves the same end. For one relay
                and pass only.
            encryption_form: The relay's own (:attr:`Relay.encryption_form`), stored beside it. A
                claim in another form is refused. By default the client's; ``"auto"`` takes either.
            timeout: Seconds for the whole call, retries included.

        Raises:
            RelayPassError: ``permission_denied``, retryable, when the person has most likely not
                finished; ``pass_rejected``, ``pass_expired``; ``not_found`` for an unknown relay or
                a wrong secret; ``conflict``, ``unprocessable``, ``rate_limited``, ``server_error``,
                ``network``; ``outcome_unknown`` when the answer never arrived: ask again with the
                error's ``idempotency_key``; ``decryption``, ``claim_mismatch``, ``protocol`` when
                it arrived and is no good: the error's ``claim_payload`` has it.

        >>> import uuid
        >>> idempotency_key = str(uuid.uuid4())  # stored beside the relay before the call
        >>> answer = client.relays.generate_claim(
        ...     relay_token=relay.relay_token,
        ...     relay_secret=relay.relay_secret,
        ...     privacy_pass_token=ticket.privacy_pass_token,
        ...     idempotency_key=idempotency_key,
        ... )
        >>> answer.claim is not None and answer.claim.passed
        True

        Source: Persona, "Generate a Relay claim".
        """
        call = _generate_claim(
            self._connection,
            relay_token,
            relay_secret,
            privacy_pass_token,
            claim_type,
            decryption_key,
            idempotency_key,
            encryption_form,
            timeout,
        )
        return results.generated_claim(self._connection.waited(call))


class AsyncRelays:
    """``client.relays`` of a :class:`relaypass.AsyncRelayPass`: :class:`Relays`, to be awaited.

    Cancelling the task cancels the call; what was sent stays sent. What that may cost, and how an
    idempotency key brings the claim back, is told there.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(
        self,
        *,
        claim_type: str,
        encryption_key: Key | None = None,
        timeout: float | None = None,
    ) -> Relay:
        """Step 1: see :meth:`Relays.create`."""
        call = _create(self._connection, claim_type, encryption_key, timeout)
        return results.relay(await self._connection.awaited(call))

    async def issue_privacy_pass(
        self,
        *,
        claim_type: str | None = None,
        relay_token: str | None = None,
        relay_secret: str | None = None,
        timeout: float | None = None,
    ) -> PrivacyPass:
        """Step 2: see :meth:`Relays.issue_privacy_pass`."""
        call = _issue_privacy_pass(self._connection, claim_type, relay_token, relay_secret, timeout)
        return results.privacy_pass(await self._connection.awaited(call))

    async def generate_claim(
        self,
        *,
        relay_token: str,
        relay_secret: str,
        privacy_pass_token: str,
        claim_type: str | None = None,
        decryption_key: Keys | None = None,
        idempotency_key: str | None = None,
        encryption_form: EncryptionForm | None = None,
        timeout: float | None = None,
    ) -> GeneratedClaim:
        """Step 3: see :meth:`Relays.generate_claim`."""
        call = _generate_claim(
            self._connection,
            relay_token,
            relay_secret,
            privacy_pass_token,
            claim_type,
            decryption_key,
            idempotency_key,
            encryption_form,
            timeout,
        )
        return results.generated_claim(await self._connection.awaited(call))


def _create(
    connection: Connection,
    claim_type: str,
    encryption_key: Key | None,
    timeout: float | None,
) -> Call[Answer]:
    return connection.native.create(
        claim_type=claim_type, encryption_key=public_half(encryption_key), timeout=timeout
    )


def _issue_privacy_pass(
    connection: Connection,
    claim_type: str | None,
    relay_token: str | None,
    relay_secret: str | None,
    timeout: float | None,
) -> Call[Answer]:
    return connection.native.issue_privacy_pass(
        claim_type=claim_type,
        relay_token=relay_token,
        relay_secret=relay_secret,
        timeout=timeout,
    )


def _generate_claim(
    connection: Connection,
    relay_token: str,
    relay_secret: str,
    privacy_pass_token: str,
    claim_type: str | None,
    decryption_key: Keys | None,
    idempotency_key: str | None,
    encryption_form: EncryptionForm | None,
    timeout: float | None,
) -> Call[Answer]:
    return connection.native.generate_claim(
        relay_token=relay_token,
        relay_secret=relay_secret,
        privacy_pass_token=privacy_pass_token,
        claim_type=claim_type,
        decryption_key=private_halves(decryption_key),
        idempotency_key=idempotency_key,
        encryption_form=encryption_form,
        timeout=timeout,
    )
