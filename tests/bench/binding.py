"""What a call of the Python package costs that returns at once. Prints JSON."""

import json
import os
import time

from relaypass import RelayPass

client = relaypass.RelayPass(
    api_key=os.environ["RELAYPASS_API_KEY"], base_url=os.environ["RELAYPASS_BASE_URL"]
)
noop = relaypass.client._noop(client)  # noqa: SLF001
for _ in range(1000):
    noop()
rounds = 20_000
started = time.perf_counter()
for _ in range(rounds):
    noop()
print(json.dumps({"micros": (time.perf_counter() - started) / rounds * 1e6}))
