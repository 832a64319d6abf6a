"""The figures of docs/privacy.md are what the matcher joins, and it can win."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from habits import Habit
from table import (
    BEGIN,
    DOCS,
    END,
    PUBLIC,
    RATES,
    STRICT_BY_HALVES,
    Result,
    chart,
    figures,
    tables,
)

Results = Sequence[tuple[str, Habit, int, Result]]


@pytest.fixture(scope="module")
def results() -> Results:
    return list(figures())


def test_the_figures_in_the_docs_are_these(results: Results) -> None:
    page = (DOCS / "privacy.md").read_text()
    assert page.split(BEGIN)[1].split(END)[0] == tables(results)
    assert (DOCS / "privacy.svg").read_text() == chart(results)


def test_the_habits_of_the_public_sdk_are_joined(results: Results) -> None:
    shares = [it.signatures.share for _, habit, _, it in results if habit == PUBLIC]
    assert len(shares) == len(RATES)
    assert min(shares) > 0.95


def test_isolated_relays_and_a_pool_refilled_by_halves_are_no_better_joined_than_by_chance(
    results: Results,
) -> None:
    found = [it for kind, habit, _, it in results if habit == STRICT_BY_HALVES and kind == "equal"]
    assert len(found) == len(RATES)
    for result in found:
        assert result.customers.of == 1000
        assert result.customers.is_chance, result
        assert result.signatures.is_chance, result
