"""gevent and eventlet: a call that waits leaves the hub free, and our threads are no greenlets."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import pytest
from support import (
    PACKAGE,
    REPOSITORY,
    Sandbox,
    SilentServer,
    run_sandbox,
    run_script,
    start_script,
)

TESTS = PACKAGE / "tests"

PATCHES = {
    "gevent": "import gevent.monkey; gevent.monkey.patch_all()",
    # It warns at each import that it is on its way out.
    "eventlet": "import warnings; warnings.simplefilter('ignore'); "
    "import eventlet; eventlet.monkey_patch()",
}


def needed(name: str) -> None:
    if find_spec(name) is None or find_spec("gunicorn") is None:
        text = f"{name} cannot be installed for this Python"
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(f"{text}, and is required (REQUIRE_ALL=1)")
        pytest.skip(text)


@pytest.fixture(params=PATCHES)
def library(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    needed(name)
    return name


@contextmanager
def gunicorn(library: str, sandbox: Sandbox) -> Iterator[str]:
    """The address of a server with one worker, on a free port."""
    options = ["--worker-class", library, "--workers", "1", "--bind", "127.0.0.1:0"]
    options += ["--timeout", "60", "--graceful-timeout", "1", "--no-control-socket"]
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "gunicorn", *options, "greenlet_app:app"],
        cwd=TESTS,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": f"{PACKAGE}{os.pathsep}{TESTS}",
            "RELAYPASS_API_KEY": sandbox.api_key,
            "RELAYPASS_BASE_URL": sandbox.url,
        },
    )
    assert process.stderr is not None
    said = []
    try:
        for line in process.stderr:
            said.append(line)
            listening = re.search(r"Listening at: (\S+)", line)
            if listening:
                yield listening[1]
                break
        else:
            raise AssertionError("".join(said))
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


def ask(url: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=60) as response:
        return json.load(response)


def test_a_worker_of_greenlets_verifies_and_its_hub_is_never_blocked(library: str) -> None:
    with run_sandbox() as sandbox, gunicorn(library, sandbox) as url:
        # Whoever waits for one of these in the hub stops it for so long.
        sandbox.fault("create", "delay", milliseconds=3000, times=20)
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(ask, [f"{url}/verify"] * 200))
        report = ask(f"{url}/report")
        assert answers == ["passed"] * 200
        assert sandbox.control("ledger")["redeemed"] == 200
    assert report["longest_pause"] < 1
    assert report["most_at_once"] > 1
    assert report["store_in_other_threads"] == []


SCRIPT = """
import os, sys, threading, time
PATCH
import relaypass
from support import CLAIM_TYPE, AsyncDictStore, DictStore
LATE
options = {"base_url": sys.argv[1], "api_key": sys.argv[2], "purchase_window": 0}
HUB = threading.get_native_id()
"""


def script(library: str, code: str, *, late: bool = False) -> str:
    """With everything patched: before relaypass is imported, or late."""
    begin = SCRIPT.replace("LATE" if late else "PATCH", PATCHES[library])
    return begin.replace("PATCH", "").replace("LATE", "") + code


def run(
    library: str, code: str, sandbox: Sandbox, *arguments: str, late: bool = False
) -> list[str]:
    text = script(library, code, late=late)
    output = run_script(text, sandbox.url, sandbox.api_key, *arguments, timeout=60, cwd=TESTS)
    return output.splitlines()


VERIFY = """
for store in (DictStore(), AsyncDictStore()):
    client = relaypass.RelayPass(store=store, on_event=print, **options)
    started = client.verifications.start(claim_type=CLAIM_TYPE)
    print(client.verifications.complete(started.id).status)
    client.close()
"""


@pytest.mark.parametrize("late", [False, True], ids=["patched before", "patched after"])
def test_stores_of_both_kinds_work_whenever_it_is_patched(
    library: str, late: bool, sandbox: Sandbox
) -> None:
    assert run(library, VERIFY, sandbox, late=late) == ["passed", "passed"]


def test_a_pool_of_psycopg_serves_many_greenlets_at_once(
    sandbox: Sandbox, services: dict[str, str | None]
) -> None:
    needed("gevent")
    if services["postgres"] is None:
        pytest.skip("this system has no PostgreSQL")
    code = """
import gevent, sqlalchemy
sys.path.append(sys.argv[4])
from sqlalchemy_store import SQLAlchemyStore, metadata
# Fewer connections than greenlets: they wait for each other.
store = SQLAlchemyStore(sqlalchemy.create_engine(sys.argv[3], pool_size=4, max_overflow=0))
metadata.create_all(store.engine)
client = relaypass.RelayPass(store=store, **options)
def verify():
    started = client.verifications.start(claim_type=CLAIM_TYPE)
    return client.verifications.complete(started.id).status
