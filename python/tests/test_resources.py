"""What the system has no more of is an error, and once there is some again all works."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Sandbox, start_script

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at its own threads in /proc")

BEGIN = """
import asyncio, os, resource, sys, time, relaypass
url, key, store, limit = sys.argv[1:]
what = getattr(resource, limit)
usual = resource.getrlimit(what)
options = dict(api_key=key, base_url=url, purchase_window=0, retries=0, background=False)
client = relaypass.RelayPass(**options, store=store)
TYPE = "age_over18_verified"

if limit == "RLIMIT_NPROC" and os.getuid() == 0:
    # Nobody counts the processes of root. What is needed is loaded.
    os.setresgid(61_234, 61_234, 61_234)
    os.setresuid(61_234, 61_234, 61_234)

def threads():
    return len(os.listdir("/proc/self/task"))

def none_left():
    # The next thread, or descriptor, is one too many.
    least = 1
    if limit == "RLIMIT_NOFILE":
        least = os.dup(0)
        os.close(least)
    resource.setrlimit(what, (least, usual[1]))

def enough():
    resource.setrlimit(what, usual)

def refused(call):
    try:
        call()
    except relaypass.RelayPassError as error:
        return error.code
    raise AssertionError("it needed nothing")

def works(client):
    started = client.verifications.start(claim_type=TYPE)
    assert client.verifications.complete(started.id).status == "passed"
    assert client.relays.create(claim_type=TYPE).relay_token
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """One in which anybody may write: a script may become somebody else."""
    with tempfile.TemporaryDirectory(prefix="resources-") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.mark.parametrize("limit", ["RLIMIT_NPROC", "RLIMIT_NOFILE"])
def test_a_process_that_begins_without_says_so_and_recovers(
    limit: str, sandbox: Sandbox, folder: Path
) -> None:
    code = """
loop = asyncio.new_event_loop()
waits = relaypass.AsyncRelayPass(**options)
none_left()
codes = [
    refused(lambda: client.relays.create(claim_type=TYPE)),
    refused(lambda: loop.run_until_complete(waits.relays.create(claim_type=TYPE))),
    refused(lambda: relaypass.EncryptionKey.generate()),
    refused(lambda: client.verifications.start(claim_type=TYPE)),
    refused(lambda: client.verifications.complete("00000000-0000-4000-8000-000000000000")),
]
enough()
works(client)
assert loop.run_until_complete(waits.relays.create(claim_type=TYPE)).relay_token
loop.run_until_complete(waits.aclose())
loop.close()
print(*codes)
"""
    assert codes_of(code, sandbox, folder, limit) == ["internal"] * 5


@pytest.mark.parametrize(
    ("limit", "code", "awaited"),
    [("RLIMIT_NPROC", "store", "internal"), ("RLIMIT_NOFILE", "network", "network")],
)
def test_a_process_that_runs_out_of_them_says_so_and_recovers(
    limit: str, code: str, awaited: str, sandbox: Sandbox, folder: Path
) -> None:
    # Then a store needs a thread, asyncio one that tells it outcomes, a new client descriptors.
    # Threads that blocked end after 10 seconds of rest: when none ended for longer, the workers are
    # left.
    script = """
works(client)
loop = asyncio.new_event_loop()
waits = relaypass.AsyncRelayPass(**options, store=f"{store}.third")
now, ends, fewest = time.monotonic(), time.monotonic() + 60, (threads(), time.monotonic())
while limit == "RLIMIT_NPROC" and now - fewest[1] < 12:
    now = time.monotonic()
    assert now < ends, threads()
    if threads() != fewest[0]:
        fewest = threads(), now
    time.sleep(0.05)
none_left()
other = relaypass.RelayPass(**options, store=f"{store}.other")
codes = [refused(lambda: other.verifications.start(claim_type=TYPE)) for _ in range(3)]
codes.append(refused(lambda: loop.run_until_complete(waits.verifications.start(claim_type=TYPE))))
enough()
works(other)
works(client)
assert loop.run_until_complete(waits.verifications.start(claim_type=TYPE)).id
loop.run_until_complete(waits.aclose())
loop.close()
print(*codes)
"""
    assert codes_of(script, sandbox, folder, limit) == [code] * 3 + [awaited]


def codes_of(code: str, sandbox: Sandbox, folder: Path, limit: str) -> list[str]:
    """What the script printed. What tokio says of a thread that it did not get is on its standard
    error output."""
    store = f"sqlite:{folder}/store.sqlite"
    with start_script(BEGIN + code, sandbox.url, sandbox.api_key, store, limit) as process:
        output, errors = process.communicate(timeout=90)
    assert process.returncode == 0, (process.returncode, output, errors)
    return output.split()
