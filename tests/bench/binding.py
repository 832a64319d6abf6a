"""What a call of the Python package costs that returns at once. Prints JSON."""

import json
import os
import time

from relaypass import RelayPass

client = RelayPass(
    api_key=os.environ["RELAYPASS_API_KEY"], base_url=os.environ["RELAYPASS_BASE_URL"]
)


def call() -> None:
    """The way of every synchronous call: into Rust, onto the runtime, and back."""
    client._native.noop().wait()


rounds = 20_000
for _ in range(rounds):
    call()
started = time.perf_counter()
for _ in range(rounds):
    call()
print(json.dumps({"micros": (time.perf_counter() - started) / rounds * 1e6}))
