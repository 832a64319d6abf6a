"""The issuance of a Privacy Pass once more, in plain integers: what the core is checked against.

RSABSSA-SHA384-PSS with a salt of 48 bytes (RFC 9474), over Persona's token input. Written for
reading. It takes no care of timing, and must not be used for anything but tests.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from hashlib import sha256, sha384

HASH_LENGTH = 48
SALT_LENGTH = 48


@dataclass(frozen=True)
class PublicKey:
    n: int
    e: int

    @classmethod
    def from_spki(cls, der: bytes) -> PublicKey:
        """Reads a SubjectPublicKeyInfo (RFC 5280, section 4.1) that holds an RSA key."""
        _algorithm, bits = children(children(der)[0])
        n, e = children(children(bits[1:])[0])  # the first byte counts unused bits: none
        return cls(int.from_bytes(n, "big"), int.from_bytes(e, "big"))

    @property
    def size(self) -> int:
        """Bytes of the modulus, and of a signature."""
        return (self.n.bit_length() + 7) // 8


def token_input(nonce: str, mac: str, key_id: str) -> bytes:
    """The 98 bytes that are signed: Persona's own layout, over the texts."""
    return b"\x00\x02" + b"".join(sha256(text.encode()).digest() for text in (nonce, mac, key_id))


def blind(message: bytes, key: PublicKey, r: int, salt: bytes) -> bytes:
    """RFC 9474, section 4.2."""
    encoded = int.from_bytes(emsa_pss_encode(message, key.n.bit_length() - 1, salt), "big")
    return (encoded * pow(r, key.e, key.n) % key.n).to_bytes(key.size, "big")


def finalize(message: bytes, key: PublicKey, r: int, blind_signature: bytes) -> bytes:
    """RFC 9474, section 4.4."""
    unblinded = int.from_bytes(blind_signature, "big") * pow(r, -1, key.n) % key.n
    signature = unblinded.to_bytes(key.size, "big")
    if not verify(message, key, signature):
        raise ValueError("invalid signature")
    return signature


def verify(message: bytes, key: PublicKey, signature: bytes) -> bool:
    """RSASSA-PSS-VERIFY, RFC 8017, section 8.1.2."""
    number = int.from_bytes(signature, "big")
    if len(signature) != key.size or number >= key.n:
        return False
    bits = key.n.bit_length() - 1
    encoded = pow(number, key.e, key.n)
    if encoded.bit_length() > bits:
        return False
    return emsa_pss_verify(message, encoded.to_bytes((bits + 7) // 8, "big"), bits)


def emsa_pss_encode(message: bytes, bits: int, salt: bytes) -> bytes:
    """RFC 8017, section 9.1.1."""
    length = (bits + 7) // 8
    h = _pss_hash(message, salt)
    db = bytes(length - len(salt) - HASH_LENGTH - 2) + b"\x01" + salt
    masked = _without_top_bits(_xor(db, _mgf1(h, len(db))), 8 * length - bits)
    return masked + h + b"\xbc"


def emsa_pss_verify(message: bytes, encoded: bytes, bits: int) -> bool:
    """RFC 8017, section 9.1.2."""
    excess = 8 * len(encoded) - bits
    masked, h, trailer = encoded[: -HASH_LENGTH - 1], encoded[-HASH_LENGTH - 1 : -1], encoded[-1:]
    if trailer != b"\xbc" or masked != _without_top_bits(masked, excess):
        return False
    db = _without_top_bits(_xor(masked, _mgf1(h, len(masked))), excess)
    padding, salt = db[:-SALT_LENGTH], db[-SALT_LENGTH:]
    return padding == bytes(len(padding) - 1) + b"\x01" and _pss_hash(message, salt) == h


@dataclass(frozen=True)
class Pass:
    """A pass as it travels. The challenge is kept as the bytes that it came as."""

    nonce: str
    signature: bytes
    key_id: str
    challenge: bytes

    def encode(self) -> str:
        head = json.dumps(
            {
                "token_nonce": self.nonce,
                "signature": to_base64url(self.signature),
                "key_id": self.key_id,
            }
        )
        return to_base64url(head[:-1].encode() + b', "challenge": ' + self.challenge + b"}")

    def token_input(self) -> bytes:
        return token_input(self.nonce, json.loads(self.challenge)["mac"], self.key_id)


def to_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _pss_hash(message: bytes, salt: bytes) -> bytes:
    return sha384(bytes(8) + sha384(message).digest() + salt).digest()


def _mgf1(seed: bytes, length: int) -> bytes:
    """RFC 8017, appendix B.2.1."""
    blocks = range(-(-length // HASH_LENGTH))
    return b"".join(sha384(seed + block.to_bytes(4, "big")).digest() for block in blocks)[:length]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _without_top_bits(data: bytes, count: int) -> bytes:
    return bytes([data[0] & (0xFF >> count)]) + data[1:]


def children(der: bytes) -> list[bytes]:
    """The contents of the DER elements that stand one after the other in ``der``."""
    contents = []
    while der:
        length, start = der[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(der[2:start], "big")
        contents.append(der[start : start + length])
        der = der[start + length :]
    return contents
