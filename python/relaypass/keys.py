"""Keys for encrypted claims, and how to open a claim with one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, Union, cast

from relaypass import _native, results
from relaypass.errors import InvalidArgumentError
from relaypass.options import EncryptionForm
from relaypass.outcomes import opened, unstarted
from relaypass.results import Claim

Key: TypeAlias = Union[str, Mapping[str, Any], "EncryptionKey"]
"""A key as an argument: a text (PEM, or the JSON of a JWK), a JWK as a mapping, or a pair, of which
the half that is needed is taken. It is the key itself, never the name of a file."""

Keys: TypeAlias = Key | Sequence[Key]
"""One key, or several, the newest first: the first is sent, and all of them open."""


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """An RSA key pair for claims that only you can read.

    Persona gets the public half with ``relays.create(encryption_key=...)``; the private half stays
    with you and opens the claim (``decryption_key=...``). Either argument takes the whole pair and
    uses the right half. A stored pair may be put together again; halves of different keys raise
    :class:`InvalidArgumentError`.

    >>> key = EncryptionKey.generate()
    >>> key.public_key_pem.splitlines()[0]
    '-----BEGIN PUBLIC KEY-----'
    >>> EncryptionKey.from_pem(key.private_key_pem) == key
    True
    >>> list(key.public_jwk)
    ['kty', 'n', 'e', 'alg', 'use']
    >>> EncryptionKey.from_jwk({**key.private_jwk, "kid": "2026-11"}).private_jwk["kid"]
    '2026-11'
    """

    public_key_pem: str
    """The public half in PEM (``PUBLIC KEY``): what Persona gets."""
    private_key_pem: str = field(repr=False)
    """The private half in PEM (PKCS#8). Keep it where you keep secrets."""
    _public_jwk: str = field(init=False, repr=False, compare=False)
    _private_jwk: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pair = opened(_native.read_key_pair(private_pem=self.private_key_pem))
        if self.public_key_pem != pair["public_key_pem"]:
            raise InvalidArgumentError(
                "public_key_pem is not the public half of private_key_pem; "
                "EncryptionKey.from_pem makes the pair from the private half [invalid_argument]"
            )
        object.__setattr__(self, "_public_jwk", pair["public_jwk"])
        object.__setattr__(self, "_private_jwk", pair["private_jwk"])

    @classmethod
    def generate(cls, bits: int = 2048) -> EncryptionKey:
        """Generates a key pair of 2048, 3072 or 4096 bits with the system's randomness.

        It takes a tenth of a second and more, so in asyncio call it through
        ``asyncio.to_thread``, and with gevent or eventlet through their pools of threads. Other
        threads go on meanwhile.

        Raises:
            InvalidArgumentError: ``bits`` is another number.
        """
        try:
            outcome = _native.generate_key_pair(bits)
        except RuntimeError as error:
            outcome = unstarted(error)
        return cls._of(opened(outcome))

    @classmethod
    def from_pem(cls, private_pem: str) -> EncryptionKey:
        """Reads a private key of 2048 to 4096 bits in PEM: PKCS#8 or PKCS#1, no passphrase.

        Raises:
            InvalidArgumentError: it is anything else, a public key for example.
        """
        return cls._of(opened(_native.read_key_pair(private_pem=private_pem)))

    @classmethod
    def from_jwk(cls, private_jwk: str | Mapping[str, Any]) -> EncryptionKey:
        """Reads a private key that is a JWK (RFC 7517): a mapping, or its JSON. It has ``d``,
        ``p``, ``q``, ``dp``, ``dq`` and ``qi``; ``alg``, if it is there, is ``RSA-OAEP-256``. Its
        ``kid``, if it has one, stays its name: a JWE that names it is opened with this key.

        Raises:
            InvalidArgumentError: it is anything else, a public key for example.
        """
        return cls._of(opened(_native.read_jwk(private_jwk=as_text(private_jwk))))

    @classmethod
    def _of(cls, pair: dict[str, str]) -> EncryptionKey:
        key = cls(pair["public_key_pem"], pair["private_key_pem"])
        # PEM has no name.
        object.__setattr__(key, "_private_jwk", pair["private_jwk"])
        return key

    @property
    def public_jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key, with ``kty``, ``n``, ``e``, ``alg`` and ``use``: what
        Persona gets in that form. A new dictionary each time."""
        jwk: dict[str, str] = json.loads(self._public_jwk)
        return jwk

    @property
    def private_jwk(self) -> dict[str, str]:
        """The private half as a JSON Web Key, with its ``kid``, if it was read with one. Keep it
        where you keep secrets. A new dictionary each time."""
        jwk: dict[str, str] = json.loads(self._private_jwk)
        return jwk


def open_claim(
    *,
    claim_payload: str,
    decryption_key: Keys | None = None,
    claim_type: str | None = None,
    encryption_form: EncryptionForm | None = None,
) -> Claim:
    """Opens a claim payload: one that you stored, or one that an error carried. It may be encrypted
    in either form, for a key in PEM or for a JWK, unless you say the form.

    It computes for a millisecond or, with a key of 4096 bits, four. Other threads go on meanwhile.

    Args:
        claim_payload: The payload as Persona sent it.
        decryption_key: The private key: PEM, a JWK or an :class:`EncryptionKey`; or a list of such
            keys. Needed if the payload is encrypted; with it, a payload that is *not* encrypted is
            refused.
        claim_type: What was asked. A claim of another type is refused.
        encryption_form: The relay's own (:attr:`Relay.encryption_form`): ``"pem"`` or ``"jwk"``. A
            payload in another form is refused. ``"auto"``, the default, takes either.

    Raises:
        DecryptionError: the key does not open it.
        ClaimMismatchError: it is not encrypted although there is a key, comes in another form than
            ``encryption_form``, or answers another question.
        ProtocolError: it is not a claim.
        InvalidArgumentError: the key is not a private key, or the claim type not a claim type.

    >>> payload = '{"claim_type": "age_over18_verified", "claim_result": "passed"}'
    >>> open_claim(claim_payload=payload).passed
    True
    """
    outcome = _native.open_claim(
        claim_payload=claim_payload,
        decryption_key=private_halves(decryption_key),
        claim_type=claim_type,
        encryption_form=encryption_form,
    )
    return results.claim(opened(outcome))


def public_half(key: Key | None) -> str | None:
    """A key that is given as ``encryption_key``, as text."""
    return key.public_key_pem if isinstance(key, EncryptionKey) else as_text(key)


def private_halves(keys: Keys | None) -> str | list[str | None] | None:
    """What is given as ``decryption_key``, as texts."""
    if isinstance(keys, (list, tuple)):
        return [_private(key) for key in keys]
    return _private(cast("Key | None", keys))


def _private(key: Key | None) -> str | None:
    # As a JWK, which may have a name.
    return key._private_jwk if isinstance(key, EncryptionKey) else as_text(key)


def as_text(key: str | Mapping[str, Any] | None) -> str | None:
    """A mapping becomes JSON; what is neither that nor text is for the native half to refuse."""
    return json.dumps(dict(key)) if isinstance(key, Mapping) else key