jobs = [gevent.spawn(verify) for _ in range(20)]
gevent.joinall(jobs)
print({job.value for job in jobs})
client.close()
metadata.drop_all(store.engine)
"""
    url = services["postgres"].replace("postgres://", "postgresql+psycopg://")
    examples = str(REPOSITORY / "examples/stores")
    assert run("gevent", code, sandbox, url, examples) == ["{'passed'}"]


def test_the_asyncio_client_works_beside_greenlets(library: str, sandbox: Sandbox) -> None:
    code = """
import asyncio
async def main():
    async with relaypass.AsyncRelayPass(store=DictStore(), **options) as client:
        started = await client.verifications.start(claim_type=CLAIM_TYPE)
        print((await client.verifications.complete(started.id)).status)
asyncio.run(main())
"""
    assert run(library, code, sandbox) == ["passed"]


def test_a_forked_child_of_a_patched_process_works(library: str, sandbox: Sandbox) -> None:
    code = f"""
def verify():
{VERIFY.replace(chr(10), chr(10) + "    ")}
    sys.stdout.flush()
verify()
pid = os.fork()
if pid == 0:
    if "eventlet" in sys.modules:
        eventlet.hubs.use_hub()
    verify()
    os._exit(0)
print(os.waitpid(pid, 0)[1])
"""
    assert run(library, code, sandbox) == ["passed"] * 4 + ["0"]


@pytest.mark.parametrize("used_before", [False, True], ids=["used by the child", "used by both"])
def test_a_forked_child_that_shares_its_parents_hub_is_told_what_to_do(
    used_before: bool, sandbox: Sandbox
) -> None:
    needed("eventlet")
    code = f"""
import eventlet.hubs
def create():
    relaypass.RelayPass(**options).relays.create(claim_type=CLAIM_TYPE)
eventlet.hubs.get_hub()
if {used_before}:
    create()
pid = os.fork()
if pid == 0:
    try:
        create()
    except RuntimeError as error:
        print(error, flush=True)
    eventlet.hubs.use_hub()
    create()
    os._exit(0)
print(os.waitpid(pid, 0)[1])
create()
"""
    told, ended = run("eventlet", code, sandbox)
    assert "eventlet.hubs.use_hub()" in told
    assert ended == "0"


def test_a_greenlet_that_is_killed_ends_its_call(library: str, silent_server: SilentServer) -> None:
    code = f"""
client = relaypass.RelayPass(**options)
greenlet = {library}.spawn(client.relays.create, claim_type=CLAIM_TYPE)
time.sleep(0.5)
greenlet.kill()
# The process lives, and the connection is gone.
sys.stdin.read()
"""
    arguments = [silent_server.url, "persona_sandbox_key"]
    with start_script(
        script(library, code), *arguments, stdin=subprocess.PIPE, cwd=TESTS
    ) as process:
        assert silent_server.opened.acquire(timeout=20)
        assert silent_server.closed.acquire(timeout=5)
        assert process.poll() is None
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (0, "", "")


def test_ctrl_c_ends_a_call(library: str, silent_server: SilentServer) -> None:
    code = """
try:
    relaypass.RelayPass(**options).relays.create(claim_type=CLAIM_TYPE)
except KeyboardInterrupt:
    print("interrupted")
"""
    arguments = [silent_server.url, "persona_sandbox_key"]
    with start_script(script(library, code), *arguments, cwd=TESTS) as process:
        assert silent_server.opened.acquire(timeout=20)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, output) == (0, "interrupted\n")
    # gevent's hub says this whenever it is interrupted.
    assert errors == "" or errors.startswith("KeyboardInterrupt\n")
    assert time.monotonic() - began < 5


def test_events_are_told_in_the_hub_one_at_a_time(library: str, sandbox: Sandbox) -> None:
    code = """
from typing import get_args
from relaypass import _native
from relaypass.events import EventKind
KINDS = len(get_args(EventKind))
told, at_once, done = [], [], threading.Event()
def listen(event):
    at_once.append(1)
    assert len(at_once) == 1
    time.sleep(0.01)
    at_once.pop()
    told.append(event.kind)
    if len(told) == 2 * KINDS:
        done.set()
    assert threading.get_native_id() == HUB
client = relaypass.RelayPass(on_event=listen, **options)
client._connection._callbacks.caller()
for _ in range(2):
    _native._example_events(client._connection._callbacks.number)
print(done.wait(10), told[:KINDS] == told[KINDS:], len(set(told)) == KINDS)
"""
    assert run(library, code, sandbox) == ["True True True"]
