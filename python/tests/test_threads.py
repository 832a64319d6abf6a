"""Threads share a client, and go on while one of them waits."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

from support import CLAIM_TYPE, Sandbox, run_sandbox, run_script

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


OTHERS_RUN = """
import sys, threading, time, relaypass
arguments = sys.argv[1:]
# Another thread runs only when this one lets go of Python's lock.
sys.setswitchinterval(1000)
beats = 0
def beat():
    global beats
    while True:
        beats += 1
        time.sleep(0)
threading.Thread(target=beat, daemon=True).start()
time.sleep(0.1)
def others_run(work):
    before = beats
    try:
        work()
    except relaypass.RelayPassError:
        pass
    return beats > before
"""


def test_other_threads_go_on_while_a_key_is_read_and_a_claim_opened() -> None:
    pem = relaypass.EncryptionKey.generate(bits=4096).private_key_pem
    code = """
works = [
    lambda: relaypass.EncryptionKey.from_pem(arguments[0]),
    lambda: relaypass.open_claim(claim_payload="{}", decryption_key=arguments[0]),
    lambda: relaypass.EncryptionKey.generate(),
]
print([any(others_run(work) for _ in range(20)) for work in works])
"""
    assert run_script(OTHERS_RUN + code, pem, timeout=60) == "[True, True, True]\n"


def test_other_threads_go_on_while_a_client_is_made() -> None:
    with run_sandbox("--tls") as sandbox:
        assert sandbox.ca_pem is not None
        code = """
trusted = arguments[0] * 500
print(any(others_run(lambda: relaypass.RelayPass(ca_pem=trusted)) for _ in range(20)))
"""
        assert run_script(OTHERS_RUN + code, sandbox.ca_pem) == "True\n"


def test_other_threads_go_on_while_a_client_ends_and_its_database_is_closed(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    code = """
url, key, folder = arguments
clients = []
for number in range(5):
    store = f"sqlite:///{folder.lstrip('/')}/{number}.sqlite"
    client = relaypass.RelayPass(base_url=url, api_key=key, store=store)
    for _ in range(5):
        started = client.verifications.start(claim_type="age_over18_verified")
        assert client.verifications.complete(started.id).status == "passed"
    clients.append(client)
del client
print(any([others_run(clients.pop) for _ in range(5)]))
"""
    arguments = (sandbox.url, sandbox.api_key, str(tmp_path))
    assert run_script(OTHERS_RUN + code, *arguments, timeout=60) == "True\n"


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
