"""The pool of a strict client: when it is bought, which of its passes is used, when it is dropped.

The constants are those of ``strict.json``, to which a test of the core holds itself as well
(``core/src/passes``). Days are counted since 1 January 1970, and each has one common hour.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

from habits import DAY, Array

CORE: dict[str, Any] = json.loads((Path(__file__).parent / "strict.json").read_text())

BEGINS, ENDS = (float(CORE["common_hour"][name]) for name in ("begins", "ends"))
WEEK, OF_THE_WEEK = 7, int(CORE["of_the_week"])
MARGIN, LAST = float(CORE["margin"]), float(CORE["last"])
FIRST_FETCH, APART, FURTHER = (
    float(Fraction(*CORE[name]))
    for name in ("first_fetch_within", "fetches_apart", "fetches_apart_further")
)
SESSION, WAITS_IN_VAIN = 1800.0, DAY
"""A session lasts so long, and so long after it a verification waits for a pass."""

NEVER = -1
"""The hour of a relay's pass that never got one."""


def begins(day: int) -> float:
    """When the common hour of a day begins."""
    return day * DAY + BEGINS


def changes(day: int) -> float:
    """When it ends: all change to its passes."""
    return day * DAY + ENDS


def day_of(expires_at: float) -> int:
    """The day in whose common hour a challenge was given out that expires then."""
    return int(expires_at // DAY)


@dataclass(frozen=True, slots=True)
class Rule:
    """When a pool is bought. By default as the core does it; other rules are only compared."""

    below: float = 0.5
    """On other days than that of the week it is bought if less than this part of it is left."""
    is_whole: bool = True
    """Whether it is bought whole then, or only what is missing."""
    of_the_week: tuple[int, ...] = (OF_THE_WEEK,)
    """The days on which all buy, whatever is left, and drop what is older."""

    def is_of_the_week(self, day: int) -> bool:
        return day % WEEK in self.of_the_week

    def wanted(self, day: int, pool: int, left: int) -> int:
        """How many passes are bought in the common hour of a day."""
        if self.is_of_the_week(day):
            return pool
        if left < self.below * pool:
            return pool if self.is_whole else pool - left
        return 0


CORES = Rule()


@dataclass(slots=True)
class CommonPool:
    """One customer's pool."""

    size: int
    rule: Rule = CORES
    left: dict[int, int] = field(default_factory=dict)
    """How many passes are left of each day's common hour."""
    bought: dict[int, int] = field(default_factory=dict)

    def plan(self, day: int) -> int:
        """At the beginning of the common hour: how many it buys."""
        wanted = self.rule.wanted(day, self.size, sum(self.left.values()))
        if wanted:
            self.bought[day] = wanted
        return wanted

    def change(self, day: int) -> None:
        """At its end: what was bought is used, and on one day of the week all else is dropped."""
        if self.rule.is_of_the_week(day):
            self.left.clear()
        if day in self.bought:
            self.left[day] = self.bought[day]

    def take(self, count: int) -> list[int]:
        """The days of the passes that are used next, the newest first: of so many, or of all."""
        taken: list[int] = []
        for day in sorted(self.left, reverse=True):
            of_it = min(self.left[day], count - len(taken))
            self.left[day] -= of_it
            taken += [day] * of_it
        return taken


@dataclass(slots=True)
class Used:
    """One customer's purchases, and what becomes of his relays."""

    bought: Mapping[int, int]
    """How many passes in each day's common hour."""
    taken_at: Array
    """When each relay's pass was taken."""
    days: npt.NDArray[np.int_]
    """In which day's common hour that pass was bought, or :data:`NEVER`."""
    waited: int = 0
    """Relays that found the pool empty."""


def live(
    pool: CommonPool, created: Array, asked: Array, days: range, random: np.random.Generator
) -> Used:
    """Plays the common hours of these days for one customer, whose relays are created and asked
    for at these times, in the order of the asking."""
    used = Used(pool.bought, asked.copy(), np.full(len(asked), NEVER))
    place, waiting = 0, np.array([], dtype=int)

    def take(relays: npt.NDArray[np.int_]) -> npt.NDArray[np.int_]:
        taken = pool.take(len(relays))
        used.days[relays[: len(taken)]] = taken
        return relays[len(taken) :]

    def take_until(end: float) -> None:
        nonlocal place, waiting
        upto = max(place, int(np.searchsorted(asked, end)))
        wait = take(np.arange(place, upto))
        used.waited += len(wait)
        waiting, place = np.append(waiting, wait), upto

    for day in days:
        # Whoever looks about once a minute comes within moments of the beginning.
        take_until(begins(day) + 90 * random.random())
        pool.plan(day)
        take_until(changes(day))
        pool.change(day)
        # Who waited asks again, if the session has not ended for too long.
        waiting = waiting[changes(day) <= created[waiting] + SESSION + WAITS_IN_VAIN]
        waiting = random.permutation(waiting)
        again = np.sort(random.random(len(waiting))) * 5
        used.taken_at[waiting] = changes(day) + again
        waiting = take(waiting)
    take_until(np.inf)
    return used


def moments(day: int, count: int, random: Random) -> tuple[list[float], list[float]]:
    """When the challenge of a pool is fetched, and when each of its passes is bought."""
    begin, end = begins(day) + MARGIN, changes(day) - MARGIN
    at = max(begins(day) + 90 * random.random(), begin)
    rest = end - at
    first = at + rest * FIRST_FETCH * random.random()
    second = first + rest * (APART + FURTHER * random.random())
    left = end - second - LAST
    return [first, second], [second + left * random.random() for _ in range(count)]
