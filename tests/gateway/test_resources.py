"""What a gateway has no more of (its file, threads, descriptors) is told, and costs no answer that
is not true; once there is some again, all works."""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

import gateways
import proofs
from loud import Say, missing
from proofs import CLAIM_TYPE, Answer, Gateway
from sandbox import CLI, Sandbox

# Nobody counts the processes of root, so a gateway is somebody else's, who has no others.
USER = 61_235
WORKERS = 2


def start(gateway: Gateway) -> Answer:
    return gateway.call("POST", "/verifications", {"claim-type": CLAIM_TYPE}, gateway.operator)


def remove(file: Path) -> None:
    for name in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        name.unlink(missing_ok=True)


def replace(file: Path) -> None:
    copy = file.with_suffix(".copy")
    shutil.copy(file, copy)
    copy.rename(file)


@pytest.mark.parametrize("take_away", [remove, replace])
def test_a_file_that_is_not_there_any_more_takes_no_verification(
    take_away: Callable[[Path], None], sandbox: Sandbox, tmp_path: Path
) -> None:
    with proofs.running_gateway(sandbox, tmp_path) as gateway:
        started = start(gateway)
        assert started.status == 201
        assert gateway.call("GET", "/readyz").status == 200
        take_away(tmp_path / "gateway.sqlite")
        path = f"/verifications/{started.json['id']}"
        for _ in range(2):
            assert (start(gateway).status, start(gateway).code) == (503, "store")
            there = gateway.call("GET", path, None, gateway.operator)
            assert (there.status, there.code) == (503, "store")
            ready = gateway.call("GET", "/readyz")
            assert (ready.status, ready.code) == (503, "store")
        assert "was removed or replaced while it was in use" in gateway.log()
        # Nobody makes a new one behind the operator's back.
        assert (tmp_path / "gateway.sqlite").exists() == (take_away is replace)


