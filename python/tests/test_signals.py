"""Ctrl-C ends a call that waits."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from support import Sandbox, SilentServer, run_script, start_script

import relaypass

SYNC = """
    import sys, relaypass
    client = relaypass.RelayPass(base_url=sys.argv[1])
    try:
        client.relays.create(claim_type="a")
    except KeyboardInterrupt:
        print("interrupted")
"""

ASYNC = """
    import asyncio, sys, relaypass
    async def main():
        async with relaypass.AsyncRelayPass(base_url=sys.argv[1]) as client:
            await client.relays.create(claim_type="a")
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("interrupted")
"""


def interrupt(script: str, server: SilentServer) -> float:
    """How long it takes from Ctrl-C to the end of the process."""
    with start_script(script, server.url) as process:
        assert server.opened.acquire(timeout=10)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        output, errors = process.communicate(timeout=10)
        took = time.monotonic() - started
    assert (process.returncode, output, errors) == (0, "interrupted\n", "")
    return took


def test_ctrl_c_ends_a_waiting_call(silent_server: SilentServer) -> None:
    # The call would have waited for ten seconds; a busy machine may take a while to end.
    assert interrupt(SYNC, silent_server) < 5


def test_ctrl_c_ends_an_awaited_call(silent_server: SilentServer) -> None:
    assert interrupt(ASYNC, silent_server) < 5


def test_the_call_hears_ctrl_c_within_half_a_second_and_drops_its_connection(
    silent_server: SilentServer,
) -> None:
    script = """
        import signal, sys, time, relaypass
        def remember(*_):
            global heard
            heard = time.monotonic()
            raise KeyboardInterrupt
        signal.signal(signal.SIGALRM, remember)
        client = relaypass.RelayPass(base_url=sys.argv[1])
        signal.setitimer(signal.ITIMER_REAL, 0.35)
        started = time.monotonic()
        try:
            client.relays.create(claim_type="a")
        except KeyboardInterrupt:
            print(heard - started - 0.35)
        sys.stdin.read()
    """
    with start_script(script, silent_server.url, stdin=subprocess.PIPE) as process:
        # The process still runs, and its connection is gone.
        assert silent_server.closed.acquire(timeout=10)
        assert process.poll() is None
        output, errors = process.communicate(timeout=10)
    assert errors == ""
    # 100 ms for us, the rest for a busy machine.
    assert float(output) <= 0.5


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counted by Linux only")
def test_a_call_in_another_thread_sleeps_until_its_answer_comes(
    silent_server: SilentServer,
) -> None:
    def call() -> None:
        client = relaypass.RelayPass(base_url=silent_server.url, retries=0)
        with pytest.raises(relaypass.RequestTimeoutError):
            client.relays.create(claim_type="a", timeout=3)

    thread = threading.Thread(target=call)
    thread.start()
    assert silent_server.opened.acquire(timeout=10)
    time.sleep(0.5)
    assert thread.native_id is not None
    before = switches(thread.native_id)
    time.sleep(1.5)
    assert switches(thread.native_id) - before <= 1
    thread.join()


def switches(thread: int) -> int:
    """How often a thread of this process went to sleep."""
    status = Path(f"/proc/self/task/{thread}/status").read_text()
    return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])


def test_ctrl_c_ends_a_call_of_the_main_thread_beside_those_of_others(
    silent_server: SilentServer,
) -> None:
    script = """
        import sys, threading, relaypass
        client = relaypass.RelayPass(base_url=sys.argv[1], retries=0)
        def call():
            client.relays.create(claim_type="a")
        threading.Thread(target=call, daemon=True).start()
        try:
            client.relays.create(claim_type="a")
        except KeyboardInterrupt:
            print("interrupted")
    """
    with start_script(script, silent_server.url) as process:
        assert silent_server.opened.acquire(timeout=10)
        assert silent_server.opened.acquire(timeout=10)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        output, errors = process.communicate(timeout=10)
    assert (process.returncode, output, errors) == (0, "interrupted\n", "")
    assert time.monotonic() - started < 5


def test_ctrl_c_ends_a_call_of_a_child_that_another_thread_forked(
    silent_server: SilentServer,
) -> None:
    # There, Python handles signals in the thread that forked.
    script = """
        import os, sys, threading, warnings, relaypass
        warnings.simplefilter("ignore")
        client = relaypass.RelayPass(base_url=sys.argv[1], retries=0)
        def fork():
            try:
                client.relays.create(claim_type="a", timeout=0.1)
            except relaypass.RequestTimeoutError:
                pass
            child = os.fork()
            if child == 0:
                try:
                    client.relays.create(claim_type="a")
                except KeyboardInterrupt:
                    os._exit(7)
                os._exit(8)
            print(child, flush=True)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
    """
    with start_script(script, silent_server.url) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert silent_server.opened.acquire(timeout=10)
        assert silent_server.opened.acquire(timeout=10)
        os.kill(child, signal.SIGINT)
        started = time.monotonic()
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (0, "7\n", "")
    assert time.monotonic() - started < 5


def test_a_signal_handler_may_call_and_the_waiting_call_goes_on(
    silent_server: SilentServer,
) -> None:
    script = """
        import signal, sys, relaypass
        client = relaypass.RelayPass(base_url=sys.argv[1], retries=0)
        def call(*_):
            try:
                client.relays.create(claim_type="inner", timeout=0.1)
            except relaypass.RequestTimeoutError:
                print("inner")
        signal.signal(signal.SIGALRM, call)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            client.relays.create(claim_type="outer", timeout=1)
        except relaypass.RequestTimeoutError:
            print("outer")
    """
    with start_script(script, silent_server.url) as process:
        output, errors = process.communicate(timeout=10)
    assert (output, errors) == ("inner\nouter\n", "")


def test_a_handler_that_raises_while_the_answer_comes_leaves_a_client_that_works(
    sandbox: Sandbox,
) -> None:
    sandbox.fault("create", "delay", milliseconds=500)
    script = """
        import signal, sys, time, relaypass
        client = relaypass.RelayPass(base_url=sys.argv[1], retries=0)
        def linger(*_):
            time.sleep(1)
            raise KeyboardInterrupt
        signal.signal(signal.SIGALRM, linger)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        try:
            client.relays.create(claim_type="age_over18_verified")
        except KeyboardInterrupt:
            print("interrupted")
        print(bool(client.relays.create(claim_type="age_over18_verified").relay_token))
    """
    assert run_script(script, sandbox.url) == "interrupted\nTrue\n"


IN_STORE = """
    import asyncio, sys, threading, time, relaypass
    class Waits:
        def load(self, key):
            print("begun", flush=True)
            time.sleep(10)
        compare_and_swap = scan = load
    class Awaits:
        async def load(self, key):
            print("begun", flush=True)
            await asyncio.sleep(10)
        compare_and_swap = scan = load
    ID = "00000000-0000-4000-8000-000000000000"
    async def main():
        async with relaypass.AsyncRelayPass(store=store) as client:
            await client.verifications.get(ID)
    store = Waits() if "sync" in sys.argv else Awaits()
    try:
        if "waited" in sys.argv:
            relaypass.RelayPass(store=store).verifications.get(ID)
        else:
            asyncio.run(main())
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.parametrize("call", ["waited", "awaited"])
@pytest.mark.parametrize("store", ["sync", "async"])
def test_ctrl_c_ends_a_call_whose_store_waits(call: str, store: str) -> None:
    with start_script(IN_STORE, call, store) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        output, errors = process.communicate(timeout=10)
        took = time.monotonic() - started
    assert (process.returncode, output, errors) == (0, "interrupted\n", "")
    assert took < 5


def test_a_signal_handler_may_use_the_store_while_a_call_waits_for_it() -> None:
    script = """
        import signal, time, relaypass
        ID = "00000000-0000-4000-8000-000000000000"
        class Store:
            def load(self, key):
                time.sleep(0.3)
            compare_and_swap = scan = load
        client = relaypass.RelayPass(store=Store())
        def get(name):
            try:
                client.verifications.get(ID)
            except relaypass.NotFoundError:
                print(name)
        signal.signal(signal.SIGALRM, lambda *_: get("inner"))
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        get("outer")
    """
    assert run_script(script) == "inner\nouter\n"
