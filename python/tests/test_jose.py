"""JSON Web Keys and JWEs, held against another implementation: joserfc."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import RSAKey
from support import Sandbox

import relaypass

CLAIM_TYPE = "age_over18_verified"
CLAIM = json.dumps({"claim_type": CLAIM_TYPE, "claim_result": "passed"}).encode()
ALGORITHMS = ["RSA-OAEP-256", "A256GCM"]


@pytest.fixture(scope="module")
def theirs() -> RSAKey:
    key: RSAKey = RSAKey.generate_key(2048, private=True)
    return key


def encrypted(key: RSAKey, **header: object) -> str:
    protected = {"alg": "RSA-OAEP-256", "enc": "A256GCM", **header}
    return jwe.encrypt_compact(protected, CLAIM, key, algorithms=ALGORITHMS)


def private_jwk(key: RSAKey) -> dict[str, Any]:
    return dict(key.as_dict(private=True))


@pytest.mark.parametrize("header", [{}, {"kid": "of-theirs"}, {"typ": "JWE", "cty": "json"}])
def test_what_they_encrypt_opens_with_their_key(theirs: RSAKey, header: dict[str, object]) -> None:
    payload = encrypted(theirs, **header)
    jwk = private_jwk(theirs)
    pem = theirs.as_pem(private=True).decode()
    pair = relaypass.EncryptionKey.from_jwk(jwk)
    forms: list[Any] = [jwk, json.dumps(jwk), pem, pair, [pem, jwk], (pair,)]
    for key in forms:
        claim = relaypass.open_claim(
            claim_payload=payload, decryption_key=key, claim_type=CLAIM_TYPE
        )
        assert claim.passed


def test_what_they_encrypt_for_our_key_opens() -> None:
    ours = relaypass.EncryptionKey.generate()
    payload = encrypted(RSAKey.import_key({**ours.public_jwk}))
    assert relaypass.open_claim(claim_payload=payload, decryption_key=ours).passed


@pytest.mark.parametrize(
    "header",
    [{"alg": "RSA-OAEP"}, {"enc": "A128GCM"}, {"enc": "A256CBC-HS512"}, {"zip": "DEF"}],
    ids=str,
)
def test_what_they_can_do_and_persona_does_not_is_refused(
    theirs: RSAKey, header: dict[str, object]
) -> None:
    registry = jwe.JWERegistry(
        algorithms=["RSA-OAEP-256", "RSA-OAEP", "A256GCM", "A128GCM", "A256CBC-HS512", "DEF"]
    )
    protected = {"alg": "RSA-OAEP-256", "enc": "A256GCM", **header}
    payload = jwe.encrypt_compact(protected, CLAIM, theirs, registry=registry)
    with pytest.raises(relaypass.DecryptionError):
        relaypass.open_claim(claim_payload=payload, decryption_key=private_jwk(theirs))


def test_they_open_what_comes_for_our_key(sandbox: Sandbox) -> None:
    ours = relaypass.EncryptionKey.generate()
    with relaypass.RelayPass(
        api_key=sandbox.production_api_key, base_url=sandbox.url, encryption_form="jwk"
    ) as client:
        relay = client.relays.create(claim_type=CLAIM_TYPE, encryption_key=ours.public_jwk)
        ticket = client.relays.issue_privacy_pass(claim_type=CLAIM_TYPE)
        sandbox.control(f"relays/{relay.relay_token}/finish", {"result": "passed"})
        answer = client.relays.generate_claim(
            relay_token=relay.relay_token,
            relay_secret=relay.relay_secret,
            privacy_pass_token=ticket.privacy_pass_token,
        )
    assert answer.claim is None
    key = RSAKey.import_key(ours.private_key_pem)
    opened = jwe.decrypt_compact(answer.claim_payload, key, algorithms=ALGORITHMS)
    assert json.loads(opened.plaintext or b"")["claim_result"] == "passed"
    claim = relaypass.open_claim(claim_payload=answer.claim_payload, decryption_key=ours)
    assert claim.passed


def test_the_members_of_our_public_key_are_five_and_the_name_is_theirs() -> None:
    ours = relaypass.EncryptionKey.generate()
    assert list(ours.public_jwk) == ["kty", "n", "e", "alg", "use"]
    theirs = RSAKey.import_key(ours.public_key_pem).as_dict(private=False)
    assert (ours.public_jwk["n"], ours.public_jwk["e"]) == (theirs["n"], theirs["e"])
    assert (ours.public_jwk["alg"], ours.public_jwk["use"]) == ("RSA-OAEP-256", "enc")
    ours.public_jwk["n"] = "changed"
    assert ours.public_jwk["n"] == theirs["n"]


def test_a_named_key_is_picked_by_its_name_and_keeps_it(theirs: RSAKey) -> None:
    named = relaypass.EncryptionKey.from_jwk({**private_jwk(theirs), "kid": "of-theirs"})
    assert named.private_jwk["kid"] == "of-theirs"
    assert named == relaypass.EncryptionKey.from_pem(named.private_key_pem)
    payload = encrypted(theirs, kid="of-theirs")
    others = [relaypass.EncryptionKey.generate() for _ in range(2)]
    assert relaypass.open_claim(claim_payload=payload, decryption_key=[*others, named]).passed
    # Another key of that name is believed, and does not open it; this one is not asked any more.
    wrong = relaypass.EncryptionKey.from_jwk({**others[0].private_jwk, "kid": "of-theirs"})
    unnamed = relaypass.EncryptionKey.from_pem(named.private_key_pem)
    with pytest.raises(relaypass.DecryptionError):
        relaypass.open_claim(claim_payload=payload, decryption_key=[unnamed, wrong])


def test_a_payload_in_another_form_than_is_said_is_refused(theirs: RSAKey) -> None:
    payload = encrypted(theirs)
    key = private_jwk(theirs)
    forms: list[relaypass.EncryptionForm | None] = [None, "auto", "jwk"]
    for form in forms:
        claim = relaypass.open_claim(
            claim_payload=payload, decryption_key=key, encryption_form=form
        )
        assert claim.passed
    with pytest.raises(relaypass.ClaimMismatchError):
        relaypass.open_claim(claim_payload=payload, decryption_key=key, encryption_form="pem")


def test_a_private_key_is_never_taken_for_a_public_one(theirs: RSAKey) -> None:
    client = relaypass.RelayPass(base_url="http://127.0.0.1:9", retries=0)
    with pytest.raises(relaypass.InvalidArgumentError) as caught:
        client.relays.create(claim_type=CLAIM_TYPE, encryption_key=private_jwk(theirs))
    assert private_jwk(theirs)["d"] not in str(caught.value)
