"""What costs a claim if it is said wrongly is said in the same words in every language."""

from __future__ import annotations

import re

import pytest

from sandbox import ROOT

ABOUT_KEYS = (
    "the same key asks for the same answer for 24 hours, after a lost answer, a cancellation or a "
    'crash. the call goes out under this key alone, and "not finished yet" ends it. after '
    "permission_denied without an idempotency_key make a new one: persona keeps that answer too. "
    "an error with an idempotency_key, whatever its kind, asks to be repeated with that key. "
    "it is as secret as the pass."
)

REFERENCES = [
    "core/src/client/requests.rs",
    "python/relaypass/relays.py",
    "node/src/relays.ts",
    "kotlin/src/main/kotlin/dev/relaypass/Relays.kt",
    "swift/Sources/RelayPass/Relays.swift",
]

# Each language's own names, and its marks around them.
_NAMES = {
    r"\{@link (\w+)\}": r"\1",
    r":class:": "",
    r"RelayPassError/(Code/)?": "",
    r"\(_:\)": "",
    r"PermissionDenied(Error|Exception)|permissionDenied": "permission_denied",
    r"idempotencyKey": "idempotency_key",
}


def words_of(text: str) -> str:
    """The words of comments and docstrings, without what a language writes around them."""
    text = re.sub(r"^\s*(///?|\*)\s?", "", text, flags=re.MULTILINE)
    for name, common in _NAMES.items():
        text = re.sub(name, common, text)
    return re.sub(r"\s+", " ", re.sub(r"[`\[\]]", "", text)).lower()


@pytest.mark.parametrize("file", REFERENCES)
def test_every_language_says_the_same_of_idempotency_keys(file: str) -> None:
    assert ABOUT_KEYS in words_of((ROOT / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", ["python", "node", "kotlin", "swift"])
def test_no_readme_has_a_key_thrown_away_that_may_hold_the_claim(language: str) -> None:
    words = words_of((ROOT / language / "README.md").read_text(encoding="utf-8"))
    advice = re.findall(r"permission_denied[^.;:]{0,60} make a new one", words)
    assert all("without an idempotency_key" in found for found in advice), advice
    assert advice or "make a new one" not in words


def test_another_word_is_noticed() -> None:
    said = "/// The same key asks for the same answer for 24 hours."
    assert words_of(said).strip() == "the same key asks for the same answer for 24 hours."
    assert ABOUT_KEYS not in words_of(said)
