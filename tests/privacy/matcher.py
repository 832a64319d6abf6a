"""Joins signatures to the passes that are shown, as well as one can: the attacker.

Exact identifiers come first, then shared connections and addresses, then times.

1. Passes whose calls share a connection, or an address that not everybody has, are one caller's: a
   *group*. A signature on one of its connections or addresses names the customer.
2. What does not fit cannot be: another key id, another face, another hour. A pass carries the hour
   in which its challenge was given out, so who signed nothing in it did not buy the pass; of
   the others, each is the likelier the more of its signatures of that hour are not used yet.
3. Times: how likely is a signature for a relay, given the habit? With a pool, how likely is it that
   this signature follows the use? The evidence of all relays of a group counts for each of them.
4. The customer of a pass is the likeliest one. Its signature is that of the likeliest assignment of
   all signatures to all passes, one to one.
"""

from __future__ import annotations

from bisect import bisect, insort
from collections import Counter, defaultdict
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from habits import Array, after
from likelihood import Knowledge, likelihoods, of_the_hour
from persona import HOUR, Call, Shown, View, expiry_of_challenge

NEVER = 1e-12
"""The density of what is impossible by the habit: a habit is never known whole."""

MISSED = 0.01
"""The share of relays of which no signature tells anything."""

SAME_CONNECTION, SAME_ADDRESS = 60.0, 30.0
"""The logarithm of how much likelier such a thing is of one caller."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What the attacker says of each pass, by its nonce."""

    customers: dict[str, str]
    signed_at: dict[str, float]


def join(view: View, knowledge: Knowledge, seed: int = 0) -> Joined:
    """Names the customer and the signature of each pass."""
    random = np.random.default_rng(seed)
    # The log's order must not decide between what is equally likely: it is near the truth.
    signs = [view.signatures[place] for place in random.permutation(len(view.signatures))]
    passes = [view.passes[place] for place in random.permutation(len(view.passes))]
    calls_of = with_own_fetches(view, passes)
    names = sorted({sign.customer for sign in signs})
    customers = np.array([names.index(sign.customer) for sign in signs])
    is_of = np.eye(len(names))[customers]
    counts = is_of.sum(axis=0)
    spread = float(np.ptp([sign.call.at for sign in signs])) + 1e-9
    rates = counts / spread

    possible = fitting([sign.call for sign in signs], calls_of)
    bought, telling = likelihoods(
        view, [s.call for s in signs], customers, names, passes, knowledge
    )
    bought *= possible * of_the_hour([s.call for s in signs], passes, knowledge)
    telling *= possible

    # How much likelier each pass is each customer's, by the times, and by all of its group.
    ratio = (is_of.T @ telling) / rates[:, None]
    evidence = np.log(MISSED * np.sign(is_of.T @ possible) + ratio + NEVER)
    held = (is_of.T @ bought) / rates[:, None] + NEVER
    if knowledge.habit.pool:
        evidence += np.log(held)
    groups = grouped(calls_of, knowledge.exits)
    of_group = np.zeros((len(passes), max(groups) + 1))
    of_group[np.arange(len(passes)), groups] = 1
    together = evidence @ of_group
    together += evidence_of_calls(view, calls_of, groups, knowledge, names, rates)
    others = exp((together @ of_group.T) - evidence, axis=0)

    # Where a pass is alone, it counts that no signature can be of two.
    belief = exp(together + np.log(counts)[:, None], axis=0) @ of_group.T
    is_alone = of_group.sum(axis=0)[groups] < 2
    if is_alone.any():
        told = telling + MISSED / spread * possible
        if knowledge.habit.pool:
            prior = others * (rates.mean() / rates)[:, None]
            alone = agreed(is_of, prior, held * rates[:, None], bought, told)
        else:
            alone = is_of.T @ balanced(others[customers] * told + NEVER**3)
        belief = np.where(is_alone, alone, belief)
    belief /= belief.sum(axis=0)

    prior = others
    if knowledge.habit.pool:
        # Which customer is said already: only which of its signatures is open.
        prior = belief / (held * rates[:, None])
    shares = same_connection([sign.call for sign in signs], calls_of)
    likely = bought * prior[customers] * np.exp(shares) + NEVER * prior[customers]
    # What is about as likely counts as equally likely: on every machine, the same is chosen.
    cost = np.round(-np.log(likely + NEVER**3), 1)
    rows, columns = linear_sum_assignment(cost)
    return Joined(
        {passes[j].nonce: names[int(belief[:, j].argmax())] for j in range(len(passes))},
        {passes[j].nonce: signs[i].call.at for i, j in zip(rows, columns, strict=True)},
    )


