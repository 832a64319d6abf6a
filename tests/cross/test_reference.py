"""The core against an independent reference, and the reference against the RFC."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from relaypass import RelayPass

import reference
from programs import run_three_steps
from reference import Pass, PublicKey, from_base64url, to_base64url
from sandbox import Exchange, Sandbox, send

CLAIM_TYPE = "age_over18_verified"


def test_the_token_input_is_the_known_answer() -> None:
    assert reference.token_input("a" * 64, "b" * 64, "c" * 64).hex() == (
        "0002ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"
        "a0fab1377f49a759b57f63318262ebe89fabfc990e8e93ceac2984561482b9d4"
        "52b6419d27bd7f547cee3b92f8c17a908b8a49601ecbec161e5030de1dfe9e0a"
    )


@pytest.mark.parametrize("variant", ["Randomized", "Deterministic"])
def test_the_reference_agrees_with_rfc_9474(shared: Path, variant: str) -> None:
    vectors = json.loads((shared / "vectors" / "rfc9474.json").read_text())["vectors"]
    [vector] = [entry for entry in vectors if entry["name"] == f"RSABSSA-SHA384-PSS-{variant}"]
    value = {name: bytes.fromhex(text or "") for name, text in vector.items() if name != "name"}
    n, e, d, inverse = (int.from_bytes(value[name], "big") for name in ("n", "e", "d", "inv"))
    key, r = PublicKey(n, e), pow(inverse, -1, n)
    message = value["msg_prefix"] + value["msg"]
    assert message == value["prepared_msg"]

    encoded = reference.emsa_pss_encode(message, n.bit_length() - 1, value["salt"])
    assert encoded == value["encoded_msg"]
    blinded = reference.blind(message, key, r, value["salt"])
    assert blinded == value["blinded_msg"]
    blind_signature = pow(int.from_bytes(blinded, "big"), d, n).to_bytes(key.size, "big")
    assert blind_signature == value["blind_sig"]
    assert reference.finalize(message, key, r, blind_signature) == value["sig"]


def test_the_reference_refuses_what_is_not_signed(shared: Path) -> None:
    vectors = json.loads((shared / "vectors" / "rfc9474.json").read_text())["vectors"]
    n, e, signature, message = (
        bytes.fromhex(vectors[0][name]) for name in ("n", "e", "sig", "prepared_msg")
    )
    key = PublicKey(int.from_bytes(n, "big"), int.from_bytes(e, "big"))
    assert reference.verify(message, key, signature)
    assert not reference.verify(message + b"!", key, signature)
    assert not reference.verify(message, key, signature[:-1] + bytes([signature[-1] ^ 1]))
    assert not reference.verify(message, key, signature[1:])
    assert not reference.verify(message, PublicKey(key.n, 3), signature)


@pytest.mark.parametrize("key_bits", [2048, 4096])
def test_a_pass_of_the_core_satisfies_the_reference(
    sandbox: Sandbox, language: str, key_bits: int
) -> None:
    sandbox.settings(
        key_bits=key_bits, extra_challenge_field="verbatim", opaque_key_id=key_bits == 4096
    )
    run_three_steps(language, sandbox)
    _create, challenge, sign, redeem = sandbox.exchanges()
    _check_pass(challenge.answer, sign, redeem, key_bits)


def test_a_relay_bound_pass_of_the_core_satisfies_the_reference(
    sandbox: Sandbox,
) -> None:
    with RelayPass(api_key=sandbox.production_api_key, base_url=sandbox.url) as client:
        relay = client.relays.create(claim_type=CLAIM_TYPE)
        sandbox.finish(relay.relay_token)
        ticket = client.relays.issue_privacy_pass(
            relay_token=relay.relay_token, relay_secret=relay.relay_secret
        )
        client.relays.generate_claim(
            relay_token=relay.relay_token,
            relay_secret=relay.relay_secret,
            privacy_pass_token=ticket.privacy_pass_token,
        )
    _create, challenge, sign, redeem = sandbox.exchanges()
    header = dict(challenge.answer_headers)["www-authenticate"]
    materials = {
        name: value.strip('"')
        for name, _, value in (
            part.partition("=") for part in header.removeprefix("PrivateToken ").split(", ")
        )
    }
    _check_pass(materials, sign, redeem, 2048)


def _check_pass(materials: dict[str, Any], sign: Exchange, redeem: Exchange, bits: int) -> None:
    key = PublicKey.from_spki(from_base64url(materials["token-key"]))
    assert key.n.bit_length() == bits
    token = redeem.headers["authorization"].removeprefix("PrivateToken token=")
    as_json = from_base64url(token)
    members = json.loads(as_json)
    assert list(members) == ["token_nonce", "signature", "key_id", "challenge"]
    assert members["key_id"] == materials["token-key-id"]

    nonce = members["token_nonce"]
    assert len(bytes.fromhex(nonce)) == 32
    assert nonce == nonce.lower()
    issued = from_base64url(materials["challenge"])
    assert as_json.endswith(b'"challenge":' + issued + b"}"), "the challenge was written anew"
    made = Pass(nonce, from_base64url(members["signature"]), members["key_id"], issued)
    assert reference.verify(made.token_input(), key, made.signature)

    sent = json.loads(sign.body)
    assert sent["key-id"] == materials["token-key-id"]
    blinded = from_base64url(sent["blinded-token"])
    assert len(blinded) == key.size
    # What was signed is what was sent, and is no power of what is redeemed.
    blind_signature = int.from_bytes(from_base64url(sign.answer["blind-sig"]), "big")
    assert pow(blind_signature, key.e, key.n) == int.from_bytes(blinded, "big")
    assert blind_signature != int.from_bytes(made.signature, "big")


@pytest.mark.parametrize("key_bits", [2048, 3072])
def test_a_pass_of_the_reference_redeems(sandbox: Sandbox, key_bits: int) -> None:
    sandbox.settings(key_bits=key_bits, extra_challenge_field="verbatim")
    relays = f"{sandbox.url}/api/privacy/v1/relays"
    relay = _post(relays, {"claim-type": CLAIM_TYPE, "encryption-key-pem": None}, 201)
    sandbox.finish(relay["relay-token"])

    materials = _post(f"{relays}/challenge", {"claim-type": CLAIM_TYPE}, 200)
    key, key_id = (
        PublicKey.from_spki(from_base64url(materials["token-key"])),
        materials["token-key-id"],
    )
    made = Pass(secrets.token_hex(32), b"", key_id, from_base64url(materials["challenge"]))
    message, r = made.token_input(), secrets.randbelow(key.n)
    blinded = reference.blind(message, key, r, secrets.token_bytes(reference.SALT_LENGTH))
    signed = _post(
        f"{sandbox.url}/api/v1/privacy-passes",
        {"blinded-token": to_base64url(blinded), "key-id": key_id},
        201,
        authorization=f"Bearer {sandbox.production_api_key}",
    )
    signature = reference.finalize(message, key, r, from_base64url(signed["blind-sig"]))
    token = Pass(made.nonce, signature, key_id, made.challenge).encode()
    answer = _post(
        f"{relays}/{relay['relay-token']}/generate-claim",
        {},
        200,
        authorization=f"PrivateToken token={token}",
        **{"persona-relay-secret": relay["relay-secret"]},
    )
    assert answer["token-consumed"] is True
    assert json.loads(answer["claim-payload"])["claim_result"] == "passed"
    assert sandbox.ledger()["redeemed"] == 1


def _post(url: str, body: dict[str, Any], expected: int, **headers: str) -> Any:
    status, answer = send(url, json.dumps(body).encode(), headers)
    assert status == expected, answer
    return json.loads(answer)
