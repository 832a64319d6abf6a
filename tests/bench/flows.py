"""Whole flows with the Python package. Usage: flows.py COUNT CONCURRENCY WARMUP; prints JSON."""

import asyncio
import json
import os
import sys
import time

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


async def main() -> None:
    count, concurrency, warmup = map(int, sys.argv[1:])
    url, key = os.environ["RELAYPASS_BASE_URL"], os.environ["RELAYPASS_API_KEY"]
    async with relaypass.AsyncRelayPass(api_key=key, base_url=url) as client:
        for flows in (warmup, count):
            jobs = list(range(flows))
            started, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*(worker(client, jobs) for _ in range(concurrency)))
            seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"flows": count, "seconds": seconds, "cpu_seconds": cpu}))


asyncio.run(main())
