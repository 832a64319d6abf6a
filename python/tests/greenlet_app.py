"""A server whose workers are greenlets: what test_greenlets.py has gunicorn run.

`/verify` does one verification with a store in Python; `/report` says what was noticed meanwhile.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from support import CLAIM_TYPE, DictStore

import relaypass

HUB = threading.get_native_id()


class Pool:
    """What a hub's greenlets share, as pools of connections are, and no other thread may use."""

    def __init__(self) -> None:
        self.free: queue.Queue[int] = queue.Queue()
        self.free.put(1)
        self.lock = threading.Lock()
        self.threads: set[int] = set()
        self.most_at_once = 0
        self.at_once = 0

    def use(self) -> None:
        self.threads.add(threading.get_native_id())
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        connection = self.free.get()
        with self.lock:
            time.sleep(0)
        self.free.put(connection)
        self.at_once -= 1


class Store(DictStore):
    def load(self, key: str) -> relaypass.StoreRecord | None:
        pool.use()
        return super().load(key)

    def compare_and_swap(
        self, key: str, expected: int | None, new: relaypass.StoreRecord | None
    ) -> bool:
        pool.use()
        return super().compare_and_swap(key, expected, new)


class Heart:
    """A greenlet that beats; what blocks the hub makes it pause."""

    def __init__(self) -> None:
        self.longest_pause = 0.0
        self.before = time.monotonic()
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while True:
            time.sleep(0.01)
            now = time.monotonic()
            self.longest_pause = max(self.longest_pause, now - self.before)
            self.before = now


def listen(_: relaypass.Event) -> None:
    told.append(threading.get_native_id())


told: list[int] = []
pool = Pool()
client = relaypass.RelayPass(
    api_key=os.environ["RELAYPASS_API_KEY"],
    base_url=os.environ["RELAYPASS_BASE_URL"],
    store=Store(),
    on_event=listen,
)
heart = Heart()


def verify() -> str:
    started = client.verifications.start(claim_type=CLAIM_TYPE)
    return client.verifications.complete(started.id).status


def report() -> dict[str, Any]:
    return {
        "longest_pause": heart.longest_pause,
        "most_at_once": pool.most_at_once,
        "store_in_other_threads": sorted(pool.threads - {HUB}),
        "events": len(told),
        "events_in_other_threads": sorted(set(told) - {HUB}),
    }


def app(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    answer = verify() if environ["PATH_INFO"] == "/verify" else report()
    start_response("200 OK", [("content-type", "application/json")])
    return [json.dumps(answer).encode()]