def join_pools(view: View, seed: int = 0) -> Joined:
    """What :func:`join` says of relays that share nothing and of pools that are bought whole,
    counted by pool instead of by signature: for logs of a hundred thousand signatures. A test
    compares the two."""
    random = np.random.default_rng(seed)
    names = sorted({sign.customer for sign in view.signatures})
    pools: dict[str, dict[float, list[float]]] = {name: {} for name in names}
    for sign in view.signatures:
        hour = expiry_of_challenge(sign.call.at)
        pools[sign.customer].setdefault(hour, []).append(sign.call.at)
    customers, signed_at = {}, {}
    for place in random.permutation(len(view.passes)):
        shown = view.passes[place]
        hours = (call.expires_at for call in shown.calls if call.step == "redeem")
        of = next(hour for hour in hours if hour is not None)
        # Who has bought since uses no older pass.
        last = {
            name: max((hour for hour in pools[name] if hour - HOUR <= shown.redeemed_at), default=0)
            for name in names
        }
        sizes = [len(pools[name][of]) if last[name] == of else 0 for name in names]
        likeliest = np.flatnonzero(np.array(sizes) == max(sizes))
        name = names[int(random.choice(likeliest))]
        unused = pools[name].get(of) or [0.0]
        customers[shown.nonce] = name
        signed_at[shown.nonce] = unused[int(random.integers(len(unused)))]
    return Joined(customers, signed_at)


def exp(logarithms: Array, axis: int) -> Array:
    """Proportional shares out of their logarithms."""
    return np.asarray(np.exp(logarithms - logarithms.max(axis=axis, keepdims=True)))


def balanced(weights: Array, rounds: int = 20) -> Array:
    """For each pass (column) the shares of the signatures, such that no signature is used more than
    once: Sinkhorn's method."""
    shares = weights / weights.sum(axis=0)
    for _ in range(rounds):
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
        shares /= np.maximum(shares.sum(axis=0), NEVER)
    return np.asarray(shares)


def agreed(
    is_of: Array, prior: Array, held: Array, bought: Array, told: Array, rounds: int = 2
) -> Array:
    """With a pool, the shares of the customers (rows) for each pass. Two signatures tell of it: the
    one that is its own, and the one that follows its use. No signature is either of two passes."""
    customers = is_of.argmax(axis=1)
    for _ in range(rounds):
        known = prior * held + NEVER
        follows = is_of.T @ balanced(known[customers] * told + NEVER**3, 10) / known
        known = prior * follows + NEVER
        belief = is_of.T @ balanced(known[customers] * bought + NEVER**3, 10)
        held = belief / known
    return np.asarray(belief)


# What is the same.


def with_own_fetches(view: View, passes: list[Shown]) -> list[list[Call]]:
    """The calls of each pass, and the fetch of its challenge, if that was given out only once."""
    times = Counter(call.mac for call in view.fetches)
    only = {call.mac: call for call in view.fetches if times[call.mac] == 1}
    calls_of = []
    for shown in passes:
        macs = {call.mac for call in shown.calls if call.mac is not None}
        calls_of.append(shown.calls + [only[mac] for mac in sorted(macs) if mac in only])
    return calls_of


