"""What a store in Python adds to a call of it. Prints JSON: microseconds for each store."""

import json
import os
import time
from typing import Any

from relaypass import RelayPass, StoreRecord


class DictStore:
    """As little work of its own as can be."""

    def __init__(self) -> None:
        self.records: dict[str, StoreRecord] = {}

    def load(self, key: str) -> StoreRecord | None:
        return self.records.get(key)

    def compare_and_swap(self, key: str, expected: int | None, new: StoreRecord | None) -> bool:
        there = self.records.get(key)
        if (None if there is None else there.version) != expected:
            return False
        if new is None:
            del self.records[key]
        else:
            self.records[key] = new
        return True

    def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
        return []


def micros(store: Any) -> float:
    client = RelayPass(
        api_key=os.environ["RELAYPASS_API_KEY"],
        base_url=os.environ["RELAYPASS_BASE_URL"],
        store=store,
    )
    started = client.verifications.start(claim_type="age_over18_verified")
    assert client.verifications.complete(started.id).status == "passed"
    rounds = 20_000
    for _ in range(rounds):
        client.verifications.get(started.id)
    began = time.perf_counter()
    for _ in range(rounds):
        client.verifications.get(started.id)
    return (time.perf_counter() - began) / rounds * 1e6


print(json.dumps({"builtin": micros("memory:"), "host": micros(DictStore())}))
