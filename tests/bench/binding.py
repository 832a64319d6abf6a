"""What a call of the Python package costs that returns at once (closing a closed client), as JSON.

binding.py          a call that is waited for
binding.py asyncio  a call that is awaited
"""

import asyncio
import json
import os
import sys
import time

from relaypass import RelayPass
from relaypass.outcomes import awaited

client = RelayPass(
    api_key=os.environ["RELAYPASS_API_KEY"], base_url=os.environ["RELAYPASS_BASE_URL"]
)


def wait(rounds: int) -> None:
    """The way of every synchronous call: into Rust, onto the runtime, and back."""
    for _ in range(rounds):
        client._native.close().wait()


async def wait_in_asyncio(rounds: int) -> None:
    """The way of every awaited call: onto the runtime, and through the messenger to the loop."""
    for _ in range(rounds):
        await awaited(client._native.close())


def call(rounds: int) -> None:
    if sys.argv[1:] == ["asyncio"]:
        asyncio.run(wait_in_asyncio(rounds))
    else:
        wait(rounds)


ROUNDS = 20_000
call(ROUNDS)
started = time.perf_counter()
call(ROUNDS)
print(json.dumps({"micros": (time.perf_counter() - started) / ROUNDS * 1e6}))
