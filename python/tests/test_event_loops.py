"""Event loops that are not asyncio's own: anyio, uvloop, and trio, which says what to do."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest
import trio
from support import CLAIM_TYPE, AsyncDictStore, DictStore, Sandbox

import relaypass

MESSAGE = r"^AsyncRelayPass is awaited in asyncio, and this is trio\. .*to_thread.*asyncio.*"


async def verify(options: dict[str, Any], store: relaypass.AsyncStore | relaypass.Store) -> str:
    async with relaypass.AsyncRelayPass(store=store, on_event=print, **options) as client:
        started = await client.verifications.start(claim_type=CLAIM_TYPE)
        return (await client.verifications.complete(started.id)).status


@pytest.mark.parametrize("store", [DictStore, AsyncDictStore])
def test_anyio_on_asyncio(sandbox: Sandbox, store: type[DictStore]) -> None:
    async def main() -> list[str]:
        answers = []

        async def one() -> None:
            answers.append(await verify(sandbox.options, store()))

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(one)
        return answers

    assert anyio.run(main, backend="asyncio") == ["passed"] * 5


def test_a_scope_of_anyio_that_is_cancelled_drops_the_call(sandbox: Sandbox) -> None:
    sandbox.fault("create", "delay", milliseconds=5000)

    async def main() -> bool:
        client = relaypass.AsyncRelayPass(**sandbox.options)
        with anyio.move_on_after(0.2) as scope:
            await client.relays.create(claim_type=CLAIM_TYPE)
        return scope.cancelled_caught

    assert anyio.run(main, backend="asyncio")


@pytest.mark.parametrize("store", [DictStore, AsyncDictStore])
def test_uvloop(sandbox: Sandbox, store: type[DictStore]) -> None:
    uvloop = pytest.importorskip("uvloop", reason="there is no uvloop for this system")
    loop = uvloop.new_event_loop()
    try:
        assert loop.run_until_complete(verify(sandbox.options, store())) == "passed"
    finally:
        loop.close()


@pytest.mark.parametrize("store", [None, DictStore()], ids=["no store", "a store"])
def test_trio_is_told_what_to_do(store: relaypass.Store | None) -> None:
    client = relaypass.AsyncRelayPass(store=store)

    async def main() -> None:
        await client.relays.create(claim_type=CLAIM_TYPE)

    with pytest.raises(RuntimeError, match=MESSAGE):
        trio.run(main)
    with pytest.raises(RuntimeError, match=MESSAGE):
        anyio.run(main, backend="trio")


def test_trio_as_a_guest_of_asyncio_is_told_what_to_do() -> None:
    # There is a running loop of asyncio, but it is not what awaits.
    async def call() -> None:
        await relaypass.AsyncRelayPass().relays.create(claim_type=CLAIM_TYPE)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        trio.lowlevel.start_guest_run(
            call, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=done.set_result
        )
        (await done).unwrap()

    with pytest.raises(RuntimeError, match=MESSAGE):
        asyncio.run(main())


@pytest.mark.parametrize("store", [DictStore, AsyncDictStore])
def test_in_trio_the_waiting_client_works_in_threads(
    sandbox: Sandbox, store: type[DictStore]
) -> None:
    client = relaypass.RelayPass(store=store(), **sandbox.options)

    def one() -> str:
        started = client.verifications.start(claim_type=CLAIM_TYPE)
        return client.verifications.complete(started.id).status

    async def main() -> list[str]:
        answers = []

        async def verify() -> None:
            answers.append(await trio.to_thread.run_sync(one))

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(verify)
        return answers

    assert trio.run(main) == ["passed"] * 5
