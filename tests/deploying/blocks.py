"""The blocks of docs/deploying.md, by the name in the mark above each."""

from __future__ import annotations

from sandbox import ROOT
from snippets import snippets_of

FILE = ROOT / "docs" / "deploying.md"


def block(name: str) -> str:
    """The one block with the mark ``<!-- try: name -->``."""
    (found,) = snippets_of(FILE, f"<!-- try: {name} -->")
    return found.code


def lines(name: str) -> list[str]:
    """Its lines, each of which is a command."""
    return [line for line in block(name).splitlines() if line and not line.startswith("#")]
