"""The simulation is no fantasy: as much is joined of real traffic as of the simulation."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean

from habits import Habit, Pace
from likelihood import Knowledge
from persona import View, expiry_of_challenge
from sandbox import Sandbox
from simulation import World, equal, simulate
from table import AT_ONCE, PUBLIC, STANDARD, Result, judge
from traffic import HASTE, play

CUSTOMERS, PAIRS, SECONDS = 5, 60, 6.0
WORLDS = 6
SHARED = frozenset({"shared"})


def test_real_traffic_is_joined_as_simulated_traffic_is(sandbox: Sandbox) -> None:
    pace = HASTE
    for habit in (PUBLIC, AT_ONCE, STANDARD):
        # On loopback, all have one address.
        habit = replace(habit, way_out="shared")
        real = play(sandbox, habit, CUSTOMERS, PAIRS, SECONDS, seed=1)
        assert len(real.signed_at) == PAIRS
        passes_carry_the_hour_of_their_signature(real)
        if not habit.window:
            pace = with_latency_of(real)
        seen = judge(real, Knowledge(habit, pace, exits=SHARED))
        played = [simulated(habit, pace, seed) for seed in range(WORLDS)]
        print(f"{habit.name}: {seen.customers}, {seen.signatures} on the wire", end="; ")
        for kind in ("customers", "signatures"):
            share = getattr(seen, kind).share
            shares = [getattr(result, kind).share for result in played]
            print(f"{kind} {fmean(shares):.1%} simulated", end="; ")
            assert abs(share - fmean(shares)) <= interval(fmean(shares)), (habit.name, kind)
        print()


def passes_carry_the_hour_of_their_signature(real: World) -> None:
    for call in real.calls:
        if call.step == "redeem" and call.nonce is not None:
            at = real.signed_at[call.nonce]
            # The challenge is fetched a moment before; the clock may strike in between.
            assert call.expires_at in (expiry_of_challenge(at), expiry_of_challenge(at - 10))


def simulated(habit: Habit, pace: Pace, seed: int) -> Result:
    rate = PAIRS / SECONDS * 86_400
    world = simulate(habit, pace, rate, equal(CUSTOMERS), PAIRS, seed)
    return judge(world, Knowledge(habit, pace, exits=SHARED))


def with_latency_of(world: World) -> Pace:
    """This machine's latency: a relay and its signature are two answers apart."""
    delays = sorted(
        world.signed_at[shown.nonce] - shown.created_at for shown in View.of(world.calls).passes
    )
    # The log counts milliseconds.
    least = max(delays[0] / 2 - 0.001, 0.0002)
    return replace(HASTE, latency_least=least, latency_mean=max(fmean(delays) / 2 - least, 0.002))


def interval(share: float) -> float:
    """Three standard deviations of a share of so few pairs, and one pair. Pairs of one connection
    are joined together or not at all: nothing is as sure as its share alone would say."""
    return 3 * math.sqrt(max(share * (1 - share), 0.1) / PAIRS) + 1 / PAIRS
