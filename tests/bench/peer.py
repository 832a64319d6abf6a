"""The peer in Python, written by hand: httpx and plain integers.

peer.py pass BITS                microseconds for blind + finalize of one pass
peer.py flows COUNT CONCURRENCY  whole flows
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import statistics
import sys
import time
from math import gcd
from pathlib import Path

import httpx
from relaypass import EncryptionKey

sys.path.insert(0, str(Path(__file__).parents[1] / "cross"))
import reference
from reference import from_base64url, to_base64url

CLAIM_TYPE = "age_over18_verified"


def random_blind(key: reference.PublicKey) -> int:
    while True:
        r = secrets.randbelow(key.n - 1) + 1
        if gcd(r, key.n) == 1:
            return r


def measure_pass(bits: int) -> None:
    key, d = generate_key(bits)
    message = secrets.token_bytes(98)
    micros = []
    for _ in range(60):
        started = time.perf_counter()
        r = random_blind(key)
        blinded = reference.blind(message, key, r, secrets.token_bytes(48))
        spent = time.perf_counter() - started
        signature = pow(int.from_bytes(blinded, "big"), d, key.n).to_bytes(key.size, "big")
        started = time.perf_counter()
        reference.finalize(message, key, r, signature)
        micros.append((spent + time.perf_counter() - started) * 1e6)
    print(json.dumps({"micros": statistics.median(micros)}))


def generate_key(bits: int) -> tuple[reference.PublicKey, int]:
    """A key and its private exponent. Made by the package: primes are not what is measured."""
    pem = EncryptionKey.generate(bits).private_key_pem
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    # PKCS#8 around PKCS#1: version, n, e, d, …
    pkcs1 = reference.children(reference.children(der)[0])[2]
    _version, n, e, d, *_primes = reference.children(reference.children(pkcs1)[0])
    number = int.from_bytes
    return reference.PublicKey(number(n, "big"), number(e, "big")), number(d, "big")


async def post(
    client: httpx.AsyncClient, path: str, body: object, headers: dict[str, str] | None = None
) -> dict[str, str]:
    response = await client.post(path, json=body, headers=headers)
    response.raise_for_status()
    answer: dict[str, str] = response.json()
    return answer


async def flow(client: httpx.AsyncClient) -> None:
    question = {"claim-type": CLAIM_TYPE, "sandbox": True}
    relays = "/api/privacy/v1/relays"
    relay = await post(client, relays, {**question, "encryption-key-pem": None})
    issued = await post(client, relays + "/challenge", question)
    key = reference.PublicKey.from_spki(from_base64url(issued["token-key"]))
    challenge = from_base64url(issued["challenge"])
    nonce = secrets.token_hex(32)
    key_id = issued["token-key-id"]
    message = reference.token_input(nonce, json.loads(challenge)["mac"], key_id)
    r = random_blind(key)
    blinded = reference.blind(message, key, r, secrets.token_bytes(48))
    signed = await post(
        client,
        "/api/v1/privacy-passes",
        {"blinded-token": to_base64url(blinded), "key-id": key_id},
        {"authorization": f"Bearer {os.environ['RELAYPASS_API_KEY']}"},
    )
    signature = reference.finalize(message, key, r, from_base64url(signed["blind-sig"]))
    token = reference.Pass(nonce, signature, key_id, challenge).encode()
    answer = await post(
        client,
        f"{relays}/{relay['relay-token']}/generate-claim",
        {},
        {
            "authorization": f"PrivateToken token={token}",
            "persona-relay-secret": relay["relay-secret"],
        },
    )
    assert json.loads(answer["claim-payload"])["claim_result"] == "passed"


async def measure_flows(count: int, concurrency: int) -> None:
    async def worker(client: httpx.AsyncClient, jobs: list[int]) -> None:
        while jobs:
            jobs.pop()
            await flow(client)

    async with httpx.AsyncClient(base_url=os.environ["RELAYPASS_BASE_URL"], timeout=60) as client:
        # The first round warms up.
        for _ in range(2):
            jobs = list(range(count))
            started, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*(worker(client, jobs) for _ in range(concurrency)))
            seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"flows": count, "seconds": seconds, "cpu_seconds": cpu}))


if sys.argv[1] == "pass":
    measure_pass(int(sys.argv[2]))
else:
    asyncio.run(measure_flows(int(sys.argv[2]), int(sys.argv[3])))
