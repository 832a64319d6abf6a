"""After fork, the child works: it never hangs on what only its parent has."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support import Sandbox, run_script

BEGIN = """
import asyncio, multiprocessing, os, sys, threading, warnings, relaypass
# Python 3.12 and later rightly say that a fork among threads is dangerous.
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
url, key = sys.argv[1:]
client = relaypass.RelayPass(api_key=key, base_url=url)
ID = "00000000-0000-4000-8000-000000000000"

class Store:
    # Every process has a copy of its own.
    def __init__(self):
        self.records = {}
    def load(self, name):
        return self.records.get(name)
    def compare_and_swap(self, name, expected, new):
        there = self.records.get(name)
        if (there and there.version) != expected:
            return False
        self.records.pop(name, None)
        if new is not None:
            self.records[name] = new
        return True
    def scan(self, prefix, due_before, limit):
        return []

class AsyncStore(Store):
    async def load(self, name):
        await asyncio.sleep(0)
        return super().load(name)
    async def compare_and_swap(self, name, expected, new):
        await asyncio.sleep(0)
        return super().compare_and_swap(name, expected, new)

keeping = [
    relaypass.RelayPass(api_key=key, base_url=url, store=store, on_event=lambda event: None)
    for store in (Store(), AsyncStore())
]

def verify():
    for client in keeping:
        started = client.verifications.start(claim_type="age_over18_verified")
        assert client.verifications.complete(started.id).status == "passed"

async def async_verify():
    async with relaypass.AsyncRelayPass(api_key=key, base_url=url, store=AsyncStore()) as client:
        started = await client.verifications.start(claim_type="age_over18_verified")
        assert (await client.verifications.complete(started.id)).status == "passed"

def flow(client=client):
    relay = client.relays.create(claim_type="age_over18_verified")
    ticket = client.relays.issue_privacy_pass(claim_type="age_over18_verified")
    answer = client.relays.generate_claim(
        relay_token=relay.relay_token,
        relay_secret=relay.relay_secret,
        privacy_pass_token=ticket.privacy_pass_token,
    )
    assert answer.claim.passed
    return os.getpid()

async def async_flow():
    async with relaypass.AsyncRelayPass(api_key=key, base_url=url) as client:
        await client.relays.create(claim_type="age_over18_verified")

def in_child(work):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid

def slow_down():
    import json, urllib.request
    fault = {"step": "create", "fault": "delay", "milliseconds": 500}
    request = urllib.request.Request(
        f"{url}/_sandbox/faults",
        data=json.dumps({"faults": [fault]}).encode(),
        headers={"content-type": "application/json"},
    )
    urllib.request.urlopen(request).close()

