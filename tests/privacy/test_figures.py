"""The figures of docs/privacy.md are what the matcher joins, and it can win."""

from __future__ import annotations

import math
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
    RENEWED,
    SIZES,
    STANDARD,
    STRICT_BY_HALVES,
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

    def says(words: str) -> None:
        assert words in page

    own = [it for habit, it in equal if habit.way_out != "shared"]
    assert "Persona names you every time" in page
    assert all(result.customers.share == 1 for result in own)

    pooled = [it for habit, it in equal if habit.pool and habit.way_out == "shared"]
    standard, isolated, halves = (pooled[first : first + 3] for first in (0, 3, 6))
    weekly, daily, daily_of_100, _ = pooled[9:]
    found = "it finds the signature of {}, {} and {} of the relays"
    says(found.format(*(result.signatures for result in standard)))
    says(
        "the matcher still names {} and {} of the customers at 10 and 1,000 checks a day".format(
            *(result.customers for result in isolated)
        )
    )
    says("by halves instead, {} and {}".format(*(result.customers for result in halves)))
    says(
        f"{weekly.customers} with one hour of the week, {daily.customers} with one hour of the day"
    )
    says(f"a pool of 100, {daily_of_100.customers}")
    for habit, words in (
        (STANDARD, "if they shared none, it would be {} of the relays"),
        (POOLED, "If relays shared no connection, {} would be named at 100,000 checks a day"),
    ):
        alone = replace(habit, way_out="shared", isolated=True)
        named = measure(alone, 100_000, SIZES["equal"](CUSTOMERS)).customers
        assert words.format(named) in page
    few, some, many = (str(result.customers) for result in standard)
    assert f"the customer of {few}, {some} and {many} of the relays" in readme
    few, some, many = (str(result.signatures) for result in standard)
    assert f"the signature of {few}, {some} and {many}" in readme
    assert f"{standard[0].billed / 1000:.2f} passes are bought for each check" in page


def test_the_habits_of_the_public_sdk_are_joined(results: Results) -> None:
    shares = [it.signatures.share for _, habit, _, it in results if habit == PUBLIC]
    assert len(shares) == len(RATES)
    assert min(shares) > 0.95


def test_the_hour_in_the_pass_names_the_customer_of_few_checks(results: Results) -> None:
    """Whoever buys in an hour of its own has no crowd, however the pool is refilled."""
    page = " ".join((DOCS / "privacy.md").read_text().split())
    assert (
        "In every row at 10 and at 1,000 checks a day, the matcher names more than chance does."
        in page
    )
    few = [it for _, _, rate, it in results if rate < 100_000]
    assert few
    assert all(it.customers.share > it.customers.chance for it in few)
    assert not any(it.customers.is_chance for _, _, rate, it in results if rate == 10)


def test_many_checks_hide_the_customer_nearly_as_well_as_chance_and_not_quite() -> None:
    worlds = [
        measure(STRICT_BY_HALVES, 100_000, SIZES["equal"](CUSTOMERS), seed=seed).customers
        for seed in range(1, 5)
    ]
    relays = sum(it.of for it in worlds)
    named, chance = (sum(it.joined for it in worlds), sum(it.chance * it.of for it in worlds))
    page = " ".join((DOCS / "privacy.md").read_text().split())
    words = f"in four more worlds {named / relays:.1%} are named, chance {chance / relays:.1%}"
    assert words.replace("%", " %") in page
    assert named > chance + 3 * math.sqrt(chance)


def test_a_pool_that_is_renewed_whole_in_a_common_hour_tells_nothing() -> None:
    """All buy as many, used or not: who used them cannot be told from who bought them."""
    worlds = [
        measure(RENEWED, 10, SIZES["equal"](CUSTOMERS), pairs=200, seed=seed)
        for seed in range(1, 4)
    ]
    named = sum(it.customers.joined for it in worlds) / 600
    bought = sum(it.billed for it in worlds) / 600
    assert named < 1 / CUSTOMERS + 3 * math.sqrt(1 / CUSTOMERS / 600)
    page = " ".join((DOCS / "privacy.md").read_text().split())
    words = f"names {named:.1%} of 600 relays, and one in twenty is what any guess gives"
    assert words.replace("%", " %") in page
    assert f"costs {bought:.0f} passes a check" in page
