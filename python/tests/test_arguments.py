"""Arguments that cannot be right: a clear exception, and nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support import CLAIM_TYPE, UNKNOWN_ID

import relaypass

RELAYS: Any = relaypass.RelayPass(base_url="http://127.0.0.1:9").relays
ASYNC_RELAYS: Any = relaypass.AsyncRelayPass(base_url="http://127.0.0.1:9").relays
VERIFICATIONS: Any = relaypass.RelayPass(
    api_key="persona_sandbox_x", base_url="http://127.0.0.1:9", store="memory:"
).verifications
PASSES: Any = relaypass.RelayPass(
    api_key="persona_sandbox_x", base_url="http://127.0.0.1:9", store="memory:"
).passes
CLIENT: Any = relaypass.RelayPass
KEY: Any = relaypass.EncryptionKey
OPEN_CLAIM: Any = relaypass.open_claim

RELAY: dict[str, Any] = {"relay_token": "t", "relay_secret": "s", "privacy_pass_token": "p"}


@pytest.mark.parametrize(
    ("call", "arguments", "name"),
    [
        *[(CLIENT, {name: 5}, name) for name in (
            "api_key", "base_url", "environment", "ca_pem", "anonymous_proxy",
            "identified_proxy", "decryption_key",
        )],
        (CLIENT, {"anonymous_proxy": ["http://127.0.0.1:1", 5]}, "anonymous_proxy"),
        (CLIENT, {"isolation": 5}, "isolation"),
        (CLIENT, {"timeout": "5"}, "timeout"),
        (CLIENT, {"store_timeout": "5"}, "store_timeout"),
        (CLIENT, {"seal_key": "k" * 32}, "seal_key"),
        (CLIENT, {"seal_key": ["k" * 32]}, "seal_key"),
        (CLIENT, {"seal_key": bytearray(32)}, "seal_key"),
        (CLIENT, {"pass_binding": 5}, "pass_binding"),
        (CLIENT, {"purchase_window": "60"}, "purchase_window"),
        (CLIENT, {"pass_pool": 2.5}, "pass_pool"),
        (CLIENT, {"background": 1}, "background"),
        (CLIENT, {"on_event": 5}, "on_event"),
        (CLIENT, {"store": 5}, "store"),
        (VERIFICATIONS.start, {"claim_type": None}, "claim_type"),
        (VERIFICATIONS.start, {"claim_type": CLAIM_TYPE, "reference": 5}, "reference"),
        (VERIFICATIONS.start, {"claim_type": CLAIM_TYPE, "timeout": "5"}, "timeout"),
        (VERIFICATIONS.complete, {"id": 5}, "id"),
        (VERIFICATIONS.complete, {"id": UNKNOWN_ID, "reissue": 1}, "reissue"),
        (VERIFICATIONS.get, {"id": None}, "id"),
        (VERIFICATIONS.forget, {"id": b""}, "id"),
        (VERIFICATIONS.recover, {"timeout": "5"}, "timeout"),
        (PASSES.prefetch, {"claim_type": 5, "count": 1}, "claim_type"),
        (PASSES.prefetch, {"claim_type": CLAIM_TYPE, "count": "1"}, "count"),
        (PASSES.count, {"claim_type": 5}, "claim_type"),
        (CLIENT, {"retries": 2.5}, "retries"),
        (CLIENT, {"api_key": b"persona_sandbox_x"}, "api_key"),
        (RELAYS.create, {"claim_type": None}, "claim_type"),
        (RELAYS.create, {"claim_type": CLAIM_TYPE, "encryption_key": b""}, "encryption_key"),
        (RELAYS.create, {"claim_type": CLAIM_TYPE, "timeout": []}, "timeout"),
        (RELAYS.issue_privacy_pass, {"claim_type": 5}, "claim_type"),
        (RELAYS.issue_privacy_pass, {"relay_token": 5}, "relay_token"),
        (RELAYS.issue_privacy_pass, {"relay_secret": 5}, "relay_secret"),
        *[(RELAYS.generate_claim, {**RELAY, name: 5}, name) for name in (
            *RELAY, "claim_type", "decryption_key",
        )],
        (KEY.generate, {"bits": "2048"}, "bits"),
        (KEY.from_pem, {"private_pem": None}, "private_pem"),
        (OPEN_CLAIM, {"claim_payload": {}}, "claim_payload"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_a_type_error_that_names_the_argument(
    call: Callable[..., object], arguments: dict[str, Any], name: str
) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be "):
        call(**arguments)


async def test_a_wrong_type_is_a_type_error_when_awaited() -> None:
    with pytest.raises(TypeError, match=r"^claim_type must be a str, not int$"):
        await ASYNC_RELAYS.create(claim_type=5)


@pytest.mark.parametrize("call", [RELAYS.create, CLIENT, OPEN_CLAIM])
def test_arguments_are_given_by_name(call: Callable[..., object]) -> None:
    with pytest.raises(TypeError, match="positional argument"):
        call("text")


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (CLIENT, {"retries": 10**30}),
        (CLIENT, {"retries": -(10**30)}),
        (CLIENT, {"timeout": 10**400}),
        (CLIENT, {"timeout": float("nan")}),
        (CLIENT, {"store": "canary://"}),
        (CLIENT, {"anonymous_proxy": []}),
        (CLIENT, {"anonymous_proxy": ()}),
        (CLIENT, {"anonymous_proxy": " , "}),
        (CLIENT, {"anonymous_proxy": ("http://127.0.0.1:1", "socks5://canary@127.0.0.1:2")}),
        (CLIENT, {"isolation": "call"}),
        (CLIENT, {"store": "memory:", "store_timeout": 0}),
        (CLIENT, {"store": "memory:", "store_timeout": 601}),
        (CLIENT, {"store": "memory:", "seal_key": b"k" * 31}),
        (CLIENT, {"store": "memory:", "seal_key": [b"k" * 32, b""]}),
        (CLIENT, {"store": "memory:", "pass_binding": "both"}),
        (CLIENT, {"store": "memory:", "purchase_window": -1}),
        (CLIENT, {"store": "memory:", "purchase_window": 1200.5}),
        (CLIENT, {"store": "memory:", "purchase_window": float("nan")}),
        (CLIENT, {"store": "memory:", "pass_pool": 1001}),
        (CLIENT, {"store": "memory:", "pass_pool": -1}),
        (CLIENT, {"background": True}),
        (VERIFICATIONS.start, {"claim_type": ""}),
        (VERIFICATIONS.start, {"claim_type": CLAIM_TYPE, "reference": ""}),
        (VERIFICATIONS.start, {"claim_type": CLAIM_TYPE, "reference": "r" * 513}),
        (VERIFICATIONS.start, {"claim_type": CLAIM_TYPE, "timeout": -1}),
        (PASSES.prefetch, {"claim_type": "", "count": 1}),
        (PASSES.count, {"claim_type": ""}),
        (CLIENT, {"api_key": "persona_sandbox_\ud800"}),
        (KEY.generate, {"bits": 1024}),
        (KEY.generate, {"bits": -1}),
        (KEY.generate, {"bits": 2**70}),
        (KEY.from_pem, {"private_pem": "garbage"}),
        (RELAYS.create, {"claim_type": "\ud800"}),
        (RELAYS.create, {"claim_type": ""}),
        (RELAYS.create, {"claim_type": CLAIM_TYPE, "timeout": -1}),
        (RELAYS.issue_privacy_pass, {}),
        (OPEN_CLAIM, {"claim_payload": "{}", "claim_type": ""}),
    ],
)
def test_a_value_that_cannot_be_right_is_an_invalid_argument(
    call: Callable[..., object], arguments: dict[str, Any]
) -> None:
    with pytest.raises(relaypass.InvalidArgumentError) as caught:
        call(**arguments)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("call", "id"),
    [
        (VERIFICATIONS.complete, "5"),
        (VERIFICATIONS.get, UNKNOWN_ID.upper().replace("0", "A")),
        (VERIFICATIONS.forget, ""),
    ],
)
def test_an_id_that_start_never_returned_is_not_found(
    call: Callable[[str], object], id: str
) -> None:
    with pytest.raises(relaypass.NotFoundError):
        call(id)


def test_a_private_key_is_refused_where_a_public_one_belongs(
    key: relaypass.EncryptionKey,
) -> None:
    with pytest.raises(relaypass.InvalidArgumentError) as caught:
        RELAYS.create(claim_type=CLAIM_TYPE, encryption_key=key.private_key_pem)
    assert key.private_key_pem[60:100] not in str(caught.value)
    with pytest.raises(relaypass.InvalidArgumentError):
        relaypass.EncryptionKey.from_pem(key.public_key_pem)


def test_whole_numbers_and_texts_of_other_classes_are_fine() -> None:
    class Text(str):
        __slots__ = ()

    relaypass.RelayPass(timeout=5, retries=True, api_key=Text("persona_sandbox_x"))


def test_halves_of_different_keys_are_refused(key: relaypass.EncryptionKey) -> None:
    other = relaypass.EncryptionKey.generate()
    assert relaypass.EncryptionKey(key.public_key_pem, key.private_key_pem) == key
    with pytest.raises(relaypass.InvalidArgumentError, match="public half") as caught:
        relaypass.EncryptionKey(other.public_key_pem, key.private_key_pem)
    assert "PRIVATE KEY-----\n" not in str(caught.value)
