"""The figures of docs/privacy.md are what the matcher joins, and it can win."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from common import (
    CORE,
    LAST,
    MARGIN,
    NEVER,
    OF_THE_WEEK,
    CommonPool,
    begins,
    changes,
    live,
    moments,
)
from crowd import FIRST_DAY
from habits import Habit
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
    STRICT_BEGIN,
    Result,
    Share,
    StrictWorld,
    chart,
    figures,
    measure,
    strict_figures,
    strict_table,
    tables,
)

Results = Sequence[tuple[str, Habit, int, Result]]
StrictResults = Sequence[tuple[StrictWorld, Result]]


@pytest.fixture(scope="module")
def results() -> Results:
    return list(figures())


def test_the_figures_in_the_docs_are_these(results: Results, strict: StrictResults) -> None:
    page = (DOCS / "privacy.md").read_text()
    assert page.split(BEGIN)[1].split(END)[0] == tables(results)
    assert (DOCS / "privacy.svg").read_text() == chart(results, strict)


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
    others = [(rate, it) for _, _, rate, it in results]
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


@pytest.fixture(scope="module")
def strict() -> list[tuple[StrictWorld, Result]]:
    return list(strict_figures())


def test_the_figures_of_strict_pools_are_those_in_the_docs(strict: StrictResults) -> None:
    page = (DOCS / "privacy.md").read_text()
    assert page.split(STRICT_BEGIN)[1].split(END)[0] == strict_table(strict)


def test_who_needs_no_purchase_in_midweek_is_not_named_more_than_by_chance(
    strict: StrictResults,
) -> None:
    """Among customers of equal size: over all of their relays, which are more than a thousand."""
    lasting = [it.customers for world, it in strict if world in strict_worlds(lasts=True)]
    assert len(lasting) == 2
    assert all(it.of > 1_000 and it.distance() < 3 for it in lasting)
    # And that is not for want of trying: who buys in midweek is named.
    buying = [it.customers for world, it in strict if world in strict_worlds(lasts=False)]
    assert len(buying) == 4
    assert all(it.distance() > 3 for it in buying)


def test_what_the_page_says_of_strict_pools_is_so(strict: StrictResults) -> None:
    page = " ".join((DOCS / "privacy.md").read_text().split())
    few, lasting, of_400, of_150, of_100, many, same, own, capped, days, dry, *new = (
        it for _, it in strict
    )

    def says(words: str, *shares: object) -> None:
        assert words.format(*shares) in page

    says("names {} at 10 and {} at 1,000 checks a day", *named(few, lasting))
    says("which are {:,} and {:,}", few.customers.of, lasting.customers.of)
    readme = " ".join((DOCS.parent / "README.md").read_text().split())
    words = "the matcher names {} at 10 and {} at 1,000 checks a day"
    assert words.format(*named(few, lasting)) in readme
    words = "it names more ({} with a pool of 100 at 1,000 checks a day), and of a new customer's"
    assert f"{words} first week {{}} and {{}}".format(*named(of_100, *new[:2])) in readme
    pools = "{} with a pool of 400, {} with one of 150 and {} with one of 100, instead of 5.0 %"
    says(pools, *named(of_400, of_150, of_100))
    says("it names {} of the customers instead of 0.4 %", *named(many))
    says("At 10 checks a day, {} and {} are named", *named(same, own))
    assert all(it.distance() < 3 for it in named(same, own))
    says("named are {}, {} and {}, chance 27.8 %", *named(capped, days, dry))
    assert all(it.distance() > 3 for it in named(capped, days, dry, *new))
    says("names {}, {} and {} of a new customer's relays in the first week", *named(*new))
    mistaken = [f"{it.customers.chance:.1%}".replace("%", " %") for it in new]
    says("It takes {}, {} and {} of the others' relays", *mistaken)
    # Nothing was bought in midweek.
    assert few.billed == 15 * 20 * 20
    assert lasting.billed == 4 * 20 * 700
    says("costs {:.1f} passes a check", few.billed / few.customers.of)
    says("At 1,000 checks a day it costs {:.1f} with", lasting.billed / lasting.customers.of)
    assert all(it.waiting == 0 for it in (few, lasting, of_400, of_150, many, same, own))
    says("In the last world of skewed size, {:,} relays wait", dry.waiting)


def named(*results: Result) -> list[Share]:
    return [it.customers for it in results]


def strict_worlds(lasts: bool) -> list[StrictWorld]:
    """The worlds of equal size and without newcomers in which nobody, or somebody, needs a pool in
    midweek: twice what is used in a week is enough."""
    of_equals = [it for it in STRICT if it.size == "equal" and not it.newcomers]
    return [
        it
        for it in of_equals
        if lasts == (2 * it.rate * 7 / it.customers <= (it.pool or it.clients()[0].pool))
    ]


def test_a_week_goes_as_the_core_plays_it() -> None:
    """A test of the core plays the same file, and holds its constants against it."""
    pool = CommonPool(CORE["pool"])
    for step in CORE["played"]:
        day = OF_THE_WEEK + step["day"]
        assert len(pool.take(step["used_before"])) == step["used_before"]
        assert pool.plan(day) == step["bought"]
        pool.change(day)
        left = {f"{of - OF_THE_WEEK}": count for of, count in pool.left.items() if count}
        assert left == step["left"]


def test_who_finds_the_pool_empty_waits_for_the_next_common_hour() -> None:
    day = FIRST_DAY
    asked = changes(day) + 3600.0 * np.array([1, 2, 3, 4])
    random = np.random.default_rng(1)
    used = live(CommonPool(3), asked - 60, asked, range(day, day + 3), random)
    assert used.days.tolist() == [day, day, day, day + 1]
    assert used.waited == 1
    assert used.bought == {day: 3, day + 1: 3}
    assert 0 <= used.taken_at[3] - changes(day + 1) < 5
    # One that is bought every other day only: it waits a day after its session, and no longer.
    too_late = live(CommonPool(3), asked - 60, asked, range(day, day + 1), random)
    assert too_late.days.tolist() == [day, day, day, NEVER]


def test_passes_are_bought_within_the_hour_after_two_fetches() -> None:
    random = Random(1)
    for _ in range(200):
        (first, second), signed = moments(FIRST_DAY, 50, random)
        assert begins(FIRST_DAY) + MARGIN <= first
        assert second - first > 4 * 60
        assert second <= min(signed)
        assert max(signed) <= changes(FIRST_DAY) - MARGIN - LAST
