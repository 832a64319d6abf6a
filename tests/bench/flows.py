"""Whole flows with the Python package. Usage: flows.py COUNT CONCURRENCY WARMUP [stalls]; prints JSON.

With stalls, stall_ms: the longest time in which the event loop did not get to a timer that was due; idle_stall_ms
the same in a second without flows, which is the machine's part of it.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable

import relaypass


async def worker(client: relaypass.AsyncRelayPass, jobs: list[int]) -> None:
    while jobs:
        jobs.pop()
        relay = await client.relays.create(claim_type="age_over18_verified")
        issued = await client.relays.issue_privacy_pass(claim_type="age_over18_verified")
        answer = await client.relays.generate_claim(
            relay_token=relay.relay_token,
            relay_secret=relay.relay_secret,
            privacy_pass_token=issued.privacy_pass_token,
        )
        assert answer.claim is not None and answer.claim.passed


class Watch:
    """Asks for a timer each millisecond."""

    def __init__(self) -> None:
        self.worst = 0.0

    async def look(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            self.worst = max(self.worst, time.perf_counter() - began - 0.001)


async def worst_stall(work: Awaitable[object]) -> float:
    """Milliseconds."""
    watch = Watch()
    looking = asyncio.create_task(watch.look())
    try:
        await work
    finally:
        looking.cancel()
    return 1000 * watch.worst


async def main() -> None:
    count, concurrency, warmup = map(int, sys.argv[1:4])
    looks_for_stalls = sys.argv[4:] == ["stalls"]
    url, key = os.environ["RELAYPASS_BASE_URL"], os.environ["RELAYPASS_API_KEY"]
    stalls = {}
    async with relaypass.AsyncRelayPass(api_key=key, base_url=url) as client:
        for flows in (warmup, count):
            jobs = list(range(flows))
            workers = asyncio.gather(*(worker(client, jobs) for _ in range(concurrency)))
            started, cpu = time.perf_counter(), time.process_time()
            if looks_for_stalls:
                stalls["stall_ms"] = await worst_stall(workers)
            else:
                await workers
            seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    if looks_for_stalls:
        stalls["idle_stall_ms"] = await worst_stall(asyncio.sleep(1))
    print(json.dumps({"flows": count, "seconds": seconds, "cpu_seconds": cpu, **stalls}))


asyncio.run(main())
