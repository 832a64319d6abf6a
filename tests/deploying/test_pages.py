"""The pages on deploying and on visitors name tests that are there, and lead where something is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandbox import ROOT

PAGES = [ROOT / "docs" / "deploying.md", ROOT / "docs" / "visitor.md"]
OURS = "\n".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
def text(request: pytest.FixtureRequest) -> str:
    page: Path = request.param
    return page.read_text(encoding="utf-8")


def test_every_section_says_what_shows_it_or_that_nothing_does() -> None:
    for section in PAGES[0].read_text(encoding="utf-8").split("\n## ")[1:]:
        assert re.search(r"\*Tests?:", section), section.splitlines()[0]


def test_every_test_that_is_named_is_there(text: str) -> None:
    for path in re.findall(r"`((?:tests|python|packaging|core)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
    named = set(re.findall(r"`(test_\w+)`", text))
    assert {name for name in named if f"def {name}(" not in OURS} == set()


def test_every_block_with_a_mark_is_tried(text: str) -> None:
    marks = re.findall(r"<!-- try: (.+?) -->", text)
    assert marks
    assert [mark for mark in marks if f'"{mark}"' not in OURS and f"try: {mark} " not in OURS] == []


def test_every_link_leads_somewhere(text: str) -> None:
    for target, anchor in re.findall(r"\]\(((?!https?:)[^)#]*)(?:#([^)]*))?\)", text):
        file = (ROOT / "docs" / target).resolve() if target else None
        assert file is None or file.exists(), target
        if anchor:
            linked = file.read_text(encoding="utf-8") if file else text
            headings = re.findall(r"^#+ (.+)$", linked, re.MULTILINE)
            assert anchor in {_slug(heading) for heading in headings}, f"{target}#{anchor}"


def _slug(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
