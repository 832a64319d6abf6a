"""The figures of docs/privacy.md are what the matcher joins, and it can win."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from habits import COMMON_HOUR, Habit
from table import (
    BEGIN,
    BY_HALVES,
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
    others = [(rate, it) for kind, _, rate, it in results if kind != "strict"]
    few = [it for rate, it in others if rate < 100_000]
    assert few
    assert all(it.customers.share > it.customers.chance for it in few)
    assert not any(it.customers.is_chance for rate, it in others if rate == 10)


def test_many_checks_hide_the_customer_nearly_as_well_as_chance_and_not_quite() -> None:
    worlds = [
        measure(BY_HALVES, 100_000, SIZES["equal"](CUSTOMERS), seed=seed).customers
        for seed in range(1, 5)
    ]
    relays = sum(it.of for it in worlds)
    named, chance = (sum(it.joined for it in worlds), sum(it.chance * it.of for it in worlds))
    page = " ".join((DOCS / "privacy.md").read_text().split())
    words = f"in four more worlds {named / relays:.1%} are named, chance {chance / relays:.1%}"
    assert words.replace("%", " %") in page
    assert named > chance + 3 * math.sqrt(chance)


def test_of_strict_pools_the_matcher_names_no_more_than_chance(results: Results) -> None:
    page = " ".join((DOCS / "privacy.md").read_text().split())
    readme = " ".join((DOCS.parent / "README.md").read_text().split())
    strict = [it for kind, _, _, it in results if kind == "strict"]
    assert len(strict) == len(RATES)
    assert all(it.customers.is_chance for it in strict)
    # Pools that are too small for it have visitors wait.
    assert all(it.waiting == 0 for it in strict)
    few, some, many = (str(it.customers) for it in strict)
    words = f"the matcher names {few}, {some} and {many} of the customers"
    assert words in page
    assert words in readme
    assert f"costs {strict[0].billed / 1000:.1f} passes a check" in page


def test_the_simulation_buys_as_the_core_does() -> None:
    """One source would be better, and there is none that both read."""
    core = DOCS.parent / "core" / "src" / "passes"
    hour, renewal = (
        " ".join((core / name).read_text().split()) for name in ("common_hour.rs", "renewal.rs")
    )
    assert "(of_today.begins() <= now && now < of_today.ends())" in hour
    assert "self.0 % 7 == OF_THE_WEEK" in hour
    assert "Self(self.0.saturating_add(days)).ends()" in hour
    assert "MARGIN: u64 = MINUTE" in hour
    assert COMMON_HOUR.margin == 60
    assert "LAST: u64 = 2 * MINUTE" in renewal
    assert COMMON_HOUR.last == 120
    assert "hour.is_of_the_week() || left.saturating_mul(2) < target" in renewal
    assert "+ below(rest / 6, random); let second = first + rest / 12 + below(rest / 6" in renewal
    assert COMMON_HOUR.first_fetch == 1 / 6
    assert COMMON_HOUR.fetches_apart == (1 / 12, 1 / 6)
    waits = DOCS.parent / "core" / "src" / "verification" / "engine" / "strictly.rs"
    assert "LONGEST_WAIT: Duration = Duration::from_secs(2)" in waits.read_text()
    assert {habit.redeem_delay for habit in STRICT.values()} == {2.0}