def ended_well(pid):
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status
"""

SCRIPTS = {
    "a used client in the child, and again in the parent": """
        flow()
        ended_well(in_child(flow))
        flow()
    """,
    "a client first used in the child": """
        ended_well(in_child(flow))
        flow()
    """,
    "a grandchild": """
        flow()
        ended_well(in_child(lambda: (flow(), ended_well(in_child(flow)))))
    """,
    "asyncio in both": """
        asyncio.run(async_flow())
        ended_well(in_child(lambda: asyncio.run(async_flow())))
        asyncio.run(async_flow())
    """,
    "multiprocessing": """
        flow()
        context = multiprocessing.get_context("fork")
        with context.Pool(3) as pool:
            pids = {result.get(20) for result in [pool.apply_async(flow) for _ in range(6)]}
        assert os.getpid() not in pids
    """,
    "a fork while other threads call": """
        stop = threading.Event()
        def call():
            while not stop.is_set():
                flow()
        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(15):
            ended_well(in_child(flow))
        stop.set()
        for thread in threads:
            thread.join()
    """,
    "a fork in the middle of asyncio": """
        async def main():
            async with relaypass.AsyncRelayPass(api_key=key, base_url=url) as client:
                calls = asyncio.gather(*[
                    client.relays.create(claim_type="age_over18_verified") for _ in range(30)
                ])
                for _ in range(10):
                    ended_well(in_child(flow))
                    await asyncio.sleep(0.001)
                await calls
        asyncio.run(main())
    """,
    "a child that cancels and drops what its parent began": """
        async def main():
            client = relaypass.AsyncRelayPass(api_key=key, base_url=url)
            future = await_later(client)
            await asyncio.sleep(0)
            def child():
                future.cancel()
                flow()
            ended_well(in_child(child))
            await future
        def await_later(client):
            return asyncio.ensure_future(client.relays.create(claim_type="age_over18_verified"))
        asyncio.run(main())
    """,
    "gunicorn with preload: made and used in the parent, served by threads of the workers": """
        flow()
        def worker():
            threads = [threading.Thread(target=flow) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            asyncio.run(async_flow())
            client.close()
        workers = [in_child(worker) for _ in range(3)]
        for pid in workers:
            ended_well(pid)
    """,
    "a signal handler that forks during a call": """
        import signal, socket
        silent = socket.create_server(("127.0.0.1", 0))
        waiting = relaypass.RelayPass(
            base_url=f"http://127.0.0.1:{silent.getsockname()[1]}", retries=0
        )
        def handler(*_):
            global pid
            pid = os.fork()
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            waiting.relays.create(claim_type="age_over18_verified", timeout=1)
        except relaypass.RequestTimeoutError:
            assert pid != 0
        except RuntimeError as error:
            assert pid == 0 and "forked" in str(error)
            flow()
            os._exit(0)
        ended_well(pid)
    """,
    "a signal handler that forks during a call, and whose child leaves by an exception": """
        import signal
        waiting = relaypass.RelayPass(base_url=url, retries=0)
        def handler(*_):
            global pid
            pid = os.fork()
            if pid == 0:
                sys.exit(0)
        signal.signal(signal.SIGALRM, handler)
        slow_down()
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            assert waiting.relays.create(claim_type="age_over18_verified").relay_token
        except SystemExit:
            assert pid == 0
            flow()
            raise
        ended_well(pid)
        assert waiting.relays.create(claim_type="age_over18_verified").relay_token
    """,
    "a call that was prepared before the fork, and made in the child": """
        from relaypass.outcomes import waited
        flow()
        call = client._native.create(claim_type="age_over18_verified")
        ended_well(in_child(lambda: waited(call)))
        flow()
    """,
    "stores used in the child, and again in the parent": """
        verify()
        ended_well(in_child(verify))
        asyncio.run(async_verify())
        ended_well(in_child(lambda: (asyncio.run(async_verify()), verify())))
        verify()
        asyncio.run(async_verify())
    """,
    "stores first used in the child": """
        ended_well(in_child(verify))
        verify()
    """,
    "a fork while other threads call stores": """
        stop = threading.Event()
        def call():
            while not stop.is_set():
                verify()
        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(15):
            ended_well(in_child(verify))
        stop.set()
        for thread in threads:
            thread.join()
    """,
    "a store that forks, and whose child goes on": """
        class Forks(Store):
            def load(self, name):
                ended_well(in_child(verify))
                return None
        try:
            relaypass.RelayPass(store=Forks()).verifications.get(ID)
        except relaypass.NotFoundError:
            verify()
        else:
            raise AssertionError
    """,
    "a child that leaves a store's method by returning": """
        class Forks(Store):
            def load(self, name):
                global pid
                pid = os.fork()
                if pid == 0:
                    # This thread is the child's only one: it ends, and so does the process.
                    threading.Timer(0.2, os._exit, [0]).start()
                return None
        try:
            relaypass.RelayPass(store=Forks()).verifications.get(ID)
        except relaypass.NotFoundError:
            ended_well(pid)
            verify()
    """,
    "an error of a store that the child drops": """
        class Breaks(Store):
            def load(self, name):
                raise OSError
        call = relaypass.RelayPass(store=Breaks())
        from relaypass.outcomes import opened
        connection = call._connection
        caller = connection._callbacks.caller()
        outcome = connection.native.get_verification(id=ID).wait(caller)
        def child():
            global outcome, call, connection
            del outcome, call, connection
            verify()
        ended_well(in_child(child))
        try:
            opened(outcome)
        except relaypass.StoreError as error:
            assert type(error.__cause__) is OSError
    """,
    "a child that exits as Python does": """
        verify()
        flow()
        asyncio.run(async_flow())
        pid = os.fork()
        if pid == 0:
            flow()
            verify()
            asyncio.run(async_flow())
            sys.exit(0)
        ended_well(pid)
    """,
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_fork(script: str, sandbox: Sandbox) -> None:
    run_script(BEGIN + textwrap.dedent(script), sandbox.url, sandbox.api_key, timeout=30)


# The number of `clone`.
CLONE = {("linux", "x86_64"): 56, ("linux", "aarch64"): 220}

# What stands before the C library: a number that a child shares with its parent, as in pid
# namespaces of their own; and kernels that cannot empty memory in children, or only say so.
NUMBER_1 = "int getpid(void) { return 1; }"
REFUSED = "int madvise(void *a, unsigned long n, int advice) { return -1; }"
IGNORED = "int madvise(void *a, unsigned long n, int advice) { return 0; }"


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)
@pytest.mark.parametrize("kernel", ["", REFUSED, IGNORED], ids=["", "older", "emulated"])
def test_a_child_with_the_number_of_its_parent_works(
    kernel: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "same.c").write_text(NUMBER_1 + kernel)
    library = tmp_path / "same.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "same.c"], check=True)
    script = """
        assert os.getpid() == 1
        def everything():
            flow(), verify(), asyncio.run(async_flow())
        everything()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                assert os.getpid() == 1
                everything()
                code = 0
            finally:
                os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        everything()
        print("the parent too")
    """
    code = BEGIN + textwrap.dedent(script)
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    output = run_script(code, sandbox.url, sandbox.api_key, timeout=40, env=environment)
    assert output == "0\nthe parent too\n"


@pytest.mark.skipif(
    (sys.platform, platform.machine()) not in CLONE,
    reason="needs a Linux whose system calls we know",
)
def test_a_child_that_was_made_without_fork_is_told_from_its_parent() -> None:
    # In there, Python does not know that it is a child: nothing else may be done.
    script = f"""
        import ctypes, os
        from relaypass._native import process
        before = process()
        child = ctypes.CDLL(None).syscall({CLONE[sys.platform, platform.machine()]}, 17, 0, 0, 0, 0)
        if child == 0:
            os._exit(process() == before)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), process() == before)
    """
    output = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        check=True, capture_output=True, text=True, timeout=30,
    ).stdout  # fmt: skip
    assert output == "0 True\n"
