"""How callers behave, as far as it can be seen on the wire: what the simulation plays, and what the
attacker knows of it (Kerckhoffs: everything but the dice).

Times are seconds. A density is that of a signature's time after the relay that it is for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

DAY, HOUR, MINUTE = 86_400.0, 3600.0, 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast everything goes. A short run on the wire is the same with all times divided."""

    latency_least: float = 0.004
    latency_mean: float = 0.020
    """What comes on top of the least, exponentially distributed."""
    visit_median: float = 60.0
    visit_spread: float = 0.6
    """The visitor's time between the relay and the return: log-normal. A model, not measured."""
    idle: float = 20.0
    """For so long an unused connection is used again: the default of ``idle_timeout``."""
    window: float = 120.0
    """The default of ``purchase_window``."""


@dataclass(frozen=True, slots=True)
class Refill:
    """How a pool is filled again. By default as the background task of relaypass does: every 30 to
    90 seconds, none to all of what is missing, with a pause of up to a second before each."""

    period: float = 60.0
    pause: float = 1.0
    most_at_once: int = 20
    usable: float = 80 * DAY
    """A pass is used for so long."""
    every: float = 0.0
    """If not 0: all that is missing is bought in one hour of so many seconds, at a random moment of
    it, and nothing at other times. It is the same hour for all customers."""
    renewed: bool = False
    """Whether in that hour the whole pool is bought anew and the rest of the old one dropped."""
    common: bool = False
    """Whether the pool is bought as strict privacy does: see ``common.py``."""
    in_batches: bool = False
    """Whether nothing is bought before half is missing, and then all of it, at a moment that is as
    random as the use of the last half was long."""

    def hour(self, number: int) -> float:
        """When the common hour of a period begins."""
        return (number + 0.5) * self.every

    def hours_after(self, at: Array) -> Array:
        """When the next common hour begins."""
        return np.asarray((np.ceil(at / self.every - 0.5) + 0.5) * self.every)


@dataclass(frozen=True, slots=True)
class Habit:
    """One way to use Relay."""

    name: str
    one_lane: bool = False
    """Whether signatures and anonymous calls share connections, as in the public SDK."""
    window: bool = False
    """Whether a purchase waits for a random moment of the window."""
    pool: int = 0
    """How many passes are held ready; each relay takes one at random when it begins."""
    refill: Refill = field(default_factory=Refill)
    isolated: bool = False
    """Whether relays share no connection."""
    pool_only: bool = False
    """Whether nothing is ever bought for a relay: with an empty pool it waits."""
    redeem_delay: float = 0.0
    """Up to so long, at random, between the visitor's return and the redemption."""
    way_out: str = "own"
    """``"own"``: both lanes leave from the customer's address. ``"proxy"``: anonymous calls leave
    from a second address of the customer's. ``"shared"``: from addresses that all share."""


def after(delay: Array, pace: Pace, hops: int) -> Array:
    """The density of what follows after a few answers: a sum of latencies, of the Erlang kind."""
    over = delay - hops * pace.latency_least
    rate = 1.0 / pace.latency_mean
    factorial = float(np.prod(np.arange(1, hops))) if hops > 1 else 1.0
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        density = rate**hops * np.maximum(over, 0) ** (hops - 1) * np.exp(-rate * over) / factorial
    return np.where(over > 0, density, 0.0)


def bought_for(habit: Habit, pace: Pace, delay: Array, before: Array) -> Array:
    """The density of a signature that is bought for its relay.

    Args:
        delay: From the relay's creation to the signature.
        before: From the signature to the first redemption.
    """
    if not habit.window:
        # Public: create and challenge come first. relaypass: both at once.
        return np.asarray(np.where(before > 0, after(delay, pace, 2), 0.0))
    window = pace.window
    own_moment = np.where(
        (delay > 0) & (delay < window + 10 * pace.latency_mean) & (before > 0), 1 / window, 0.0
    )
    # `complete` came first, and bought: the redemption follows at once.
    left = np.clip(1 - delay / window, 0.0, 1.0)
    return np.asarray(own_moment + left * after(before, pace, 1) * (delay > 0))


Density = Callable[[Array], Array]


def density_of(sample: list[float], least: float = 1e-3, most: float = 1e9) -> Density:
    """A density out of a sample of positive times, by a histogram with logarithmic bins."""
    edges = np.geomspace(least, most, 241)
    clipped = np.clip(np.asarray(sample or [1.0]), least, most * 0.999)
    counts, _ = np.histogram(clipped, edges)
    smooth = np.convolve(counts.astype(float) + 1e-3, np.array([1, 2, 3, 2, 1]) / 9, mode="same")
    heights = smooth / smooth.sum() / np.diff(edges)

    def density(time: Array) -> Array:
        place = np.clip(np.searchsorted(edges, time) - 1, 0, len(heights) - 1)
        return np.where(time > 0, heights[place], 0.0)

    return density
