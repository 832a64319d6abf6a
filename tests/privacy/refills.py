"""What an attacker learns of a pool's refills who has the program, by running it himself."""

from __future__ import annotations

import math
from random import Random

from habits import Habit, Pace
from simulation import Customer


def refill_delays(
    habit: Habit, pace: Pace, checks_a_day: float, takes: int, seed: int
) -> list[float]:
    """How long after a pass was taken the pool bought the one that replaces it, in order: what an
    attacker who has the program finds out by running it."""
    random = Random(seed)
    customer = Customer("nobody", habit, pace, random, checks_a_day)
    arrivals, now = [], 0.0
    for _ in range(takes):
        now += random.expovariate(checks_a_day / 86_400)
        arrivals.append(now)
    customer.play(arrivals, now)
    if not habit.refill.in_batches:
        delays, refills = [], iter(customer.refills)
        for taken in customer.takes:
            # Some are bought in place of those that grew too old.
            if follows := next((at for at in refills if at > taken), None):
                delays.append(follows - taken)
        return delays
    # In parts of the time since the batch before.
    parts, taken, before = [], 0, 0.0
    for bought, after in zip(customer.refills, [*customer.refills[1:], math.inf], strict=True):
        if after - bought > 20:
            while taken < len(customer.takes) and customer.takes[taken] < bought:
                if before:
                    parts.append((bought - customer.takes[taken]) / (bought - before))
                taken += 1
            before = bought
    return parts
