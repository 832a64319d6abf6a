"""The interpreter ends, whatever is under way: in time, in silence, without a crash."""

from __future__ import annotations

import time

import pytest
from support import Sandbox, SilentServer, run_script

BEGIN = """
import asyncio, sys, threading, time, relaypass
url = sys.argv[1]
client = relaypass.RelayPass(base_url=url)
async_client = relaypass.AsyncRelayPass(base_url=url)

def start(work):
    threading.Thread(target=work, daemon=True).start()

def call():
    client.relays.create(claim_type="age_over18_verified")

async def call_many():
    await asyncio.gather(
        *[async_client.relays.create(claim_type="age_over18_verified") for _ in range(10)],
        return_exceptions=True,
    )

class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(1)
# Taken down late, while the interpreter ends: calls come back at the worst moment.
sys.modules["slow"] = Slow()
"""

IN_FLIGHT = {
    "sync": "for _ in range(5): start(call)",
    "asyncio": "start(lambda: asyncio.run(call_many()))",
    "both": "for _ in range(5): start(call)\nstart(lambda: asyncio.run(call_many()))",
    "none": "",
}


@pytest.mark.parametrize("in_flight", IN_FLIGHT.values(), ids=IN_FLIGHT.keys())
def test_exit_while_no_answer_comes(in_flight: str, silent_server: SilentServer) -> None:
    started = time.monotonic()
    run_script(BEGIN + in_flight + "\ntime.sleep(0.3)", silent_server.url)
    assert silent_server.opened.acquire(blocking=False) == bool(in_flight)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("delay", [350, 700, 1100])
@pytest.mark.parametrize("in_flight", IN_FLIGHT.values(), ids=IN_FLIGHT.keys())
def test_exit_while_answers_come(in_flight: str, delay: int, sandbox: Sandbox) -> None:
    sandbox.fault("create", "delay", milliseconds=delay, times=20)
    run_script(BEGIN + in_flight + "\ntime.sleep(0.3)", sandbox.url)


def test_a_call_in_an_exit_function_works(sandbox: Sandbox) -> None:
    # Registered before relaypass is imported, and so called after our own exit function.
    script = """
        import atexit, sys
        def at_exit():
            print(bool(client.relays.create(claim_type="age_over18_verified").relay_token))
            call = async_client.relays.create(claim_type="age_over18_verified")
            try:
                asyncio.run(call)
            except RuntimeError as error:
                print(error)
        atexit.register(at_exit)
        import asyncio, relaypass
        client = relaypass.RelayPass(base_url=sys.argv[1])
        async_client = relaypass.AsyncRelayPass(base_url=sys.argv[1])
        client.relays.create(claim_type="age_over18_verified")
    """
    said = "the interpreter is exiting; asyncio calls are no longer possible"
    assert run_script(script, sandbox.url) == f"True\n{said}\n"


STORES = """
import asyncio, sys, threading, time, relaypass
ID = "00000000-0000-4000-8000-000000000000"

class Waits:
    # Its methods take a while, in Python and outside of it.
    def load(self, key):
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            time.sleep(0.01)
            sum(range(1000))
    compare_and_swap = scan = load

class Awaits:
    async def load(self, key):
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            await asyncio.sleep(0.01)
            sum(range(1000))
    compare_and_swap = scan = load

def call(store):
    while True:
        try:
            relaypass.RelayPass(store=store).verifications.get(ID)
        except relaypass.NotFoundError:
            pass

async def call_many(store):
    client = relaypass.AsyncRelayPass(store=store)
    while True:
        await asyncio.gather(
            *[client.verifications.get(ID) for _ in range(10)], return_exceptions=True
        )

class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(0.5)
sys.modules["slow"] = Slow()

for store in [Waits(), Awaits()]:
    threading.Thread(target=call, args=(store,), daemon=True).start()
    threading.Thread(
        target=lambda store=store: asyncio.run(call_many(store)), daemon=True
    ).start()
time.sleep(0.3)
"""


@pytest.mark.parametrize("wait", [0, 0.05, 60])
def test_exit_while_stores_are_called(wait: float) -> None:
    started = time.monotonic()
    run_script(f"WAIT = {wait}\n{STORES}")
    assert time.monotonic() - started < 8


def test_a_store_is_called_in_an_exit_function() -> None:
    script = """
        import atexit, relaypass
        class Store:
            def load(self, key):
                return None
            compare_and_swap = scan = load
        client = relaypass.RelayPass(store=Store())
        def get():
            try:
                client.verifications.get("00000000-0000-4000-8000-000000000000")
            except relaypass.NotFoundError:
                print("called")
        atexit.register(get)
        get()
    """
    assert run_script(script) == "called\ncalled\n"


def test_a_store_that_is_called_too_late_says_so_at_once() -> None:
    # Registered before relaypass is imported, and so called after our own exit function.
    script = """
        import atexit
        def at_exit():
            try:
                client.verifications.get("00000000-0000-4000-8000-000000000000")
            except relaypass.StoreError as error:
                print(error)
        atexit.register(at_exit)
        import relaypass
        class Store:
            load = compare_and_swap = scan = print
        client = relaypass.RelayPass(store=Store())
    """
    started = time.monotonic()
    said = "The interpreter is exiting; its stores can no longer be called."
    assert run_script(script) == f"verifications.get: {said} [store]\n"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("attempt", range(3))
def test_exit_while_threads_raise_our_exceptions(attempt: int) -> None:
    script = """
        import threading, time, relaypass
        def fail():
            while True:
                try:
                    relaypass.open_claim(claim_payload="not json")
                except relaypass.ProtocolError:
                    pass
        for _ in range(2):
            threading.Thread(target=fail, daemon=True).start()
        time.sleep(0.25)
    """
    run_script(script)


def test_importing_starts_no_thread() -> None:
    script = """
        import os, relaypass
        relaypass.RelayPass(api_key="persona_sandbox_x")
        class Store:
            load = compare_and_swap = scan = print
        relaypass.RelayPass(store=Store(), on_event=print)
        print(len(os.listdir("/proc/self/task")))
    """
    assert run_script(script) == "1\n"
