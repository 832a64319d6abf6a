"""A day, or a year, of many customers, played by the habits: the log that Persona would have, and
the truth that she would not.

Checks begin as a Poisson process at a constant rate, every visitor returns, everybody passes: no
day and night, no campaigns, no failures. Each of these would help the attacker, or nobody. Strict
customers are played in ``crowd.py``.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from habits import Habit, Pace
from persona import HOUR, Call, expiry_of_challenge

COMMON: dict[str, Any] = {"key_id": "k"}


@dataclass(slots=True)
class World:
    """What happened."""

    calls: list[Call]
    bought_by: dict[str, str]
    """The customer of each pass, by its nonce."""
    signed_at: dict[str, float]
    """When each pass was signed: times are unique."""
    billed: int = 0
    """Signatures within the time of the checks, those for passes that grew too old included."""
    waiting: int = 0
    """Checks that found the pool empty."""


@dataclass(slots=True)
class Pass:
    nonce: str
    signed_at: float
    fetched_at: float
    """When its challenge was given out."""


def equal(customers: int) -> list[float]:
    return [1 / customers] * customers


def skewed(customers: int) -> list[float]:
    """Zipf's law: the second has half of the first, the third a third."""
    parts = [1 / rank for rank in range(1, customers + 1)]
    return [part / sum(parts) for part in parts]


def simulate(
    habit: Habit, pace: Pace, checks_a_day: float, sizes: Sequence[float], pairs: int, seed: int
) -> World:
    """Plays until ``pairs`` checks have begun."""
    random = Random(seed)
    world = World([], {}, {})
    arrivals: list[list[float]] = [[] for _ in sizes]
    now = 0.0
    for _ in range(pairs):
        now += random.expovariate(checks_a_day / 86_400)
        arrivals[random.choices(range(len(sizes)), sizes)[0]].append(now)
    first_connection = 0
    for number, times in enumerate(arrivals):
        customer = Customer(
            f"c{number}", habit, pace, Random(random.getrandbits(64)), checks_a_day * sizes[number]
        )
        customer.play(times, now)
        first_connection = customer.connect(first_connection)
        world.calls += customer.calls
        world.bought_by |= dict.fromkeys(customer.signed_at, customer.name)
        world.signed_at |= customer.signed_at
        world.billed += sum(1 for at in customer.signed_at.values() if at > 0)
        world.waiting += customer.waiting
    return world


