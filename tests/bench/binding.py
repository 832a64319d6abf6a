"""What a call of the Python package costs that returns at once (`passes.count`), as JSON.

binding.py          a call that is waited for
binding.py asyncio  a call that is awaited
"""

import asyncio
import json
import os
import sys
import time

from relaypass import AsyncRelayPass, RelayPass

OPTIONS = {
    "api_key": os.environ["RELAYPASS_API_KEY"],
    "base_url": os.environ["RELAYPASS_BASE_URL"],
    "store": "memory:",
}
CLAIM_TYPE = "age_over18_verified"
ROUNDS = 20_000


def wait() -> float:
    """The way of every synchronous call: into Rust, onto the runtime if it waits, and back."""
    with RelayPass(**OPTIONS) as client:
        for _ in range(ROUNDS):
            client.passes.count(claim_type=CLAIM_TYPE)
        started = time.perf_counter()
        for _ in range(ROUNDS):
            client.passes.count(claim_type=CLAIM_TYPE)
        return time.perf_counter() - started


async def wait_in_asyncio() -> float:
    """The way of every awaited call: onto the runtime, and through the messenger to the loop."""
    async with AsyncRelayPass(**OPTIONS) as client:
        for _ in range(ROUNDS):
            await client.passes.count(claim_type=CLAIM_TYPE)
        started = time.perf_counter()
        for _ in range(ROUNDS):
            await client.passes.count(claim_type=CLAIM_TYPE)
        return time.perf_counter() - started


taken = asyncio.run(wait_in_asyncio()) if sys.argv[1:] == ["asyncio"] else wait()
print(json.dumps({"micros": taken / ROUNDS * 1e6}))
