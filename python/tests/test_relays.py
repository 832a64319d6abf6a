"""The three steps, waited for and awaited."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from pathlib import Path

import pytest
from support import CLAIM_TYPE, Sandbox, SilentServer

import relaypass


def finish(client: relaypass.RelayPass) -> relaypass.GeneratedClaim:
    relay = client.relays.create(claim_type=CLAIM_TYPE)
    ticket = client.relays.issue_privacy_pass(claim_type=CLAIM_TYPE)
    return client.relays.generate_claim(
        relay_token=relay.relay_token,
        relay_secret=relay.relay_secret,
        privacy_pass_token=ticket.privacy_pass_token,
    )


def test_three_steps_lead_to_a_claim(client: relaypass.RelayPass) -> None:
    answer = finish(client)
    assert answer.token_consumed
    assert answer.claim is not None
    assert answer.claim.passed
    assert answer.claim.claim_type == CLAIM_TYPE
    assert answer.request_id
    assert answer.rate_limit is not None
    assert answer.rate_limit.remaining < answer.rate_limit.limit
    assert all(isinstance(method, relaypass.Method) for method in answer.claim.methodology)


async def test_three_awaited_steps_lead_to_a_claim(sandbox: Sandbox) -> None:
    async with relaypass.AsyncRelayPass(**sandbox.options) as client:
        relay, ticket = await asyncio.gather(
            client.relays.create(claim_type=CLAIM_TYPE),
            client.relays.issue_privacy_pass(claim_type=CLAIM_TYPE),
        )
        answer = await client.relays.generate_claim(
            relay_token=relay.relay_token,
            relay_secret=relay.relay_secret,
            privacy_pass_token=ticket.privacy_pass_token,
            claim_type=CLAIM_TYPE,
        )
    assert answer.claim is not None
    assert answer.claim.passed


def test_a_pass_can_be_bound_to_one_relay(client: relaypass.RelayPass) -> None:
    relay = client.relays.create(claim_type=CLAIM_TYPE)
    ticket = client.relays.issue_privacy_pass(
        relay_token=relay.relay_token, relay_secret=relay.relay_secret
    )
    assert ticket.privacy_pass_token


@pytest.mark.parametrize("form", ["object", "pem"])
def test_an_encrypted_claim_opens_with_the_key_of_the_call(
    client: relaypass.RelayPass, key: relaypass.EncryptionKey, form: str
) -> None:
    relay = client.relays.create(
        claim_type=CLAIM_TYPE, encryption_key=key if form == "object" else key.public_key_pem
    )
    ticket = client.relays.issue_privacy_pass(claim_type=CLAIM_TYPE)
    answer = client.relays.generate_claim(
        relay_token=relay.relay_token,
        relay_secret=relay.relay_secret,
        privacy_pass_token=ticket.privacy_pass_token,
        decryption_key=key if form == "object" else key.private_key_pem,
    )
    assert answer.claim is not None
    assert answer.claim.passed
    assert "claim" not in answer.claim_payload


def test_an_encrypted_claim_opens_with_the_key_of_the_client(
    sandbox: Sandbox, key: relaypass.EncryptionKey
) -> None:
    with relaypass.RelayPass(**sandbox.options, decryption_key=key) as client:
        answer = finish(client)
    assert answer.claim is not None
    assert answer.claim.passed


def test_an_encrypted_claim_without_a_key_is_left_closed_and_opens_later(
    client: relaypass.RelayPass, key: relaypass.EncryptionKey
) -> None:
    relay = client.relays.create(claim_type=CLAIM_TYPE, encryption_key=key)
    ticket = client.relays.issue_privacy_pass(claim_type=CLAIM_TYPE)
    answer = client.relays.generate_claim(
        relay_token=relay.relay_token,
        relay_secret=relay.relay_secret,
        privacy_pass_token=ticket.privacy_pass_token,
    )
    assert answer.claim is None
    opened = relaypass.open_claim(
        claim_payload=answer.claim_payload, decryption_key=key, claim_type=CLAIM_TYPE
    )
    assert opened.passed


def test_a_claim_that_does_not_open_is_not_lost(
    client: relaypass.RelayPass, key: relaypass.EncryptionKey
) -> None:
    relay = client.relays.create(claim_type=CLAIM_TYPE, encryption_key=key)
    ticket = client.relays.issue_privacy_pass(claim_type=CLAIM_TYPE)
    with pytest.raises(relaypass.DecryptionError) as caught:
        client.relays.generate_claim(
            relay_token=relay.relay_token,
            relay_secret=relay.relay_secret,
            privacy_pass_token=ticket.privacy_pass_token,
            decryption_key=relaypass.EncryptionKey.generate(),
        )
    assert caught.value.token_consumed is True
    assert caught.value.claim_payload is not None
    opened = relaypass.open_claim(claim_payload=caught.value.claim_payload, decryption_key=key)
    assert opened.passed


def test_results_cannot_be_changed(client: relaypass.RelayPass) -> None:
    relay = client.relays.create(claim_type=CLAIM_TYPE)
    with pytest.raises(dataclasses.FrozenInstanceError):
        relay.relay_token = "other"  # type: ignore[misc]


def test_a_call_has_its_own_timeout(silent_server: SilentServer) -> None:
    client = relaypass.RelayPass(base_url=silent_server.url, timeout=60)
    started = time.monotonic()
    with pytest.raises(relaypass.RequestTimeoutError) as caught:
        client.relays.create(claim_type=CLAIM_TYPE, timeout=0.2)
    assert 0.1 < time.monotonic() - started < 5
    assert isinstance(caught.value, TimeoutError)


def test_a_closed_client_says_so(sandbox: Sandbox) -> None:
    with relaypass.RelayPass(**sandbox.options) as client:
        assert repr(client) == "<relaypass.RelayPass open>"
    assert repr(client) == "<relaypass.RelayPass closed>"
    client.close()
    for use in [lambda: client.relays.create(claim_type=CLAIM_TYPE), client.__enter__]:
        with pytest.raises(relaypass.ClosedError, match="closed"):
            use()


async def test_a_closed_asyncio_client_says_so(sandbox: Sandbox) -> None:
    async with relaypass.AsyncRelayPass(**sandbox.options) as client:
        relays = client.relays
    await client.aclose()
    with pytest.raises(relaypass.ClosedError, match="closed"):
        await relays.create(claim_type=CLAIM_TYPE)
    with pytest.raises(relaypass.ClosedError, match="closed"):
        await client.__aenter__()


def test_closing_a_client_closes_its_connections(silent_server: SilentServer) -> None:
    client = relaypass.RelayPass(base_url=silent_server.url, retries=0)
    with client, pytest.raises(relaypass.RequestTimeoutError):
        client.relays.create(claim_type=CLAIM_TYPE, timeout=0.1)
    assert silent_server.closed.acquire(timeout=5)


def test_closing_a_client_closes_idle_connections(sandbox: Sandbox) -> None:
    before = open_sockets()
    with relaypass.RelayPass(**sandbox.options) as client:
        client.relays.create(claim_type=CLAIM_TYPE)
        assert open_sockets() > before
    deadline = time.monotonic() + 5
    while open_sockets() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert open_sockets() == before


def open_sockets() -> int:
    def is_socket(descriptor: Path) -> bool:
        try:
            return str(descriptor.readlink()).startswith("socket:")
        except FileNotFoundError:
            return False

    return sum(map(is_socket, Path("/proc/self/fd").iterdir()))