@dataclass(slots=True)
class Customer:
    """One customer with one client process."""

    name: str
    habit: Habit
    pace: Pace
    random: Random
    checks_a_day: float
    calls: list[Call] = field(default_factory=list)
    lanes: list[str] = field(default_factory=list)
    """Beside each call: the pool of connections that it uses."""
    signed_at: dict[str, float] = field(default_factory=dict)
    pool: list[Pass] = field(default_factory=list)
    takes: list[float] = field(default_factory=list)
    refills: list[float] = field(default_factory=list)
    events: list[tuple[float, int, str, float]] = field(default_factory=list)
    coming: int = 0
    """Purchases for the pool under way."""
    is_refilling: bool = False
    waiting: int = 0

    def play(self, arrivals: Sequence[float], end: float) -> None:
        if self.habit.pool == 0:
            for at in arrivals:
                self.check_and_buy(at)
            return
        begin = self.fill_in_the_past()
        for at in [*self.past_arrivals(begin), *arrivals]:
            self.schedule(at, "check", at)
        if every := self.habit.refill.every:
            for number in range(math.floor(begin / every), math.ceil(end / every) + 1):
                moment = self.habit.refill.hour(number) + self.random.random() * (HOUR - 60)
                self.schedule(moment, "all missing")
        is_past = True
        while self.events:
            at, _, what, began = heapq.heappop(self.events)
            if is_past and at >= 0:
                self.forget_the_past()
                is_past = False
            if what == "check":
                self.check_from_pool(at, began)
            elif at <= end + 600:
                {
                    "round": self.refill_some,
                    "all missing": self.refill_whole,
                    "bought": self.store_pass,
                }[what](at)
            self.drop_old(at)
            self.begin_refilling(at)

    def schedule(self, at: float, what: str, began: float = 0.0) -> None:
        # The number decides between what happens at the same time.
        heapq.heappush(self.events, (at, self.random.getrandbits(60), what, began))

    # A purchase for a relay.

    def check_and_buy(self, at: float) -> None:
        habit, relay = self.habit, self.new_name()
        returns = at + self.visit()
        fetched = at + self.latency() if habit.one_lane else at + self.random.random() * 1e-4
        self.call(at, "create", relay)
        self.call(fetched, "challenge", relay)
        signed = max(fetched, at + self.latency()) + self.latency()
        if habit.window:
            # Whoever asks before the moment buys.
            signed = min(signed + self.random.random() * self.pace.window, returns)
        shown = self.sign(signed, fetched)
        self.redeem(max(returns, signed) + self.latency(), relay, shown)

    # A pass out of the pool.

    def check_from_pool(self, at: float, began: float) -> None:
        self.drop_old(at)
        if self.pool:
            relay = self.new_name()
            shown = self.pool.pop(self.random.randrange(len(self.pool)))
            self.takes.append(at)
            self.call(began, "create", relay)
            delay = self.random.random() * self.habit.redeem_delay
            self.redeem(max(at, began + self.visit()) + self.latency() + delay, relay, shown)
        elif self.habit.pool_only:
            # It is pending, and the visitor's page asks again.
            self.waiting += at == began > 0
            self.schedule(at + 5, "check", began)
        else:
            self.check_and_buy(at)

    def fill_in_the_past(self) -> float:
        """A pool as it is about after long use: a pass that is taken at random has an exponential
        age. Returns when the past begins that is lived through, after which it is so indeed: then
        hardly a pass is left of those that were bought one by one here."""
        mean = self.habit.pool / (self.checks_a_day / 86_400)
        usable = self.habit.refill.usable
        for _ in range(self.habit.pool):
            # Exponential, given that it is not too old.
            share = self.random.random() * -math.expm1(-usable / mean)
            self.pool.append(self.buy_for_pool(mean * math.log1p(-share) - 1))
        past = min(4 * mean, 1.1 * usable)
        for there in self.pool:
            there.signed_at -= past
            there.fetched_at -= past
        self.calls.clear()
        self.lanes.clear()
        self.signed_at.clear()
        return -past

    def past_arrivals(self, begin: float) -> list[float]:
        arrivals: list[float] = []
        at = begin
        while (at := at + self.random.expovariate(self.checks_a_day / 86_400)) < 0:
            arrivals.append(at)
        return arrivals

    def forget_the_past(self) -> None:
        """Of the past, only the purchase of what is in the pool counts: what else was bought, an
        attacker has seen used or grow too old."""
        self.calls.clear()
        self.lanes.clear()
        self.signed_at.clear()
        for there in self.pool:
            self.call(there.fetched_at, "challenge", self.new_name())
            self.log_signature(there)

    def missing(self) -> int:
        return self.habit.pool - len(self.pool) - self.coming

    def begin_refilling(self, at: float) -> None:
        in_batches = self.habit.refill.in_batches
        if (
            self.habit.refill.every
            or self.is_refilling
            or self.missing() <= (self.habit.pool // 2 if in_batches else 0)
        ):
            return
        # The task was there all the time: what is left of a pause that somebody falls into.
        period = self.habit.refill.period
        pause = 0.0
        while self.random.random() * 1.5 * period > pause:
            pause = period * (0.5 + self.random.random())
        pause *= self.random.random()
        if in_batches:
            newest = max((there.signed_at for there in self.pool), default=at)
            pause += (at - newest) / 2 * self.random.random()
        self.schedule(at + pause, "round")
        self.is_refilling = True

    def refill_some(self, at: float) -> None:
        refill, missing = self.habit.refill, self.missing()
        wanted = min(self.random.randrange(2 * max(missing, 0) + 1), refill.most_at_once)
        if refill.in_batches:
            wanted = missing
        for _ in range(min(wanted, missing)):
            at += self.random.random() * refill.pause + 2 * self.latency()
            self.schedule(at, "bought")
            self.coming += 1
        self.is_refilling = missing > 0 and not refill.in_batches
        if self.is_refilling:
            self.schedule(at + refill.period * (0.5 + self.random.random()), "round")

    def refill_whole(self, at: float) -> None:
        self.drop_old(at)
        if self.habit.refill.renewed:
            self.pool.clear()
        for _ in range(self.missing()):
            at += self.random.random() * self.habit.refill.pause
            self.schedule(at, "bought")
            self.coming += 1

    def store_pass(self, at: float) -> None:
        self.coming -= 1
        self.pool.append(self.buy_for_pool(at))
        self.refills.append(at)

    def buy_for_pool(self, at: float) -> Pass:
        fetched = at - self.latency()
        self.call(fetched, "challenge", self.new_name())
        return self.sign(at, fetched)

    def drop_old(self, at: float) -> None:
        oldest = at - self.habit.refill.usable
        self.pool = [there for there in self.pool if there.signed_at > oldest]

    # On the wire.

    def sign(self, at: float, fetched: float) -> Pass:
        shown = Pass(self.new_name(), at, fetched)
        self.log_signature(shown)
        return shown

    def log_signature(self, shown: Pass) -> None:
        at = shown.signed_at
        self.signed_at[shown.nonce] = at
        self.add("identified", Call(at, "sign", self.name, 0, customer=self.name, **COMMON))

    def redeem(self, at: float, relay: str, shown: Pass) -> None:
        challenge = given_out(shown.fetched_at)
        self.call(at, "redeem", relay, nonce=shown.nonce, **challenge, **COMMON)

    def call(self, at: float, step: str, of: str, **seen: Any) -> None:
        way_out = {"own": self.name, "proxy": f"proxy of {self.name}", "shared": "shared"}
        relay = None if step == "challenge" else of
        if step == "challenge":
            seen |= given_out(at)
        call = Call(at, step, way_out[self.habit.way_out], 0, relay=relay, **seen)
        self.add(of if self.habit.isolated else "anonymous", call)

    def add(self, lane: str, call: Call) -> None:
        self.calls.append(call)
        self.lanes.append("one" if self.habit.one_lane else lane)

    def connect(self, first: int) -> int:
        """Gives each call its connection: an idle one if there is one, the one used last first."""
        idle: dict[str, list[tuple[float, float, int]]] = {}
        order = sorted(range(len(self.calls)), key=lambda place: self.calls[place].at)
        for place in order:
            call, there = self.calls[place], idle.setdefault(self.lanes[place], [])
            usable = [it for it in there if it[0] <= call.at < it[1]]
            chosen = max(usable, default=None)
            if chosen is None:
                first += 1
                number = first
            else:
                number = chosen[2]
            there[:] = [it for it in there if it is not chosen and it[1] > call.at]
            # Its answer has come when the next call of the same flow is made, at the earliest.
            free = call.at + self.pace.latency_least
            there.append((free, free + self.pace.idle, number))
            self.calls[place] = replace(call, connection=number)
        return first

    def visit(self) -> float:
        return self.random.lognormvariate(math.log(self.pace.visit_median), self.pace.visit_spread)

    def latency(self) -> float:
        return self.pace.latency_least + self.random.expovariate(1 / self.pace.latency_mean)

    def new_name(self) -> str:
        return f"{self.random.getrandbits(64):016x}"


def given_out(at: float) -> dict[str, Any]:
    """The challenge that everybody is given in an hour: one MAC, one time."""
    expires_at = expiry_of_challenge(at)
    return {"mac": f"m{expires_at:.0f}", "expires_at": expires_at}
