"""No secret shows in what people print and log."""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import Any

import pytest
from support import CLAIM_TYPE, AsyncDictStore, Sandbox

import relaypass


def test_results_hide_their_secrets(client: relaypass.RelayPass) -> None:
    relay = client.relays.create(claim_type=CLAIM_TYPE)
    ticket = client.relays.issue_privacy_pass(claim_type=CLAIM_TYPE)
    answer = client.relays.generate_claim(
        relay_token=relay.relay_token,
        relay_secret=relay.relay_secret,
        privacy_pass_token=ticket.privacy_pass_token,
    )
    shown = f"{relay!r} {relay} {ticket!r} {ticket} {answer!r} {answer}"
    for secret in (
        relay.relay_secret,
        relay.relay_session_access_token,
        ticket.privacy_pass_token,
        answer.claim_payload,
    ):
        assert len(secret) > 20
        assert secret not in shown
    assert relay.relay_token in shown


def test_a_key_hides_its_private_half(key: relaypass.EncryptionKey) -> None:
    assert "PRIVATE" not in f"{key!r} {key}"
    assert key.private_key_pem[60:100] not in repr(key)


def test_a_client_hides_everything(sandbox: Sandbox, key: relaypass.EncryptionKey) -> None:
    client = relaypass.RelayPass(**sandbox.options, decryption_key=key)
    shown = f"{client!r} {client.relays!r} {client._native!r} {client._connection!r}"
    assert sandbox.api_key not in shown
    assert key.private_key_pem[60:100] not in shown


def test_errors_hide_what_they_carry(
    client: relaypass.RelayPass, key: relaypass.EncryptionKey, caplog: pytest.LogCaptureFixture
) -> None:
    relay = client.relays.create(claim_type=CLAIM_TYPE)
    ticket = client.relays.issue_privacy_pass(claim_type=CLAIM_TYPE)
    with pytest.raises(relaypass.ClaimMismatchError) as caught:
        client.relays.generate_claim(
            relay_token=relay.relay_token,
            relay_secret=relay.relay_secret,
            privacy_pass_token=ticket.privacy_pass_token,
            decryption_key=key,
        )
    error = caught.value
    assert error.claim_payload is not None
    logging.getLogger("test").error("failed: %r", error, exc_info=error)
    shown = caplog.text + repr(error) + "".join(traceback.format_exception(error))
    for secret in (error.claim_payload, relay.relay_secret, ticket.privacy_pass_token):
        assert secret not in shown


def test_an_error_hides_the_key_to_its_answer(
    sandbox: Sandbox, client: relaypass.RelayPass
) -> None:
    relay = client.relays.create(claim_type=CLAIM_TYPE)
    ticket = client.relays.issue_privacy_pass(claim_type=CLAIM_TYPE)
    sandbox.fault("redeem", "drop_after_commit")
    arguments: dict[str, Any] = {
        "relay_token": relay.relay_token,
        "relay_secret": relay.relay_secret,
        "privacy_pass_token": ticket.privacy_pass_token,
    }
    with (
        relaypass.RelayPass(**sandbox.options, retries=0) as hasty,
        pytest.raises(relaypass.OutcomeUnknownError) as caught,
    ):
        hasty.relays.generate_claim(**arguments)
    error = caught.value
    assert error.idempotency_key
    assert error.idempotency_key not in repr(error) + "".join(traceback.format_exception(error))
    answer = client.relays.generate_claim(**arguments, idempotency_key=error.idempotency_key)
    assert answer.claim is not None
    assert answer.claim.passed


async def test_the_debug_log_of_asyncio_hides_everything(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    caplog.set_level(logging.DEBUG)
    async with relaypass.AsyncRelayPass(**sandbox.options) as client:
        relay = await client.relays.create(claim_type=CLAIM_TYPE)
        ticket = await client.relays.issue_privacy_pass(claim_type=CLAIM_TYPE)
        answer = await client.relays.generate_claim(
            relay_token=relay.relay_token,
            relay_secret=relay.relay_secret,
            privacy_pass_token=ticket.privacy_pass_token,
        )
    loop.set_debug(False)
    # The log is there, and tells of our callbacks.
    assert "settle" in caplog.text
    for secret in (
        relay.relay_secret,
        relay.relay_session_access_token,
        ticket.privacy_pass_token,
        answer.claim_payload,
    ):
        assert secret[:10] not in caplog.text
        assert secret[-10:] not in caplog.text


async def test_the_debug_log_of_asyncio_hides_what_a_store_keeps(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    caplog.set_level(logging.DEBUG)
    kept = set()

    class Store(AsyncDictStore):
        async def compare_and_swap(
            self, key: str, expected: int | None, new: relaypass.StoreRecord | None
        ) -> bool:
            if new is not None:
                kept.add(new.value)
            return await super().compare_and_swap(key, expected, new)

    async with relaypass.AsyncRelayPass(store=Store(), **sandbox.options) as client:
        started = await client.verifications.start(claim_type=CLAIM_TYPE)
        assert (await client.verifications.complete(started.id)).status == "passed"
    loop.set_debug(False)
    # The log is there, and tells of our callbacks.
    assert "_await_and_reply" in caplog.text
    assert started.session_access_token is not None
    assert len(kept) >= 3
    for secret in (started.session_access_token, *(repr(value)[2:-1] for value in kept)):
        assert secret[:40] not in caplog.text
        assert secret[-40:] not in caplog.text


def test_a_refused_argument_is_not_repeated() -> None:
    for options in [
        {"api_key": "canary key"},
        {"api_key": "canary\ud800"},
        {"decryption_key": "canary"},
        {"anonymous_proxy": "socks5://u:canary@tor:9050"},
        {"store": "mysql://u:canary@database"},
        {"store": "memory:", "seal_key": b"canary"},
    ]:
        with pytest.raises(relaypass.InvalidArgumentError) as caught:
            relaypass.RelayPass(**options)  # type: ignore[arg-type]
        error = caught.value
        assert "canary" not in f"{error} {error!r} {vars(error)} {error.__cause__!r}"
