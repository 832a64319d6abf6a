"""What the matcher joins, for each way to use Relay and each size of traffic.

Prints the tables of docs/privacy.md; with ``--write`` it writes them there, and the chart.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from statistics import fmean, pstdev

import numpy as np

from chart import draw
from common import CORE, CORES, WEEK, Rule, changes
from crowd import FIRST_DAY, Client, play
from habits import DAY, Density, Habit, Pace, Refill, density_of
from likelihood import Knowledge
from matcher import join
from naming import name_customers
from persona import View
from refills import refill_delays
from simulation import World, equal, simulate, skewed

PAIRS, CUSTOMERS, SEED = 1000, 20, 20261129
RATES = (10, 1_000, 100_000)
POOL = 50

DOCS = Path(__file__).parents[2] / "docs"
BEGIN, STRICT_BEGIN = "<!-- tests/privacy/table.py -->\n", "<!-- table.py --strict -->\n"
END = "<!-- end -->\n"

POOLED = Habit("standard, `pass_pool=50`", window=True, pool=POOL)
_ISOLATED = Habit("", pool=POOL, isolated=True, pool_only=True, redeem_delay=2.0)

PUBLIC = Habit("the public SDK", one_lane=True)
AT_ONCE = Habit("`purchase_window=0`")
STANDARD = Habit("standard", window=True)
ISOLATED = replace(_ISOLATED, name="pool only, isolated relays", way_out="shared")
BY_HALVES = replace(
    ISOLATED, name=f"{ISOLATED.name}, refilled by halves", refill=Refill(in_batches=True)
)


def topped_up(every: float, name: str, pool: int = POOL) -> Habit:
    """Passes are bought in one hour only, the same for all."""
    words = f"{ISOLATED.name}, topped up in one hour of the {name}"
    if pool != POOL:
        words += f", pool of {pool}"
    return replace(ISOLATED, name=words, pool=pool, refill=Refill(every=every))


TOPPED_UP = (topped_up(7 * DAY, "week"), topped_up(DAY, "day"), topped_up(DAY, "day", 100))


NEW = "new"
"""The customer who comes in the middle of a week."""


@dataclass(frozen=True, slots=True)
class StrictWorld:
    """Strict customers, and for how long they are watched."""

    rate: int
    """Checks a day, of all of them."""
    size: str
    customers: int
    pool: int = 0
    """The ``pass_pool`` of each, or 0: what he uses in so many ``days``, 1,000 at most."""
    days: int = 14
    weeks: int = 1
    newcomers: int = 0
    """If not 0: so many worlds, in each of which one more customer comes; his relays are judged."""

    @property
    def pools(self) -> str:
        if self.pool:
            return f"{self.pool:,}"
        return {14: "twice a week's checks", 3: "three days' checks"}[self.days]

    @property
    def crowd(self) -> str:
        if self.newcomers:
            return f"one new, beside {self.customers} of {self.size} size"
        return f"{self.customers} of {self.size} size"

    def clients(self) -> list[Client]:
        return [
            Client(f"c{number}", rate, self.pool or pool_for(rate, self.days))
            for number, size in enumerate(SIZES[self.size](self.customers))
            for rate in [self.rate * size]
        ]


def pool_for(checks_a_day: float, days: int) -> int:
    return max(1, min(math.ceil(checks_a_day * days - 1e-9), int(CORE["largest_pool"])))


STRICT = (
    StrictWorld(10, "equal", 20, 20, weeks=15),
    StrictWorld(1_000, "equal", 20, weeks=4),
    StrictWorld(1_000, "equal", 20, 400, weeks=4),
    StrictWorld(1_000, "equal", 20, 150, weeks=4),
    StrictWorld(1_000, "equal", 20, 100, weeks=4),
    StrictWorld(100_000, "equal", 250, 1_000),
    StrictWorld(10, "skewed", 20, 40, weeks=15),
    StrictWorld(10, "skewed", 20, weeks=15),
    StrictWorld(1_000, "skewed", 20, weeks=4),
    StrictWorld(1_000, "skewed", 20, days=3, weeks=4),
    StrictWorld(1_000, "skewed", 20, 150, weeks=4),
    StrictWorld(10, "equal", 20, 20, newcomers=100),
    StrictWorld(1_000, "equal", 20, newcomers=20),
    StrictWorld(1_000, "equal", 20, 150, newcomers=20),
)
"""What is used in a week is half of the first two pools; of the others, some are bought midweek."""

CHARTED = {
    "pools of two weeks' checks and more": STRICT[:2],
    "pools of 100 and of 1,000": STRICT[4:6],
    "a new customer's first week": STRICT[11:13],
}


HABITS = (
    PUBLIC,
    AT_ONCE,
    STANDARD,
    POOLED,
    replace(AT_ONCE, way_out="shared"),
    replace(STANDARD, way_out="shared"),
    replace(POOLED, way_out="shared"),
    ISOLATED,
    replace(BY_HALVES, way_out="proxy"),
    BY_HALVES,
    *TOPPED_UP,
)
WAYS_OUT = {"own": "own address", "proxy": "a proxy of one's own", "shared": "shared exits"}

SIZES: dict[str, Callable[[int], list[float]]] = {"equal": equal, "skewed": skewed}


@dataclass(frozen=True, slots=True)
class Share:
    """How many were joined, of how many, and what chance gives."""

    joined: int
    of: int
    chance: float
    """The share that chance joins."""
    sigma: float
    """Its standard deviation."""

    @property
    def share(self) -> float:
        return self.joined / self.of

    @property
    def is_chance(self) -> bool:
        return self.share <= self.chance + 3 * self.sigma

    def distance(self, of: int = 0) -> float:
        """How far it is from chance, in the standard deviations of so many relays, or of all."""
        # Where chance never hits, one hit is far enough.
        chance = max(self.chance, 1 / self.of)
        return (self.share - self.chance) / math.sqrt(chance * (1 - chance) / (of or self.of))

    def __str__(self) -> str:
        return f"{self.share:.1%}".replace("%", " %")


@dataclass(frozen=True, slots=True)
class Result:
    """What the matcher joined of one world."""

    customers: Share
    """Relays whose customer was named. Chance: always the one with the most relays."""
    signatures: Share
    """Relays whose signature was found. Chance: any signature; with a pool, any that is unused
    and not too old."""
    billed: int
    """Passes bought while the checks were made."""
    waiting: int
    """Checks that found the pool empty."""


def figures() -> Iterator[tuple[str, Habit, int, Result]]:
    """All worlds of the tables in docs/privacy.md."""
    for habit in HABITS:
        for rate in RATES:
            if not runs_dry(habit, rate):
                yield "equal", habit, rate, measure(habit, rate, equal(CUSTOMERS))
    for habit in (replace(STANDARD, way_out="shared"), BY_HALVES):
        for rate in RATES:
            yield "skewed", habit, rate, measure(habit, rate, skewed(CUSTOMERS))


def strict_figures() -> Iterator[tuple[StrictWorld, Result]]:
    """The worlds of the table of strict privacy."""
    for world in STRICT:
        yield world, measure_strictly(world)


def measure_strictly(world: StrictWorld, rule: Rule = CORES, seed: int = SEED) -> Result:
    """Plays whole weeks of strict customers, and judges what the attacker says of them. Chance
    names the customer with the highest rate every time, and takes any pass of the hour that the
    relay's pass has. Of a new customer, it is the share of the others' relays since that are named
    as his: the attacker could name him always."""
    clients = world.clients()
    chance = max(it.checks_a_day for it in clients) / sum(it.checks_a_day for it in clients)
    random = np.random.default_rng(seed)
    named = found = of = billed = waited = others = mistaken = 0
    signatures = 0.0
    for number in range(world.newcomers or 1):
        there = list(clients)
        if world.newcomers:
            since = changes(FIRST_DAY) + WEEK * DAY * (number + random.random()) / world.newcomers
            there.append(Client(NEW, clients[0].checks_a_day, clients[0].pool, since))
        seen, truth = play(there, world.weeks, seed + number, rule)
        judged = truth.customers == len(clients) if world.newcomers else truth.customers >= 0
        said = name_customers(seen)
        is_his = (said == truth.customers) & judged
        if world.newcomers:
            beside = ~judged & (seen.created >= there[-1].since)
            others += int(beside.sum())
            mistaken += int((beside & (said == len(clients))).sum())
        sizes = np.zeros((len(there), FIRST_DAY + WEEK * world.weeks + 1), dtype=int)
        for of_it, bought in enumerate(seen.bought):
            sizes[of_it, list(bought)] = list(bought.values())
        guesses = random.integers(0, np.maximum(sizes[said, seen.days], 1))
        named += int(is_his.sum())
        found += int((is_his & (guesses == truth.places)).sum())
        signatures += float((1 / sizes.sum(axis=0)[seen.days])[judged].sum())
        of += int(judged.sum())
        billed += sum(sum(it.values()) for it in seen.bought[len(clients) :] or seen.bought)
        # What is bought in the last common hour is for the week after.
        billed -= sum(it.get(FIRST_DAY, 0) for it in seen.bought) if not world.newcomers else 0
        waited += truth.waited
    if world.newcomers:
        chance = mistaken / others
    return Result(
        Share(named, of, chance, math.sqrt(chance * (1 - chance) / of)),
        Share(found, of, signatures / of, 0.0),
        billed,
        waited,
    )


def runs_dry(habit: Habit, checks_a_day: float) -> bool:
    """Whether a pool that is topped up at fixed times would often be empty before the next one: two
    in three passes may be needed by then, and no more."""
    needed = checks_a_day / CUSTOMERS * habit.refill.every / DAY
    return needed > habit.pool * 2 / 3


def measure(
    habit: Habit, checks_a_day: float, sizes: Sequence[float], pairs: int = PAIRS, seed: int = SEED
) -> Result:
    """Plays a world, and judges what the matcher says of it."""
    pace = Pace()
    world = simulate(habit, pace, checks_a_day, sizes, pairs, seed)
    return judge(world, knowledge_of(habit, pace, checks_a_day, sizes, seed + 1))


def knowledge_of(
    habit: Habit, pace: Pace, checks_a_day: float, sizes: Sequence[float], seed: int
) -> Knowledge:
    """What an attacker knows who has run the program himself."""
    refills: dict[str, Density] = {}
    for number, size in enumerate(sizes if habit.pool else ()):
        takes = max(400, 2000 // len(set(sizes)))
        # How calls are sent does not matter.
        pool = replace(POOLED, refill=habit.refill, pool_only=habit.pool_only)
        refills[f"c{number}"] = refill_density(pool, pace, checks_a_day * size, takes, seed)
    return Knowledge(habit, pace, refills, empty=0.02, exits=frozenset({"shared"}))


@cache
def refill_density(habit: Habit, pace: Pace, checks_a_day: float, takes: int, seed: int) -> Density:
    return density_of(refill_delays(habit, pace, checks_a_day, takes, seed))


def judge(world: World, knowledge: Knowledge) -> Result:
    """Compares what the matcher says with the truth."""
    view = View.of(world.calls)
    joined = join(view, knowledge)
    shown = [it.nonce for it in view.passes]
    named = sum(joined.customers[nonce] == world.bought_by[nonce] for nonce in shown)
    found = sum(joined.signed_at.get(nonce) == world.signed_at[nonce] for nonce in shown)
    largest = max(Counter(world.bought_by[nonce] for nonce in shown).values()) / len(shown)
    by_chance = math.sqrt(largest * (1 - largest) / len(shown))
    return Result(
        Share(named, len(shown), largest, by_chance),
        Share(found, len(shown), *chance_of_signature(view, world, knowledge.habit)),
        world.billed,
        world.waiting,
    )


def chance_of_signature(view: View, world: World, habit: Habit) -> tuple[float, float]:
    """The share that a random assignment finds, and its standard deviation."""
    count = len(view.passes)
    if not habit.pool:
        # Each finds one of its many, as the fixed points of a permutation.
        return 1 / len(view.signatures), 1 / count
    random = Random(SEED)
    signed = sorted(sign.call.at for sign in view.signatures)
    passes = sorted(view.passes, key=lambda shown: shown.created_at)
    shares = []
    for _ in range(25):
        there: list[float] = []
        place = found = 0
        for shown in passes:
            while place < len(signed) and signed[place] < shown.created_at:
                there.append(signed[place])
                place += 1
            while there:
                chosen = random.randrange(len(there))
                there[chosen], there[-1] = there[-1], there[chosen]
                at = there.pop()
                if at > shown.created_at - habit.refill.usable:
                    found += at == world.signed_at[shown.nonce]
                    break
        shares.append(found / count)
    return fmean(shares), pstdev(shares)


def tables(results: Sequence[tuple[str, Habit, int, Result]]) -> str:
    """The tables, in Markdown."""
    lines = []
    for kind in SIZES:
        rows: dict[tuple[str, str], dict[int, Result]] = {}
        for of, habit, rate, result in results:
            if of == kind:
                rows.setdefault((habit.name, WAYS_OUT[habit.way_out]), {})[rate] = result
        heads = " | ".join(f"{rate:,} a day" for rate in RATES)
        lines += [
            f"| {CUSTOMERS} customers of {kind} size | anonymous calls leave from | {heads} |"
        ]
        lines += ["|---" * (2 + len(RATES)) + "|"]
        for (name, way_out), row in rows.items():
            cells = " | ".join(
                f"{row[rate].customers}, {row[rate].signatures}" if rate in row else "\N{EN DASH}"
                for rate in RATES
            )
            lines += [f"| {name} | {way_out} | {cells} |"]
        cells = " | ".join(
            f"{it.customers.chance:.1%}, {it.signatures.chance:.1%}".replace("%", " %")
            for it in rows[BY_HALVES.name, WAYS_OUT["shared"]].values()
        )
        lines += [f"| *chance, for refills by halves through shared exits* | | {cells} |", ""]
    return "\n".join(lines)


def strict_table(results: Sequence[tuple[StrictWorld, Result]]) -> str:
    """What strict privacy comes to, beside chance."""
    lines = [
        "| strict customers, shared exits | checks a day | `pass_pool` | named, found | *chance* "
        "| from chance, in standard deviations | in those of 1,000 relays |",
        "|---" * 7 + "|",
    ]
    for world, it in results:
        chance = f"{it.customers.chance:.1%}, {it.signatures.chance:.1%}".replace("%", " %")
        far = [it.customers.distance(of) for of in (0, 1_000)]
        lines.append(
            f"| {world.crowd} | {world.rate:,} | {world.pools} | {it.customers}, {it.signatures} "
            f"| *{chance}* | {far[0]:+.1f} | {far[1]:+.1f} |"
        )
    return "\n".join([*lines, ""])


def chart(
    results: Sequence[tuple[str, Habit, int, Result]],
    strict: Sequence[tuple[StrictWorld, Result]],
) -> str:
    """The chart of the customers that were named."""
    rows: dict[str, list[float]] = {}
    for kind, habit, _, result in results:
        if kind != "skewed":
            name = f"{habit.name}, {WAYS_OUT[habit.way_out]}".replace("`", "")
            rows.setdefault(name, []).append(result.customers.share)
    shares = {world: result.customers.share for world, result in strict}
    for name, worlds in CHARTED.items():
        of_rate = {world.rate: shares[world] for world in worlds}
        rows[f'privacy="strict", {name}'] = [of_rate.get(rate, math.nan) for rate in RATES]
    chance = fmean(it.customers.chance for kind, _, _, it in results if kind == "equal")
    return draw(rows, [f"{rate:,} checks a day" for rate in RATES], chance)


def main(arguments: Sequence[str]) -> int:
    strict = []
    for world, result in strict_figures():
        strict.append((world, result))
        print(world, result, file=sys.stderr)
    text = strict_table(strict)
    print(text)
    for world, result in strict:
        per_check = result.billed / result.customers.of
        print(f"{world}: {per_check:.2f} passes a check, {result.waiting} waited")
    if "--strict" in arguments:
        return write({STRICT_BEGIN: text}) if "--write" in arguments else 0
    results = []
    for kind, habit, rate, result in figures():
        results.append((kind, habit, rate, result))
        chance = result.customers.chance
        print(kind, habit.name, habit.way_out, rate, result, f"{chance:.3f}", file=sys.stderr)
    print(tables(results))
    for kind, habit, rate, result in results:
        if habit.pool and kind == "equal":
            per_check = result.billed / PAIRS
            print(f"{habit.name}, {habit.way_out}, {rate} a day: {per_check:.2f} passes a check")
    if "--write" in arguments:
        (DOCS / "privacy.svg").write_text(chart(results, strict))
        return write({BEGIN: tables(results), STRICT_BEGIN: text})
    return 0


def write(texts: dict[str, str]) -> int:
    page = (DOCS / "privacy.md").read_text()
    for begin, text in texts.items():
        head, rest = page.split(begin)
        page = head + begin + text + END + rest.split(END, 1)[1]
    (DOCS / "privacy.md").write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
