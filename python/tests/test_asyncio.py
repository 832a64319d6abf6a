"""Calls in asyncio: many at once, cancelled, in several loops, next to waiting calls."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import uuid
from collections.abc import Coroutine
from typing import Any

import pytest
from support import CLAIM_TYPE, Sandbox, SilentServer, run_script

import relaypass
from relaypass.outcomes import awaited


async def until(event: threading.Semaphore) -> bool:
    return await asyncio.to_thread(event.acquire, timeout=5)


async def test_cancelling_the_task_drops_the_call(silent_server: SilentServer) -> None:
    client = relaypass.AsyncRelayPass(base_url=silent_server.url)
    task = asyncio.create_task(client.relays.create(claim_type=CLAIM_TYPE))
    assert await until(silent_server.opened)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The call would have waited for ten seconds.
    assert await asyncio.wait_for(until(silent_server.closed), 1)


async def test_a_timeout_of_asyncio_drops_the_call(silent_server: SilentServer) -> None:
    client = relaypass.AsyncRelayPass(base_url=silent_server.url)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(client.relays.create(claim_type=CLAIM_TYPE), 0.2)
    assert await asyncio.wait_for(until(silent_server.closed), 1)


async def test_a_call_cancelled_at_every_moment_disturbs_nobody(sandbox: Sandbox) -> None:
    async with relaypass.AsyncRelayPass(**sandbox.options) as client:
        for step in range(60):
            task = asyncio.create_task(client.relays.create(claim_type=CLAIM_TYPE))
            await asyncio.sleep(step / 10_000)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert (await client.relays.create(claim_type=CLAIM_TYPE)).relay_token


async def test_an_answer_that_meets_a_cancelled_task_is_dropped_in_silence() -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: complaints.append(context)
    )
    client = relaypass.AsyncRelayPass()

    async def call() -> None:
        await awaited(client._native.close())

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    # The answer comes while this thread is busy, and waits for its turn behind the cancellation.
    time.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    assert complaints == []


async def test_a_cancelled_redemption_is_asked_for_again_with_its_key(sandbox: Sandbox) -> None:
    async with relaypass.AsyncRelayPass(**sandbox.options) as client:
        relay = await client.relays.create(claim_type=CLAIM_TYPE)
        ticket = await client.relays.issue_privacy_pass(claim_type=CLAIM_TYPE)
        before = sandbox.control("ledger")["redeemed"]

        def redeem() -> Coroutine[Any, Any, relaypass.GeneratedClaim]:
            return client.relays.generate_claim(
                relay_token=relay.relay_token,
                relay_secret=relay.relay_secret,
                privacy_pass_token=ticket.privacy_pass_token,
                idempotency_key=idempotency_key,
            )

        idempotency_key = str(uuid.uuid4())
        sandbox.fault("redeem", "delay", milliseconds=5000)
        task = asyncio.create_task(redeem())
        while sandbox.control("ledger")["redeemed"] == before:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        answer = await redeem()
        assert answer.claim is not None
        assert answer.claim.passed
        assert sandbox.control("ledger")["redeemed"] == before + 1


async def test_the_loop_goes_on_while_calls_wait(sandbox: Sandbox) -> None:
    sandbox.fault("create", "delay", milliseconds=300, times=20)
    async with relaypass.AsyncRelayPass(**sandbox.options) as client:
        calls = asyncio.gather(*[client.relays.create(claim_type=CLAIM_TYPE) for _ in range(20)])
        turns = 0
        while not calls.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert len({relay.relay_token for relay in await calls}) == 20
    assert turns > 10


async def test_a_waiting_call_works_inside_a_running_loop(client: relaypass.RelayPass) -> None:
    # What a cell of a Jupyter notebook does.
    assert client.relays.create(claim_type=CLAIM_TYPE).relay_token


def test_one_client_serves_several_loops(sandbox: Sandbox) -> None:
    client = relaypass.AsyncRelayPass(**sandbox.options)
    tokens = []

    def run() -> None:
        async def main() -> None:
            for _ in range(5):
                tokens.append((await client.relays.create(claim_type=CLAIM_TYPE)).relay_token)

        asyncio.run(main())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(tokens)) == 20


def test_a_call_needs_a_running_loop(sandbox: Sandbox) -> None:
    coroutine = relaypass.AsyncRelayPass(**sandbox.options).relays.create(claim_type=CLAIM_TYPE)
    with pytest.raises(RuntimeError, match="no running event loop"):
        coroutine.send(None)


def test_an_answer_for_a_loop_that_is_closed_is_dropped_in_silence(sandbox: Sandbox) -> None:
    sandbox.fault("create", "delay", milliseconds=200)
    run_script(
        """
        import asyncio, sys, time, relaypass
        client = relaypass.AsyncRelayPass(base_url=sys.argv[1])
        loop = asyncio.new_event_loop()
        # No task: asyncio would complain about one that is never finished.
        call = client._native.create(claim_type="age_over18_verified")
        call.start(loop.call_soon_threadsafe, print)
        loop.close()
        time.sleep(0.5)
        """,
        sandbox.url,
    )


async def test_a_call_is_made_once() -> None:
    client = relaypass.AsyncRelayPass()
    call = client._native.close()
    await awaited(call)
    with pytest.raises(RuntimeError, match="made already"):
        await awaited(call)


async def test_an_error_is_raised_where_it_is_awaited() -> None:
    client = relaypass.AsyncRelayPass(base_url="http://127.0.0.1:1", retries=0)
    with pytest.raises(relaypass.NetworkError) as caught:
        await client.relays.create(claim_type=CLAIM_TYPE)
    assert caught.value.operation == "relays.create"
    assert any(frame.name == "create" for frame in caught.traceback)
