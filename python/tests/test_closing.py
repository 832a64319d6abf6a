"""Closing a client: what is under way ends first, and nobody waits for himself."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support import CLAIM_TYPE, AsyncDictStore, DictStore, Sandbox

import relaypass


class Counting(DictStore):
    """Counts the calls of its methods."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def load(self, key: str) -> relaypass.StoreRecord | None:
        self.calls += 1
        return super().load(key)

    def compare_and_swap(
        self, key: str, expected: int | None, new: relaypass.StoreRecord | None
    ) -> bool:
        self.calls += 1
        return super().compare_and_swap(key, expected, new)

    def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
        self.calls += 1
        return super().scan(prefix, due_before, limit)


def billing(sandbox: Sandbox, **options: Any) -> dict[str, Any]:
    return {**sandbox.options, "api_key": sandbox.production_api_key, **options}


def test_leaving_a_with_block_finishes_the_purchase(sandbox: Sandbox) -> None:
    sandbox.fault("sign", "delay", milliseconds=300)
    store = Counting()
    with relaypass.RelayPass(**billing(sandbox, store=store)) as client:
        client.verifications.start(claim_type=CLAIM_TYPE)
    assert sandbox.control("ledger")["billed"] == 1
    calls = store.calls
    time.sleep(0.2)
    assert store.calls == calls


async def test_leaving_an_async_with_block_finishes_the_purchase(sandbox: Sandbox) -> None:
    sandbox.fault("sign", "delay", milliseconds=300)
    store = AsyncDictStore()
    async with relaypass.AsyncRelayPass(**billing(sandbox, store=store)) as client:
        await client.verifications.start(claim_type=CLAIM_TYPE)
    assert sandbox.control("ledger")["billed"] == 1


def test_a_store_that_hangs_is_waited_for_no_longer_than_said(sandbox: Sandbox) -> None:
    hang, called = threading.Event(), threading.Event()

    class Hanging(Counting):
        def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
            called.set()
            hang.wait(20)
            return super().scan(prefix, due_before, limit)

    store = Hanging()
    client = relaypass.RelayPass(**billing(sandbox, store=store))
    with ThreadPoolExecutor(1) as pool:
        recovering = pool.submit(client.verifications.recover)
        assert called.wait(10)
        began = time.monotonic()
        with pytest.raises(relaypass.RequestTimeoutError) as caught:
            client.close(timeout=0.2)
        assert time.monotonic() - began < 5
        assert caught.value.operation == "close"
        hang.set()
        # It takes up nothing more, and the store is called no more.
        assert recovering.result(10) == 0
    assert store.calls == 1
    client.close()


def test_a_store_may_close_its_client(sandbox: Sandbox) -> None:
    class Closing(DictStore):
        def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
            client.close()
            return super().scan(prefix, due_before, limit)

    client = relaypass.RelayPass(**billing(sandbox, store=Closing()))
    # A close that waited for itself would raise when its time is up, and the scan with it.
    assert client.verifications.recover() == 0
    client.close()


async def test_an_async_store_may_close_its_client(sandbox: Sandbox) -> None:
    class Closing(AsyncDictStore):
        async def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
            await client.aclose()
            return await super().scan(prefix, due_before, limit)

    client = relaypass.AsyncRelayPass(**billing(sandbox, store=Closing()))
    assert await client.verifications.recover() == 0
    await client.aclose()


def test_a_listener_may_close_its_client(sandbox: Sandbox) -> None:
    closed = threading.Event()

    def listen(_: relaypass.Event) -> None:
        client.close()
        closed.set()

    client = relaypass.RelayPass(**billing(sandbox, store=DictStore(), on_event=listen))
    started = client.verifications.start(claim_type=CLAIM_TYPE)
    assert client.verifications.complete(started.id).status == "pending"
    assert closed.wait(5)
    with pytest.raises(relaypass.ClosedError):
        client.relays.create(claim_type=CLAIM_TYPE)


def test_several_threads_may_close(sandbox: Sandbox) -> None:
    sandbox.fault("sign", "delay", milliseconds=300)
    client = relaypass.RelayPass(**billing(sandbox, store=DictStore()))
    client.verifications.start(claim_type=CLAIM_TYPE)
    with ThreadPoolExecutor(4) as pool:
        closing = [pool.submit(client.close) for _ in range(4)]
        for close in closing:
            close.result(20)
            assert sandbox.control("ledger")["billed"] == 1


async def test_a_cancelled_close_goes_on_when_it_is_called_again(sandbox: Sandbox) -> None:
    sandbox.fault("sign", "delay", milliseconds=500)
    client = relaypass.AsyncRelayPass(**billing(sandbox, store=DictStore()))
    await client.verifications.start(claim_type=CLAIM_TYPE)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(client.aclose(), 0.05)
    with pytest.raises(relaypass.ClosedError):
        await client.relays.create(claim_type=CLAIM_TYPE)
    await client.aclose()
    assert sandbox.control("ledger")["billed"] == 1


def test_a_wrong_timeout_closes_nothing(sandbox: Sandbox) -> None:
    client = relaypass.RelayPass(**sandbox.options)
    with pytest.raises(TypeError):
        client.close(timeout="soon")  # type: ignore[arg-type]
    with pytest.raises(relaypass.InvalidArgumentError):
        client.close(timeout=0)
    assert repr(client) == "<relaypass.RelayPass open>"
    assert client.relays.create(claim_type=CLAIM_TYPE).relay_token
    client.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_does_not_open_what_its_parent_closed(sandbox: Sandbox) -> None:
    client = relaypass.RelayPass(**sandbox.options)
    client.close()
    child = os.fork()
    if child == 0:
        try:
            client.relays.create(claim_type=CLAIM_TYPE)
            os._exit(1)
        except relaypass.ClosedError:
            os._exit(0)
        except BaseException:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
