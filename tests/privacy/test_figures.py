"""The figures of docs/privacy.md are what the matcher joins, and it can win."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from habits import Habit
from table import (
    BEGIN,
    CUSTOMERS,
    DOCS,
    END,
    POOLED,
    PUBLIC,
    RATES,
    SIZES,
    STANDARD,
    STRICT,
    Result,
    chart,
    figures,
    measure,
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


def test_what_the_pages_say_of_the_figures_is_so(results: Results) -> None:
    page = " ".join((DOCS / "privacy.md").read_text().split())
    readme = " ".join((DOCS.parent / "README.md").read_text().split())
    equal = [(habit, result) for kind, habit, _, result in results if kind == "equal"]

    own = [it for habit, it in equal if habit.way_out != "shared"]
    assert "Persona names you every time" in page
    assert all(result.customers.share == 1 for result in own)

    assert "Of fewer than one relay in thirty the signature is found" in page
    assert all(it.signatures.share < 1 / 30 for habit, it in equal if habit.pool)
    pooled = [it for habit, it in equal if habit.pool and habit.way_out == "shared"]
    standard, after_each_use, _ = (pooled[first : first + 3] for first in (0, 3, 6))
    assert "through shared exits, the customer, too, at 10 and at 1,000 checks a day" in page
    assert [result.customers.is_chance for result in standard] == [True, True, False]
    for habit, words in (
        (STANDARD, "if they shared none, it would be {} of the relays"),
        (POOLED, "If relays shared no connection, {} would be named at 100,000 checks a day"),
    ):
        alone = replace(habit, way_out="shared", isolated=True)
        named = measure(alone, 100_000, SIZES["equal"](CUSTOMERS)).customers
        assert words.format(named) in page
    few, some, many = (str(result.customers) for result in standard)
    assert f"the customer of {few}, {some} and {many} of the relays" in readme
    few, some, many = (str(result.customers) for result in after_each_use)
    assert f"a purchase after each use names {few}, {some} and {many}" in page
    assert not after_each_use[0].customers.is_chance
    assert not after_each_use[1].customers.is_chance
    assert f"{standard[0].billed / 1000:.2f} passes are bought for each check" in page


def test_the_habits_of_the_public_sdk_are_joined(results: Results) -> None:
    shares = [it.signatures.share for _, habit, _, it in results if habit == PUBLIC]
    assert len(shares) == len(RATES)
    assert min(shares) > 0.95


def test_strict_is_no_better_joined_than_by_chance(
    results: Results,
) -> None:
    found = [it for kind, habit, _, it in results if habit == STRICT and kind == "equal"]
    assert len(found) == len(RATES)
    for result in found:
        assert result.customers.of == 1000
        assert result.customers.is_chance, result
        assert result.signatures.is_chance, result