def fitting(signs: list[Call], calls_of: list[list[Call]]) -> Array:
    """Which signature can be which pass's, by key id and face: 1 or 0."""
    fits = np.ones((len(signs), len(calls_of)))
    for of in (key_id_of, face_of):
        seen: dict[Hashable, int] = {}
        number = [seen.setdefault(of(sign), len(seen)) for sign in signs]
        theirs = [
            {of(call) for call in calls if call.step == "redeem" and of(call) is not None}
            for calls in calls_of
        ]
        known = np.array(
            [[not faces or value in faces for faces in theirs] for value in seen], dtype=float
        )
        fits *= known[number]
    return fits


def key_id_of(call: Call) -> str | None:
    return call.key_id


def face_of(call: Call) -> str | None:
    return call.face or None


def same_connection(signs: list[Call], calls_of: list[list[Call]]) -> Array:
    """The logarithm of how much likelier a signature is for a pass that used its connection: much,
    if no other pass did, or if the pass's relay was the last one created on it."""
    using: dict[int, set[int]] = defaultdict(set)
    creations: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for place, calls in enumerate(calls_of):
        for call in calls:
            using[call.connection].add(place)
            if call.step == "create":
                insort(creations[call.connection], (call.at, place))
    shares = np.zeros((len(signs), len(calls_of)))
    for row, sign in enumerate(signs):
        there = using.get(sign.connection, set())
        for place in there:
            shares[row, place] = np.log1p(1e3 / len(there) ** 2)
        created = creations.get(sign.connection, [])
        last = bisect(created, (sign.at, 0))
        if last:
            shares[row, created[last - 1][1]] += np.log(1e2)
    return shares


def grouped(calls_of: list[list[Call]], exits: frozenset[str]) -> npt.NDArray[np.int_]:
    """The number of each pass's group."""
    leader = list(range(len(calls_of)))

    def led_by(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    first: dict[Hashable, int] = {}
    for place, calls in enumerate(calls_of):
        for call in calls:
            for mark in marks(call, exits):
                leader[led_by(place)] = led_by(first.setdefault(mark, place))
    numbers: dict[int, int] = {}
    return np.array(
        [numbers.setdefault(led_by(place), len(numbers)) for place in range(len(leader))]
    )


def marks(call: Call, exits: frozenset[str]) -> list[tuple[str, Hashable]]:
    address = [] if call.address in exits else [("address", call.address)]
    return [("connection", call.connection), *address]


def evidence_of_calls(
    view: View,
    calls_of: list[list[Call]],
    groups: npt.NDArray[np.int_],
    knowledge: Knowledge,
    names: list[str],
    rates: Array,
) -> Array:
    """What connections and addresses say of each group, for each customer; and with a pool the
    challenges that were fetched on them, each just before a signature."""
    found = np.zeros((len(names), int(groups.max()) + 1))
    group_of: dict[tuple[str, Hashable], int] = {}
    for place, calls in enumerate(calls_of):
        for call in calls:
            for mark in marks(call, knowledge.exits):
                group_of[mark] = int(groups[place])
    signing: dict[tuple[str, Hashable], set[int]] = defaultdict(set)
    for sign in view.signatures:
        for mark in marks(sign.call, knowledge.exits):
            signing[mark].add(names.index(sign.customer))
    for mark, group in group_of.items():
        for customer in signing.get(mark, ()):
            found[customer, group] += SAME_CONNECTION if mark[0] == "connection" else SAME_ADDRESS
    if not knowledge.habit.pool:
        return found
    times = np.array([sign.call.at for sign in view.signatures])
    customers = np.array([names.index(sign.customer) for sign in view.signatures])
    for fetch in view.fetches:
        its = {group_of[mark] for mark in marks(fetch, knowledge.exits) if mark in group_of}
        for group in its:
            near = slice(*np.searchsorted(times, [fetch.at, fetch.at + 1]))
            density = after(times[near] - fetch.at, knowledge.pace, 1)
            ratio = np.bincount(customers[near], density, len(names)) / rates
            found[:, group] += np.log(MISSED + ratio)
    return found
