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

from chart import draw
from habits import DAY, Density, Habit, Pace, Refill, density_of
from likelihood import Knowledge
from matcher import join, join_pools
from persona import View
from refills import refill_delays
from simulation import World, equal, simulate, skewed

PAIRS, CUSTOMERS, SEED = 1000, 20, 20261129
RATES = (10, 1_000, 100_000)
POOL = 50

DOCS = Path(__file__).parents[2] / "docs"
BEGIN, END = "<!-- tests/privacy/table.py -->\n", "<!-- end -->\n"

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


def strict(pool: int) -> Habit:
    """As the core does it."""
    return replace(ISOLATED, name='`privacy="strict"`', pool=pool, refill=Refill(common=True))


STRICT = {10: strict(20), 1_000: strict(150), 100_000: strict(1_000)}
"""With a pool that is twice as large as what is used in a week, at 10 checks a day, or in a day."""

MANY_CUSTOMERS = {100_000: 250}
"""The largest pool is enough for 400 checks a day, not for 5,000: there are more customers then."""

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
    for rate, habit in STRICT.items():
        yield (
            "strict",
            habit,
            rate,
            measure(habit, rate, equal(MANY_CUSTOMERS.get(rate, CUSTOMERS))),
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
    if len(sizes) > CUSTOMERS:
        return judge(world, Knowledge(habit, pace), by_pool=True)
    return judge(world, knowledge_of(habit, pace, checks_a_day, sizes, seed + 1))


def knowledge_of(
    habit: Habit, pace: Pace, checks_a_day: float, sizes: Sequence[float], seed: int
) -> Knowledge:
    """What an attacker knows who has run the program himself."""
    refills: dict[str, Density] = {}
    for number, size in enumerate(sizes if habit.pool and not habit.refill.common else ()):
        takes = max(400, 2000 // len(set(sizes)))
        # How calls are sent does not matter.
        pool = replace(POOLED, refill=habit.refill, pool_only=habit.pool_only)
        refills[f"c{number}"] = refill_density(pool, pace, checks_a_day * size, takes, seed)
    return Knowledge(habit, pace, refills, empty=0.02, exits=frozenset({"shared"}))


@cache
def refill_density(habit: Habit, pace: Pace, checks_a_day: float, takes: int, seed: int) -> Density:
    return density_of(refill_delays(habit, pace, checks_a_day, takes, seed))


def judge(world: World, knowledge: Knowledge, by_pool: bool = False) -> Result:
    """Compares what the matcher says with the truth."""
    view = View.of(world.calls)
    joined = join_pools(view) if by_pool else join(view, knowledge)
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
    return "\n".join([*lines, *strict_table(results)])


def strict_table(results: Sequence[tuple[str, Habit, int, Result]]) -> list[str]:
    """What strict privacy comes to, at each rate with a pool that fits."""
    heads, named, chance = [], [], []
    for kind, habit, rate, it in results:
        if kind != "strict":
            continue
        customers = MANY_CUSTOMERS.get(rate, CUSTOMERS)
        heads.append(f"{rate:,} a day, {customers} customers, `pass_pool={habit.pool}`")
        named.append(f"{it.customers}, {it.signatures}")
        chance.append(f"{it.customers.chance:.1%}, {it.signatures.chance:.1%}".replace("%", " %"))
    return [
        f"| customers of equal size, shared exits | {' | '.join(heads)} |",
        "|---" * (1 + len(heads)) + "|",
        f'| `privacy="strict"` | {" | ".join(named)} |',
        f"| *chance* | {' | '.join(chance)} |",
        "",
    ]


def chart(results: Sequence[tuple[str, Habit, int, Result]]) -> str:
    """The chart of the customers that were named."""
    rows: dict[str, list[float]] = {}
    for kind, habit, _, result in results:
        if kind != "skewed":
            name = f"{habit.name}, {WAYS_OUT[habit.way_out]}".replace("`", "")
            rows.setdefault(name, []).append(result.customers.share)
    chance = fmean(it.customers.chance for kind, _, _, it in results if kind == "equal")
    return draw(rows, [f"{rate:,} checks a day" for rate in RATES], chance)


def main(arguments: Sequence[str]) -> int:
    results = []
    for kind, habit, rate, result in figures():
        results.append((kind, habit, rate, result))
        chance = result.customers.chance
        print(kind, habit.name, habit.way_out, rate, result, f"{chance:.3f}", file=sys.stderr)
    text = tables(results)
    print(text)
    for kind, habit, rate, result in results:
        if habit.pool and kind == "equal":
            per_check = result.billed / PAIRS
            print(f"{habit.name}, {habit.way_out}, {rate} a day: {per_check:.2f} passes a check")
    if "--write" in arguments:
        page = (DOCS / "privacy.md").read_text()
        head, rest = page.split(BEGIN)
        (DOCS / "privacy.md").write_text(head + BEGIN + text + END + rest.split(END)[1])
        (DOCS / "privacy.svg").write_text(chart(results))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
