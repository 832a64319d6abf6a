"""What can be linked with a configuration, by whom, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from relaypass.results import Answer

PrivacyCode: TypeAlias = Literal[
    "one_address",
    "own_address",
    "proxy_crowd",
    "bought_when_called",
    "bought_at_once",
    "bought_within_window",
    "bought_ahead",
    "bound_to_relay",
    "pool_not_filled",
    "bought_while_asked",
    "hour_in_pass",
    "shared_connections",
    "encryption_key",
    "several_api_keys",
    "issuer_inconsistent",
    "key_id_mismatch",
    "key_changed",
    "refunded_passes",
    "compared_alone",
    "issuer_seen_once",
    "marked_alike",
    "few_checks",
    "paused_together",
    "known_as_relaypass",
    "seen_on_the_way",
]
"""What a :class:`PrivacyFinding` is about; later versions may add others."""

PrivacySeverity: TypeAlias = Literal["high", "medium", "low"]
"""How grave a :class:`PrivacyFinding` is.

``high``: it joins relays with the customer who bought their passes; it was measured, or seen.
``medium``: it joins relays with each other, or with the customer under a condition that relaypass
cannot see. ``low``: by itself it joins nothing.
"""


@dataclass(frozen=True, slots=True)
class PrivacyFinding:
    """Something that somebody can link with something. It holds no secret."""

    code: PrivacyCode
    """What it is about; later versions may add others."""
    severity: PrivacySeverity
    """``"high"``, ``"medium"`` or ``"low"``."""
    who: str
    """Who can link: ``Persona``, or somebody on the way."""
    links: str
    """What with what."""
    why: str
    """Why that is so here."""
    evidence: str
    """How sure it is: what was measured, seen, or follows from the protocol."""
    change: str | None
    """What to change; ``None`` where relaypass offers nothing."""


@dataclass(frozen=True, slots=True)
class PrivacyReport:
    """What can be linked with the present configuration, and by what was seen.

    ``str(report)`` is the plain text.
    """

    findings: tuple[PrivacyFinding, ...]
    """The gravest first. There is always one: some limits remain whatever is configured."""
    text: str
    """The same as plain text, in lines."""

    def __str__(self) -> str:
        return self.text


def privacy_report(answer: Answer) -> PrivacyReport:
    """Makes the class of a native answer."""
    findings = tuple(PrivacyFinding(**finding) for finding in answer["findings"])
    return PrivacyReport(findings, answer["text"])
