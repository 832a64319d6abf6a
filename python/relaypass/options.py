"""Options that are one of a few texts."""

from __future__ import annotations

from typing import Literal, TypeAlias

Environment: TypeAlias = Literal["production", "sandbox"]
"""Which of Persona's two worlds: passes and relays of one do not fit the other."""

EncryptionForm: TypeAlias = Literal["auto", "pem", "jwk"]
"""In which form Persona gets the encryption key."""

Theme: TypeAlias = Literal["light", "dark", "auto"]
"""How Persona's page for the visitor looks; ``"auto"`` is as the visitor's device is set."""

Privacy: TypeAlias = Literal["standard", "strict"]
"""How far a client goes so that Persona cannot tell whose a relay is."""

Isolation: TypeAlias = Literal["none", "relay"]
"""What anonymous calls of different relays share: connections, or nothing."""

PassBinding: TypeAlias = Literal["claim_type", "relay"]
"""What verifications bind their passes to."""
