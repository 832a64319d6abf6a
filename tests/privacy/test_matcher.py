"""The matcher on logs made by hand: each thing that gives a caller away is enough by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from common import changes
from crowd import FIRST_DAY, Client, Seen, calls_of, play
from habits import Habit, Pace, Refill, density_of
from likelihood import Knowledge
from matcher import join
from naming import name_customers
from persona import HOUR, Call, View, expiry_of_challenge

PAIRS = 40

# Passes out of a pool, long after they were bought and in another order: times tell nothing.
POOLED = Habit("pooled", pool=PAIRS, pool_only=True)

Change = Callable[[int, Call], Call]


def log(change: Change) -> tuple[View, dict[str, str], dict[str, float]]:
    """Signatures of as many customers, one an hour, relays that tell nothing, and what ``change``
    does to the calls of pair ``n``: a fetch, a signature, a creation, a redemption."""
    calls: list[Call] = []
    customers, signed_at = {}, {}
    order = list(range(PAIRS))
    Random(7).shuffle(order)
    for n in range(PAIRS):
        nonce, bought, used = f"n{n}", HOUR * n + 900, 1e6 + 100.0 * order[n]
        customers[nonce], signed_at[nonce] = f"customer {n}", bought
        of_pair = [
            Call(bought - 0.02, "challenge", "exit", 10_000 + n, mac="m"),
            Call(bought, "sign", f"home {n}", 20_000 + n, customer=f"customer {n}", key_id="k"),
            Call(used, "create", "exit", 30_000 + n, relay=f"r{n}"),
            Call(
                used + 60,
                "redeem",
                "exit",
                40_000 + n,
                relay=f"r{n}",
                nonce=nonce,
                mac="m",
                key_id="k",
            ),
        ]
        calls += [change(n, call) for call in of_pair]
    return View.of(calls), customers, signed_at


def joined(change: Change) -> tuple[float, float]:
    """The shares of customers and of signatures that are right."""
    view, customers, signed_at = log(change)
    # Nobody buys after a use: nothing to be learned from refills.
    never = density_of([1e8])
    refills = dict.fromkeys(customers.values(), never)
    said = join(view, Knowledge(POOLED, Pace(), refills, exits=frozenset({"exit"})))
    return (
        sum(said.customers[nonce] == customers[nonce] for nonce in customers) / PAIRS,
        sum(said.signed_at[nonce] == signed_at[nonce] for nonce in customers) / PAIRS,
    )


def only(*steps: str, **seen: object) -> Change:
    """Gives these members to the calls of these steps, each pair its own."""

    def change(n: int, call: Call) -> Call:
        if call.step not in steps:
            return call
        own = {name: value(n) if callable(value) else value for name, value in seen.items()}
        return replace(call, **own)  # type: ignore[arg-type]

    return change


IDENTIFIERS: dict[str, Change] = {
    "a key id of its own": only("sign", "redeem", key_id=lambda n: f"k{n}"),
    "a challenge of its own": only("challenge", "redeem", mac=lambda n: f"m{n}"),
    "an hour of its own": only("redeem", expires_at=lambda n: expiry_of_challenge(HOUR * n)),
    "a face of its own": only("sign", "redeem", face=lambda n: f"user-agent: {n}"),
    "a connection for signing and creating": only("sign", "create", connection=lambda n: n),
    "a connection for signing and redeeming": only("sign", "redeem", connection=lambda n: n),
    "an address for signing and redeeming": only("redeem", address=lambda n: f"home {n}"),
    "an address for signing and creating": only("create", address=lambda n: f"home {n}"),
}


@pytest.mark.parametrize("change", IDENTIFIERS.values(), ids=IDENTIFIERS.keys())
def test_each_identifier_alone_joins_all(change: Change) -> None:
    assert joined(change) == (1, 1)


def test_where_nothing_tells_next_to_nothing_is_joined() -> None:
    # One in forty by chance: five or more would be one in three hundred.
    customers, signatures = joined(lambda _, call: call)
    assert max(customers, signatures) < 5 / PAIRS


def test_a_challenge_fetched_on_a_connection_of_the_relay_names_who_signs_then() -> None:
    assert joined(only("challenge", "redeem", connection=lambda n: n))[0] == 1


def test_a_pass_that_is_shown_twice_joins_its_relays() -> None:
    """The second relay has no call on the customer's connection; the first one has."""

    def change(n: int, call: Call) -> Call:
        shared = call.step == "sign" or (call.step == "redeem" and n % 2 == 0)
        own = replace(call, connection=n // 2) if shared else call
        # Each odd relay shows the pass of the one before.
        return replace(own, nonce=f"n{n // 2 * 2}") if call.step == "redeem" else own

    view, _, _ = log(change)
    assert [len(shown.relays) for shown in view.passes] == [2] * (PAIRS // 2)
    refills = {f"customer {n}": density_of([1e8]) for n in range(PAIRS)}
    said = join(view, Knowledge(POOLED, Pace(), refills, exits=frozenset({"exit"})))
    for n in range(0, PAIRS, 2):
        assert said.customers[f"n{n}"] in (f"customer {n}", f"customer {n + 1}")


def test_relays_of_one_address_are_named_together() -> None:
    """Each relay alone says little: two customers sign near it. All of them together say it."""
    pace, habit = Pace(), Habit("standard", window=True, way_out="proxy")
    calls = []
    for n in range(50):
        # One signs within the window of each of his relays; the other one is near by chance.
        at = 1000.0 * n
        for customer, signed in (("one", at + 3 * n % 110), ("other", at + (80 if n % 2 else -40))):
            calls.append(Call(signed, "sign", customer, 1, customer=customer, key_id="k"))
        calls.append(Call(at, "create", "proxy", 2 + n, relay=f"r{n}"))
        redeem = Call(
            at + 200, "redeem", "proxy", 100 + n, relay=f"r{n}", nonce=f"n{n}", key_id="k"
        )
        calls.append(redeem)
    view = View.of(calls)
    together = join(view, Knowledge(habit, pace))
    assert set(together.customers.values()) == {"one"}
    alone = join(view, Knowledge(habit, pace, exits=frozenset({"proxy"})))
    assert "other" in alone.customers.values()


TUESDAY = FIRST_DAY


def seen_of(
    bought: Sequence[dict[int, int]], relays: Sequence[tuple[float, int]], rate: float = 24.0
) -> Seen:
    """Customers with a pool of 24 who bought so many passes so many days after a Tuesday, and
    relays: hours after that Tuesday's common hour, and on which day their pass was bought."""
    at = np.array([changes(TUESDAY) + hours * HOUR for hours, _ in relays])
    return Seen(
        [Client(f"c{number}", rate, 24) for number in range(len(bought))],
        [{TUESDAY + day: passes for day, passes in it.items()} for it in bought],
        at - 60,
        at,
        np.array([TUESDAY + day for _, day in relays]),
    )


def test_a_pass_of_an_hour_in_which_one_bought_alone_names_him() -> None:
    seen = seen_of([{0: 24}, {0: 24}, {0: 24, 1: 24}], [(25.5, 1), (30.5, 1), (40.5, 1)])
    assert name_customers(seen).tolist() == [2, 2, 2]


def test_of_those_before_a_purchase_in_midweek_more_are_his_who_buys() -> None:
    seen = seen_of([{0: 24}, {0: 24}, {0: 24, 1: 24}], [(2.5, 0), (10.5, 0), (20.5, 0)], 12.0)
    assert name_customers(seen).tolist() == [2, 2, 2]


def test_an_older_pass_is_of_somebody_who_has_no_newer_one() -> None:
    seen = seen_of([{0: 24, 1: 24}, {0: 24}, {0: 24, 1: 24}], [(24.5, 0), (26.5, 0), (30.5, 0)])
    assert name_customers(seen).tolist() == [1, 1, 1]


def test_whoever_has_more_checks_is_likelier() -> None:
    seen = seen_of([{0: 24}] * 3, [(2.5, 0), (10.5, 0)], 0.5)
    clients = [replace(it, checks_a_day=1.5) if it.name == "c1" else it for it in seen.clients]
    assert name_customers(replace(seen, clients=clients)).tolist() == [1, 1]


def test_a_relay_that_has_waited_is_of_somebody_whose_pool_was_empty() -> None:
    seen = seen_of([{0: 24, 1: 24}, {0: 500, 1: 500}], [(24.0005, 1)], 40.0)
    waited = replace(seen, created=seen.created - 5 * HOUR)
    assert name_customers(waited).tolist() == [0]


def test_calls_are_joined_as_columns_are() -> None:
    """The matcher, which reads calls, has the hour, the histories and the rates, too."""
    clients = [Client(f"c{number}", rate, 10) for number, rate in enumerate((0.5, 1.5, 0.7))]
    clients.append(Client("c3", 2.0, 10, changes(TUESDAY + 2) + HOUR))
    seen, truth = play(clients, 1, 5)
    world = calls_of(seen, truth, 5)
    habit = Habit("strict", pool=10, pool_only=True, isolated=True, refill=Refill(common=True))
    knowledge = Knowledge(habit, Pace(), clients=clients, exits=frozenset({"shared"}))
    said = join(View.of(world.calls), knowledge).customers
    of_columns = [clients[number].name for number in name_customers(seen)]
    by_calls = sorted(View.of(world.calls).passes, key=lambda shown: shown.redeemed_at)
    same = sum(said[it.nonce] == name for it, name in zip(by_calls, of_columns, strict=True))
    assert same >= 0.9 * len(of_columns) > 20
    new = [it.nonce for it in by_calls if world.bought_by[it.nonce] == "c3"]
    assert new
    assert {said[nonce] for nonce in new} == {"c3"}
