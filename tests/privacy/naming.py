"""Whose relays are those of strict customers? The attacker's best answer.

Relays share nothing, and the hour in the pass leaves a crowd: who bought in it. What else there is:

* Who buys on another day than the others has less than half of the pool left, and who does not has
  more. So one has used many, the other few: of the relays before, more are the first one's.
* The newest passes are used first. Of who bought on a later day, no older pass is used before the
  newer ones are used up, and each has only so many.
* A relay whose pass is shown right after a common hour, and that was created long before, is of
  somebody whose pool was empty.

The attacker has the program, and is told the rate of each customer's checks. For each customer he
plays many histories of a week, and keeps those that buy when the customer did. How many relays a
customer has in an hour by these histories says whose a relay of that hour is. (To weigh the
histories by how well they explain the relays that were seen names no more.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from common import NEVER, WEEK, Rule, changes
from crowd import FIRST_DAY, Seen
from habits import DAY, Array
from persona import HOUR

BINS = 24 * WEEK
SYMBOLS = 2 * WEEK
"""A relay has a pass of one of the week's days, or waits for one of the days after."""

HISTORIES = 1000
NEAR = 5
"""Over so many hours before and after, the same day, the histories' relays are averaged."""
UNLIKELY = 1e-4
"""How likely a customer is to buy, or not to, otherwise than the rule says: clocks differ."""


@dataclass(frozen=True, slots=True)
class Histories:
    """What may have happened to one customer in one week."""

    uses: Array
    """How many relays, on average: by hour, and by the day of the pass."""
    symbols: npt.NDArray[np.int_]
    """Which days these are."""


@lru_cache(maxsize=512)
def histories(
    rate: float, pool: int, bought: tuple[tuple[int, int], ...], rule: Rule, seed: int = 0
) -> Histories:
    """Plays a customer who buys so many passes on these days of a week, 0 to 6, and weighs him."""
    random = np.random.default_rng(seed)
    days = dict(bought)
    first = min(days)
    begin = np.zeros(HISTORIES)
    if first:
        # New: he came after the common hour of the day before.
        begin = 24 * (first - 1 + random.random(HISTORIES))
    symbols: list[int] = []

    def number(symbol: int) -> int:
        if symbol not in symbols:
            symbols.append(symbol)
        return symbols.index(symbol)

    left: dict[int, Array] = {day: np.full(HISTORIES, float(days[day])) for day in days if not day}
    uses = np.zeros((HISTORIES, BINS, len(days) + WEEK), dtype=np.float32)
    logarithm = np.zeros(HISTORIES)
    waiting = np.zeros(HISTORIES)
    for hour in range(24 * max(first - 1, 0), BINS):
        there = np.clip(hour + 1 - begin, 0, 1)
        if hour % 24 == 23 and hour > 24 * first:
            # The common hour: it is planned when it begins.
            day = hour // 24 + 1
            total = np.sum([*left.values()], axis=0)
            wants = total < rule.below * pool
            if day < WEEK and not rule.is_of_the_week(FIRST_DAY + day):
                logarithm += np.where(wants == (day in days), 0.0, np.log(UNLIKELY))
        if hour % 24 == 0 and (day := hour // 24) and day in days:
            if rule.is_of_the_week(FIRST_DAY + day):
                left.clear()
            left[day] = np.full(HISTORIES, float(days[day])) - waiting
            waiting = np.maximum(-left[day], 0)
            left[day] = np.maximum(left[day], 0)
        rest = random.poisson(rate / 24 * there).astype(float)
        for day in sorted(left, reverse=True):
            here = number(day)
            taken = np.minimum(left[day], rest)
            left[day] -= taken
            rest -= taken
            uses[:, hour, here] += taken
        then = min((day for day in days if 24 * day > hour), default=WEEK)
        if rest.any():
            uses[:, hour, number(WEEK + then - 1)] += rest
            waiting += rest
    weights = np.exp(logarithm - logarithm.max())
    known = np.array(symbols, dtype=int)
    averages = np.tensordot(weights / weights.sum(), uses[:, :, : len(known)], axes=(0, 0))
    # Between two changes hardly anything depends on the hour: more histories, for nothing.
    by_day = averages.reshape(WEEK, 24, -1)
    spread = [by_day[:, max(0, at - NEAR) : at + NEAR + 1].mean(axis=1) for at in range(24)]
    return Histories(np.stack(spread, axis=1).reshape(averages.shape), known)


@dataclass(frozen=True, slots=True)
class Cells:
    """Relays of the same week, hour and day of the pass look alike."""

    weeks: npt.NDArray[np.int_]
    hours: npt.NDArray[np.int_]
    symbols: npt.NDArray[np.int_]


def cells(seen: Seen) -> Cells:
    """The cell of each relay."""
    before = np.floor((seen.redeemed - changes(0)) / DAY).astype(int)
    change = changes(0) + before * DAY
    has_waited = (seen.redeemed < change + 10) & (seen.created < change - 300)
    at = np.where(has_waited, seen.created + 60, seen.redeemed) - changes(FIRST_DAY)
    hours = np.floor(at / HOUR).astype(int)
    weeks = np.maximum(hours // BINS, 0)
    day = seen.days - FIRST_DAY - WEEK * weeks
    symbols = np.where(has_waited, WEEK + day - 1, day)
    return Cells(
        weeks, np.clip(hours - BINS * weeks, 0, BINS - 1), np.clip(symbols, 0, SYMBOLS - 1)
    )


def name_customers(seen: Seen) -> npt.NDArray[np.int_]:
    """Whose each relay is, by its number."""
    found = cells(seen)
    named = np.full(len(seen.created), NEVER)
    for week in np.unique(found.weeks):
        of_it = found.weeks == week
        hours, symbols = found.hours[of_it], found.symbols[of_it]
        likeliest = shares_of_week(seen, int(week)).argmax(axis=0)
        named[of_it] = likeliest[hours, symbols]
    return named


def shares_of(seen: Seen) -> Array:
    """For each customer and relay, how many relays like this one are expected to be his."""
    found = cells(seen)
    shares = np.zeros((len(seen.clients), len(seen.created)))
    for week in np.unique(found.weeks):
        of_it = found.weeks == week
        hours, symbols = found.hours[of_it], found.symbols[of_it]
        shares[:, of_it] = shares_of_week(seen, int(week))[:, hours, symbols]
    return shares


def shares_of_week(seen: Seen, week: int) -> Array:
    """For each customer, how many relays of each cell are expected to be his."""
    first = FIRST_DAY + WEEK * week
    played = []
    for client, bought in zip(seen.clients, seen.bought, strict=True):
        days = {day - first: passes for day, passes in bought.items() if 0 <= day - first < WEEK}
        of_it = tuple(sorted(days.items()))
        played.append(
            histories(client.checks_a_day, client.pool, of_it, seen.rule) if of_it else None
        )
    shares = np.zeros((len(played), BINS, SYMBOLS))
    for number, it in enumerate(played):
        if it is not None:
            shares[number][:, it.symbols] = it.uses
    return shares
