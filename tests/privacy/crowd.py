"""Many strict customers for some weeks, as columns: what Persona sees of them, and the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

from common import (
    BEGINS,
    CORE,
    CORES,
    NEVER,
    OF_THE_WEEK,
    WEEK,
    CommonPool,
    Rule,
    begins,
    changes,
    live,
    moments,
)
from habits import DAY, Array, Pace
from persona import HOUR, Call
from simulation import World, given_out

FIRST_DAY = OF_THE_WEEK
"""A world begins when a common hour of the week ends: then all pools are new."""

LEAST = float(CORE["least"])


@dataclass(frozen=True, slots=True)
class Client:
    """A strict customer."""

    name: str
    checks_a_day: float
    pool: int
    since: float = changes(FIRST_DAY)
    """When the first relay may be created. Who is there from the beginning has a pool by then."""

    @property
    def is_new(self) -> bool:
        return self.since > changes(FIRST_DAY)


@dataclass(frozen=True, slots=True)
class Seen:
    """What Persona sees of strict customers: their relays share nothing."""

    clients: Sequence[Client]
    """She is told the rate of each, and not who is new."""
    bought: Sequence[dict[int, int]]
    """How many passes each bought on which day: always in the common hour."""
    created: Array
    redeemed: Array
    days: npt.NDArray[np.int_]
    """On which day the pass of each relay was bought."""
    rule: Rule = CORES


@dataclass(frozen=True, slots=True)
class Truth:
    customers: npt.NDArray[np.int_]
    places: npt.NDArray[np.int_]
    """Which of the passes that its customer bought on that day each relay has used."""
    waited: int
    refused: int
    """Relays that waited in vain."""


def play(
    clients: Sequence[Client], weeks: int, seed: int, rule: Rule = CORES, pace: Pace | None = None
) -> tuple[Seen, Truth]:
    """Plays whole weeks. The relays are in the order of their redemption."""
    pace = pace or Pace()
    random = np.random.default_rng(seed)
    last = FIRST_DAY + weeks * WEEK
    columns, bought, waited, refused = [], [], 0, 0
    for number, client in enumerate(clients):
        span = changes(last) - client.since
        count = random.poisson(client.checks_a_day * span / DAY)
        created = client.since + span * random.random(count)
        visits = random.lognormal(np.log(pace.visit_median), pace.visit_spread, count)
        asked = created + visits
        order = np.argsort(asked)
        created, asked = created[order], asked[order]
        pool = CommonPool(client.pool, rule)
        first = FIRST_DAY
        if client.is_new:
            # Who comes too late in an hour buys in that of the next day.
            first = int((client.since - BEGINS - (HOUR - LEAST)) // DAY) + 1
        used = live(pool, created, asked, range(first, last + 1), random)
        waited += used.waited
        refused += int(np.sum(used.days == NEVER))
        there = used.days != NEVER
        latency = pace.latency_least + random.exponential(pace.latency_mean, count)
        redeemed = used.taken_at + latency + CORE["longest_wait"] * random.random(count)
        places = np.zeros(count, dtype=int)
        for day, passes in used.bought.items():
            of_it = used.days == day
            places[of_it] = random.permutation(passes)[: int(of_it.sum())]
        customers = np.full(count, number)
        columns.append([it[there] for it in (created, redeemed, used.days, customers, places)])
        bought.append(dict(used.bought))
    created, redeemed, days, customers, places = (
        np.concatenate(it) for it in zip(*columns, strict=True)
    )
    order = np.argsort(redeemed)
    seen = Seen(clients, bought, created[order], redeemed[order], days[order], rule)
    return seen, Truth(customers[order], places[order], waited, refused)


def calls_of(seen: Seen, truth: Truth, seed: int) -> World:
    """The log of calls that these columns are."""
    random = Random(seed)
    world = World([], {}, {})
    connection = 0

    def call(at: float, step: str, address: str, **what: Any) -> None:
        nonlocal connection
        # Each call has a connection of its own.
        connection += 1
        world.calls.append(Call(at, step, address, connection, **what))

    nonces: dict[tuple[int, int], list[str]] = {}
    for number, client in enumerate(seen.clients):
        for day, passes in seen.bought[number].items():
            fetched, signed = moments(day, passes, random)
            for at in fetched:
                call(at, "challenge", "shared", **given_out(at))
            for at in signed:
                nonce = f"{random.getrandbits(64):016x}"
                nonces.setdefault((number, day), []).append(nonce)
                world.bought_by[nonce], world.signed_at[nonce] = client.name, at
                call(at, "sign", client.name, customer=client.name, key_id="k")
    for place, (created, redeemed, day) in enumerate(
        zip(seen.created, seen.redeemed, seen.days, strict=True)
    ):
        of = int(truth.customers[place]), int(day)
        relay, nonce = f"r{place}", nonces[of][truth.places[place]]
        what = given_out(begins(int(day)))
        call(float(created), "create", "shared", relay=relay)
        call(float(redeemed), "redeem", "shared", relay=relay, nonce=nonce, key_id="k", **what)
    return world
