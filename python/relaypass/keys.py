"""Keys for encrypted claims, and how to open a claim with one."""

from __future__ import annotations

from dataclasses import dataclass, field

from relaypass import _native, results
from relaypass.errors import InvalidArgumentError
from relaypass.outcomes import opened
from relaypass.results import Claim


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
    """

    public_key_pem: str
    """The public half in PEM (``PUBLIC KEY``): what Persona gets."""
    private_key_pem: str = field(repr=False)
    """The private half in PEM (PKCS#8). Keep it where you keep secrets."""

    def __post_init__(self) -> None:
        pair = opened(_native.read_key_pair(self.private_key_pem))
        if self.public_key_pem != pair["public_key_pem"]:
            raise InvalidArgumentError(
                "public_key_pem is not the public half of private_key_pem; "
                "EncryptionKey.from_pem makes the pair from the private half [invalid_argument]"
            )

    @classmethod
    def generate(cls, bits: int = 2048) -> EncryptionKey:
        """Generates a key pair of 2048, 3072 or 4096 bits with the system's randomness.

        It takes a tenth of a second and more, so in asyncio call it through
        ``asyncio.to_thread``, and with gevent or eventlet through their pools of threads. Other
        threads go on meanwhile.

        Raises:
            InvalidArgumentError: ``bits`` is another number.
        """
        return cls(**opened(_native.generate_key_pair(bits)))

    @classmethod
    def from_pem(cls, private_pem: str) -> EncryptionKey:
        """Reads a private key of 2048 to 4096 bits in PEM: PKCS#8 or PKCS#1, no passphrase.

        Raises:
            InvalidArgumentError: it is anything else, a public key for example.
        """
        return cls(**opened(_native.read_key_pair(private_pem)))


def open_claim(
    *,
    claim_payload: str,
    decryption_key: str | EncryptionKey | None = None,
    claim_type: str | None = None,
) -> Claim:
    """Opens a claim payload: one that you stored, or one that an error carried.

    Args:
        claim_payload: The payload as Persona sent it.
        decryption_key: The private key: PEM or an :class:`EncryptionKey`. Needed if the payload is
            encrypted; with it, a payload that is *not* encrypted is refused.
        claim_type: What was asked. A claim of another type is refused.

    Raises:
        DecryptionError: the key does not open it.
        ClaimMismatchError: it is not encrypted although there is a key, or answers another
            question.
        ProtocolError: it is not a claim.
        InvalidArgumentError: the key is not a private key, or the claim type not a claim type.

    >>> payload = '{"claim_type": "age_over18_verified", "claim_result": "passed"}'
    >>> open_claim(claim_payload=payload).passed
    True
    """
    outcome = _native.open_claim(
        claim_payload=claim_payload,
        decryption_key=private_half(decryption_key),
        claim_type=claim_type,
    )
    return results.claim(opened(outcome))


def public_half(key: str | EncryptionKey | None) -> str | None:
    """The PEM of a key that is given as ``encryption_key``."""
    return key.public_key_pem if isinstance(key, EncryptionKey) else key


def private_half(key: str | EncryptionKey | None) -> str | None:
    """The PEM of a key that is given as ``decryption_key``."""
    return key.private_key_pem if isinstance(key, EncryptionKey) else key
