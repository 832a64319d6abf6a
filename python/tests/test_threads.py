"""Threads share a client, and go on while one of them waits."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from support import CLAIM_TYPE, Sandbox

import relaypass


def test_other_threads_go_on_while_one_waits(sandbox: Sandbox, client: relaypass.RelayPass) -> None:
    sandbox.fault("create", "delay", milliseconds=500)
    beats: list[float] = []
    done = threading.Event()

    def beat() -> None:
        while not done.wait(0.005):
            beats.append(time.monotonic())

    heart = threading.Thread(target=beat)
    heart.start()
    started = time.monotonic()
    client.relays.create(claim_type=CLAIM_TYPE)
    ended = time.monotonic()
    done.set()
    heart.join()
    assert ended - started >= 0.5
    during = [started, *(beat for beat in beats if started < beat < ended), ended]
    longest_pause = max(after - before for before, after in pairwise(during))
    assert longest_pause < 0.3, longest_pause


def test_other_threads_go_on_while_a_key_is_generated() -> None:
    beats = 0
    done = threading.Event()

    def generate() -> None:
        relaypass.EncryptionKey.generate(bits=4096)
        done.set()

    thread = threading.Thread(target=generate)
    thread.start()
    while not done.wait(0.005):
        beats += 1
    thread.join()
    assert beats > 3


def test_many_threads_share_a_client(sandbox: Sandbox, client: relaypass.RelayPass) -> None:
    def flow(_: int) -> bool:
        relay = client.relays.create(claim_type=CLAIM_TYPE)
        ticket = client.relays.issue_privacy_pass(claim_type=CLAIM_TYPE)
        answer = client.relays.generate_claim(
            relay_token=relay.relay_token,
            relay_secret=relay.relay_secret,
            privacy_pass_token=ticket.privacy_pass_token,
        )
        return answer.claim is not None and answer.claim.passed

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(flow, range(64)))
    assert sandbox.control("ledger")["redeemed"] == 64


def test_a_client_may_be_closed_while_others_call(
    sandbox: Sandbox, client: relaypass.RelayPass
) -> None:
    sandbox.fault("create", "delay", milliseconds=300)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.relays.create, claim_type=CLAIM_TYPE)
        while not sandbox.control("requests")["requests"] and not waiting.done():
            time.sleep(0.01)
        client.close()
        assert waiting.result().relay_token
