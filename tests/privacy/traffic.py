"""Real traffic: several customers' clients against the sandbox, in a few seconds. All times are
those of the simulation's pace, divided.

The sandbox has one API key for all and one address: whose a signature is comes from the customer's
own store, which sees each blinded message with its nonce. That store is the truth, too.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from random import Random
from threading import Lock

from relaypass import RelayPass, StoreRecord

import reference
from habits import Habit, Pace
from persona import CHALLENGE, CREATE, SIGN, read
from sandbox import Sandbox
from simulation import World

CLAIM_TYPE = "age_over18_verified"
BLINDED = re.compile(rb'\\"nonce\\":\\"([0-9a-f]{64})\\".*?\\"blinded_message\\":\\"([\w-]+)\\"')

HASTE = Pace(
    latency_least=0.002,
    latency_mean=0.020,
    visit_median=1.0,
    visit_spread=0.6,
    idle=0.3,
    window=2.0,
)
"""A sixtieth of the usual pace, but for the latency, which is this machine's."""


@dataclass(frozen=True, slots=True)
class Shop:
    """One customer."""

    start: Callable[[], Callable[[], None]]
    """Begins a check, and returns what completes it."""
    nonces: dict[str, str]
    """The nonce in each blinded message."""


@dataclass(slots=True)
class ObservedStore:
    """A store in memory that notes which nonce is in which blinded message."""

    records: dict[str, StoreRecord] = field(default_factory=dict)
    nonces: dict[str, str] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def load(self, key: str) -> StoreRecord | None:
        return self.records.get(key)

    def compare_and_swap(self, key: str, expected: int | None, new: StoreRecord | None) -> bool:
        with self.lock:
            there = self.records.get(key)
            if (there.version if there else None) != expected:
                return False
            if new is None:
                del self.records[key]
                return True
            self.records[key] = new
            if found := BLINDED.search(new.value):
                self.nonces[found[2].decode()] = found[1].decode()
            return True

    def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
        with self.lock:
            found = [
                (record.due_at or 0, key)
                for key, record in self.records.items()
                if key.startswith(prefix)
                and (
                    due_before is None
                    or (record.due_at is not None and record.due_at <= due_before)
                )
            ]
        keys = sorted(found) if due_before is not None else sorted((0, key) for _, key in found)
        return [key for _, key in keys[:limit]]


def play(
    sandbox: Sandbox, habit: Habit, customers: int, pairs: int, seconds: float, seed: int
) -> World:
    """``pairs`` checks of ``customers`` customers, begun within ``seconds``."""
    random = Random(seed)
    sandbox.reset()
    plan = sorted(random.random() * seconds for _ in range(pairs))
    visits = [random.lognormvariate(0, HASTE.visit_spread) * HASTE.visit_median for _ in plan]
    with ExitStack() as stack, ThreadPoolExecutor(pairs) as threads:
        make = public_sdk if habit.one_lane else relaypass_client
        shops = [stack.enter_context(make(sandbox, habit)) for _ in range(customers)]
        begin = time.monotonic()

        def check(at: float, visit: float, shop: Shop) -> None:
            sleep_until(begin + at)
            complete = shop.start()
            sleep_until(begin + at + visit)
            complete()

        chosen = [random.choice(shops) for _ in plan]
        running = [threads.submit(check, *each) for each in zip(plan, visits, chosen, strict=True)]
        wait(running)
        for each in running:
            each.result()
    return seen(sandbox, [shop.nonces for shop in shops])


def sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def seen(sandbox: Sandbox, nonces: list[dict[str, str]]) -> World:
    """The request log, and beside it the truth."""
    world = World([], {}, {})
    for place, logged in enumerate(sandbox.control("requests")["requests"]):
        customer = None
        if logged["path"] == SIGN:
            message = json.loads(logged["body"])["blinded-token"]
            number = next(it for it, known in enumerate(nonces) if message in known)
            customer, nonce = f"c{number}", nonces[number][message]
        call = read(logged, customer, "shared")
        # The log counts milliseconds. A signature's time is its name here, so no two are the same.
        call = replace(call, at=call.at + place * 1e-7)
        world.calls.append(call)
        if customer is not None:
            world.bought_by[nonce] = customer
            world.signed_at[nonce] = call.at
    return world


@contextmanager
def relaypass_client(sandbox: Sandbox, habit: Habit) -> Iterator[Shop]:
    """The Python package, with its durable verifications."""
    store = ObservedStore()
    with RelayPass(
        api_key=sandbox.api_key,
        base_url=sandbox.url,
        store=store,
        purchase_window=HASTE.window if habit.window else 0,
        idle_timeout=HASTE.idle,
    ) as client:

        def start() -> Callable[[], None]:
            verification = client.verifications.start(claim_type=CLAIM_TYPE)

            def complete() -> None:
                assert client.verifications.complete(verification.id).status == "passed"

            return complete

        yield Shop(start, store.nonces)


@contextmanager
def public_sdk(sandbox: Sandbox, habit: Habit) -> Iterator[Shop]:
    """The habits of the public SDK: create, challenge and sign at once, redeem when the visitor is
    back, all on one pool of connections."""
    nonces: dict[str, str] = {}
    with ExitStack() as stack:
        idle: list[tuple[float, HTTPConnection]] = []

        def post(path: str, body: dict[str, object], headers: dict[str, str]) -> dict[str, str]:
            while idle and (last := idle.pop()):
                if last[0] > time.monotonic():
                    connection = last[1]
                    break
            else:
                connection = HTTPConnection(sandbox.url.removeprefix("http://"), timeout=30)
                stack.callback(connection.close)
            own = {"content-type": "application/json", "key-inflection": "kebab"}
            connection.request("POST", path, json.dumps(body), own | headers)
            answer = connection.getresponse()
            parsed: dict[str, str] = json.loads(answer.read())
            assert answer.status in (200, 201), answer.status
            idle.append((time.monotonic() + HASTE.idle, connection))
            return parsed

        def start() -> Callable[[], None]:
            claim_type: dict[str, object] = {"claim-type": CLAIM_TYPE, "sandbox": True}
            relay = post(CREATE, claim_type | {"encryption-key-pem": None}, {})
            challenge = post(CHALLENGE, claim_type, {})
            spki = reference.from_base64url(challenge["token-key"])
            key, key_id = reference.PublicKey.from_spki(spki), challenge["token-key-id"]
            shown = reference.Pass(
                secrets.token_hex(32), b"", key_id, reference.from_base64url(challenge["challenge"])
            )
            r = 2 + secrets.randbelow(key.n - 2)
            salt = secrets.token_bytes(reference.SALT_LENGTH)
            blinded = reference.to_base64url(reference.blind(shown.token_input(), key, r, salt))
            nonces[blinded] = shown.nonce
            bearer = {"authorization": f"Bearer {sandbox.api_key}"}
            signed = post(SIGN, {"blinded-token": blinded, "key-id": key_id}, bearer)
            blind_signature = reference.from_base64url(signed["blind-sig"])
            signature = reference.finalize(shown.token_input(), key, r, blind_signature)
            token = replace(shown, signature=signature).encode()

            def complete() -> None:
                path = f"{CREATE}/{relay['relay-token']}/generate-claim"
                headers = {
                    "authorization": f"PrivateToken token={token}",
                    "persona-relay-secret": relay["relay-secret"],
                }
                post(path, {}, headers)

            return complete

        yield Shop(start, nonces)
