"""How likely a signature is for a pass, by the habit, the hour and the times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from common import day_of
from crowd import Client, Seen
from habits import Array, Density, Habit, Pace, after, bought_for
from naming import shares_of
from persona import HOUR, Call, Shown, View, expiry_of_challenge


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the attacker knows beside the log."""

    habit: Habit
    pace: Pace
    refills: dict[str, Density] = field(default_factory=dict)
    """With a pool: how long after a pass is taken the next one is bought, for each customer."""
    empty: float = 0.0
    """With a pool: the share of relays that find it empty."""
    clients: Sequence[Client] = ()
    """With strict privacy: each customer's rate and pool."""
    exits: frozenset[str] = frozenset()
    """Addresses that many use: of Tor and of proxies, there are lists."""


def of_the_hour(signs: list[Call], passes: list[Shown], knowledge: Knowledge) -> Array:
    """Which signature can be which pass's, by the hour in which the challenge in the pass was given
    out: 1 or 0. A signature comes within moments of it; with a window, within the window."""
    slack = 50 * knowledge.pace.latency_mean
    slack += knowledge.pace.window if knowledge.habit.window else 0
    first = np.array([expiry_of_challenge(sign.at - slack) for sign in signs])
    last = np.array([expiry_of_challenge(sign.at) for sign in signs])
    hours = [
        next((call.expires_at for call in shown.calls if call.expires_at is not None), None)
        for shown in passes
    ]
    fits = np.ones((len(signs), len(passes)))
    for column, hour in enumerate(hours):
        if hour is not None:
            fits[:, column] = (first <= hour) & (hour <= last)
    return fits


def likelihoods(
    view: View,
    signs: list[Call],
    customers: npt.NDArray[np.int_],
    names: list[str],
    passes: list[Shown],
    knowledge: Knowledge,
) -> tuple[Array, Array]:
    """Two densities for each signature (row) and pass (column): that it is this pass's, and that it
    tells whose the pass is by what follows its use. Without a pool they are the same. With one, the
    signature that tells is that of the next pass, which replaces the one that was used."""
    habit, pace = knowledge.habit, knowledge.pace
    if habit.refill.common:
        present = of_the_common_hours(signs, customers, names, knowledge, passes)
        return present, np.zeros_like(present)
    at = np.array([call.at for call in signs])[:, None]
    created = np.array([shown.created_at for shown in passes])[None, :]
    redeemed = np.array([shown.redeemed_at for shown in passes])[None, :]
    rest = 0.0 if habit.pool_only else knowledge.empty
    direct = np.zeros((len(signs), len(passes)))
    if rest or not habit.pool:
        # Only a few signatures are between a relay's creation and its redemption.
        rows, columns = np.nonzero((at > created) & (at < redeemed))
        signed = at[rows, 0]
        direct[rows, columns] = bought_for(
            habit, pace, signed - created[0, columns], redeemed[0, columns] - signed
        )
        if not habit.pool:
            return direct, direct
    taken = np.bincount(customers) / (float(np.ptp(at)) + 1e-9)
    mean = (habit.pool / taken)[customers][:, None]
    age = created - at
    with np.errstate(over="ignore"):
        pooled = np.where((age > 0) & (age < habit.refill.usable), np.exp(-age / mean) / mean, 0.0)
    follows = np.zeros_like(pooled)
    for number, name in enumerate(names):
        rows = customers == number
        if habit.refill.every:
            # The next common hour buys what was used before it.
            hour = habit.refill.hours_after(created)
            follows[rows] = ((at[rows] >= hour) & (at[rows] < hour + HOUR)) / habit.refill.every
        elif habit.refill.in_batches:
            since = (at[rows, 0] - batch_before(at[rows, 0]))[:, None]
            delay = (at[rows] - created) / since
            follows[rows] = knowledge.refills[name](delay) * (delay < 1.0) / since
        else:
            follows[rows] = knowledge.refills[name](at[rows] - created)
    bought = (1 - rest) * pooled + rest * direct
    telling = (1 - rest) * follows + rest * direct
    for column, time in own_fetch_times(view, passes).items():
        alone = after(at[:, 0] - time, pace, 1)
        bought[:, column] = (1 - rest) * alone + rest * direct[:, column]
    return bought, telling


def of_the_common_hours(
    signs: list[Call],
    customers: npt.NDArray[np.int_],
    names: list[str],
    knowledge: Knowledge,
    passes: list[Shown],
) -> Array:
    """With pools that are bought in common hours: any pass of a customer's hour is as likely, and
    what the histories of the customers say of the relays counts (``naming.py``)."""
    days = np.array([day_of(expiry_of_challenge(sign.at)) for sign in signs])
    bought: list[dict[int, int]] = [{} for _ in names]
    for number, day in zip(customers, days, strict=True):
        bought[number][int(day)] = bought[number].get(int(day), 0) + 1
    hours = [
        next((call.expires_at for call in shown.calls if call.expires_at is not None), 0.0)
        for shown in passes
    ]
    seen = Seen(
        [next(it for it in knowledge.clients if it.name == name) for name in names],
        bought,
        np.array([shown.created_at for shown in passes]),
        np.array([shown.redeemed_at for shown in passes]),
        np.array([day_of(hour) for hour in hours]),
    )
    shares = shares_of(seen)
    sizes = np.array([bought[of][int(day)] for of, day in zip(customers, days, strict=True)])
    is_its = days[:, None] == seen.days[None, :]
    return np.asarray(shares[customers] * is_its / sizes[:, None])


def batch_before(times: Array, gap: float = 20.0) -> Array:
    """For each signature of a customer, when the batch before its own was bought."""
    order = np.argsort(times)
    sorted_times = times[order]
    begins = np.concatenate([[True], np.diff(sorted_times) > gap])
    number = np.cumsum(begins) - 1
    starts = sorted_times[begins]
    before = np.concatenate([[starts[0] - 1e9], starts[:-1]])[number]
    result = np.empty_like(times)
    result[order] = before
    return result


def own_fetch_times(view: View, passes: list[Shown]) -> dict[int, float]:
    """When the challenge of a pass was fetched, if that can be told from its MAC."""
    times = Counter(call.mac for call in view.fetches)
    only = {call.mac: call.at for call in view.fetches if times[call.mac] == 1}
    return {
        place: only[call.mac]
        for place, shown in enumerate(passes)
        for call in shown.calls
        if call.step == "redeem" and call.mac in only
    }
