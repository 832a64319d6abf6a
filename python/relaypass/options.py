"""Options that are one of a few texts."""

from __future__ import annotations

from typing import Literal, TypeAlias

Environment: TypeAlias = Literal["production", "sandbox"]
"""Which of Persona's two worlds: passes and relays of one do not fit the other."""

PassBinding: TypeAlias = Literal["claim_type", "relay"]
"""What verifications bind their passes to."""