@pytest.fixture
def small_disk(tmp_path: Path, say: Say) -> Iterator[Path]:
    """A folder that holds a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        missing("this system lets us mount no folder", say)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_is_told_and_nothing_is_answered_as_stored(
    small_disk: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    store = proofs.sqlite_in(small_disk)
    with proofs.running_gateway(sandbox, tmp_path, store=store) as gateway:
        kept = [start(gateway).json["id"]]
        assert gateway.call("GET", "/readyz").status == 200
        filler = small_disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4_096))

        def is_full() -> bool:
            # What the file has room for within itself still fits.
            answer = start(gateway)
            if answer.status == 201:
                kept.append(answer.json["id"])
                return False
            assert (answer.status, answer.code) == (503, "store")
            return True

        proofs.eventually(is_full)
        proofs.eventually(lambda: gateway.call("GET", "/readyz").status == 503)
        assert gateway.call("GET", "/readyz").code == "store"
        assert gateway.call("GET", "/healthz").status == 200
        filler.unlink()
        proofs.eventually(lambda: gateway.call("GET", "/readyz").status == 200)
        proofs.assert_answers_the_honest(gateway, sandbox)
        # What was answered is there.
        for id in kept:
            there = gateway.call("GET", f"/verifications/{id}", None, gateway.operator)
            assert there.status == 200, id


@pytest.fixture
def gateway(sandbox: Sandbox, say: Say) -> Iterator[Gateway]:
    """A gateway that has the only processes of its user."""
    if sys.platform != "linux" or os.getuid() != 0:
        missing("only root of a Linux makes processes of another user's, and limits them", say)
    with tempfile.TemporaryDirectory(prefix="resources-") as name:
        folder = Path(name)
        os.chown(folder, USER, USER)
        # Where it was built, others may not look.
        program = folder / "relaypass"
        try:
            program.hardlink_to(CLI)
        except OSError:
            shutil.copy(CLI, program)
        token, log = proofs.random_token(), folder / "gateway.log"
        with gateways.running_gateway(
            sandbox.url,
            store=proofs.sqlite_in(folder),
            environment={
                "RELAYPASS_API_KEY": sandbox.production_api_key,
                "RELAYPASS_GATEWAY_TOKEN": token,
                "RELAYPASS_PURCHASE_WINDOW_SECONDS": "0",
                # Each relay needs a connection of its own, and is refused at once without one.
                "RELAYPASS_ISOLATION": "relay",
                "RELAYPASS_RETRIES": "0",
                "TOKIO_WORKER_THREADS": str(WORKERS),
            },
            log=log,
            user=USER,
            program=program,
        ) as running:
            yield Gateway(running, token, log)


@contextmanager
def at_most(gateway: Gateway, what: str, count: int) -> Iterator[None]:
    """So many and no more, for as long as the block runs."""
    soft, hard = resource.getrlimit(getattr(resource, f"RLIMIT_{what.upper()}"))

    def set_to(number: int) -> None:
        # Only its own user may, not even root without a capability.
        command = ["prlimit", f"--pid={gateway.process.pid}", f"--{what}={number}:{hard}"]
        subprocess.run(command, check=True, user=USER, group=USER, extra_groups=[])

    set_to(count)
    try:
        yield
    finally:
        set_to(soft)


def threads(gateway: Gateway) -> int:
    return len(list(Path(f"/proc/{gateway.process.pid}/task").iterdir()))


def test_without_a_thread_left_it_is_not_ready_and_recovers(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    proofs.assert_answers_the_honest(gateway, sandbox)
    # Threads that block rest for a while, and end: the workers stay, the main thread, and who reads
    # the standard input.
    at_rest = WORKERS + 2
    proofs.eventually(lambda: threads(gateway) <= at_rest)
    with at_most(gateway, "nproc", 1):
        for _ in range(3):
            answer = start(gateway)
            assert (answer.status, answer.code) == (503, "store")
            ready = gateway.call("GET", "/readyz")
            assert (ready.status, ready.code) == (503, "store")
            assert gateway.call("GET", "/healthz").status == 200
    assert "The system has no thread left for the SQLite store" in gateway.log()
    proofs.eventually(lambda: gateway.call("GET", "/readyz").status == 200)
    assert start(gateway).status == 201
    proofs.assert_answers_the_honest(gateway, sandbox)
    # Of ours it was no mistake.
    assert "internal" not in gateway.call("GET", "/metrics").text


def test_without_a_descriptor_left_it_loses_nothing_and_recovers(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    relay, privacy_pass = proofs.ready_to_redeem(gateway.url, sandbox)
    # Those with the first numbers stay open for as long as it runs, so nobody is let in; then there
    # are some for callers, and none for Persona.
    seen: set[int | None] = set()
    for least in (5, *range(free(gateway), free(gateway) + 4)):
        with at_most(gateway, "nofile", least):
            answered = proofs.at_once([partial(create, gateway)] * 4)
        assert least > 5 or set(answered) == {None}
        seen |= set(answered)
        proofs.eventually(lambda: gateway.call("GET", "/readyz").status == 200)
    assert seen & {502, 503}, "nobody met a want of descriptors"
    assert proofs.read_claim(proofs.redeem(gateway.url, relay, privacy_pass)) == "passed"
    proofs.assert_billed_once_each(sandbox, 1)
    proofs.assert_answers_the_honest(gateway, sandbox)
    assert "internal" not in gateway.call("GET", "/metrics").text


def free(gateway: Gateway) -> int:
    """The number that its next descriptor gets."""
    numbers = {int(it.name) for it in Path(f"/proc/{gateway.process.pid}/fd").iterdir()}
    return next(number for number in itertools.count() if number not in numbers)


def create(gateway: Gateway) -> int | None:
    """Asks for a relay, and returns the status. Whoever is not even heard, since nobody may take
    his connection, goes away after a while."""
    body = {"claim-type": CLAIM_TYPE}
    try:
        created = proofs.call(gateway.url, "POST", "/relays", body, timeout=5)
    except TimeoutError:
        return None
    assert created.status in (201, 502, 503), (created.status, created.code)
    return created.status
