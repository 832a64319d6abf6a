"""Events: told in order, to the right listener, and never at the expense of a call."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import sys
import threading
import time
import weakref
from typing import Any, get_args

import pytest
from support import CLAIM_TYPE, DictStore, Sandbox, hooks, run_script

import relaypass

NAME: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="none")


class Log:
    """Remembers events, and waits for them."""

    def __init__(self) -> None:
        self.events: list[relaypass.Event] = []
        self.told = threading.Semaphore(0)

    def __call__(self, event: relaypass.Event) -> None:
        self.events.append(event)
        self.told.release()

    def wait(self, count: int) -> list[relaypass.Event]:
        for _ in range(count):
            assert self.told.acquire(timeout=5)
        return self.events


def tell_examples(client: relaypass.RelayPass) -> None:
    """As the core does while a call is under way."""
    callbacks = client._connection._callbacks
    assert callbacks is not None
    callbacks.caller()
    hooks._example_events(callbacks.number)


KINDS = get_args(relaypass.EventKind)


def test_every_kind_of_event_arrives_in_order() -> None:
    log = Log()
    client = relaypass.RelayPass(on_event=log)
    tell_examples(client)
    assert log.wait(len(KINDS)) == [
        relaypass.Event(kind, "an id", None, f"an example of {kind}") for kind in KINDS
    ]


def test_a_pending_answer_is_told(sandbox: Sandbox) -> None:
    log = Log()
    options: dict[str, Any] = {**sandbox.options, "api_key": sandbox.production_api_key}
    with relaypass.RelayPass(store=DictStore(), on_event=log, **options) as client:
        started = client.verifications.start(claim_type=CLAIM_TYPE)
        assert client.verifications.complete(started.id).status == "pending"
        [event] = log.wait(1)
    assert (event.kind, event.verification_id) == ("pending", started.id)
    assert event.message


def test_in_the_background_a_listener_has_the_context_of_the_client_and_a_thread_of_its_own() -> (
    None
):
    seen = []
    done = threading.Semaphore(0)

    def listen(_: relaypass.Event) -> None:
        seen.append((NAME.get(), threading.current_thread().name))
        NAME.set("overwritten")
        done.release()

    token = NAME.set("client")
    client = relaypass.RelayPass(on_event=listen)
    NAME.reset(token)
    tell_examples(client)
    for _ in KINDS:
        assert done.acquire(timeout=5)
    assert set(seen) == {("client", "relaypass-events")}


class Told:
    """Remembers the context in which it was told."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.told = threading.Semaphore(0)

    def __call__(self, _: relaypass.Event) -> None:
        self.names.append(NAME.get())
        self.told.release()


def test_a_listener_has_the_context_of_the_call(sandbox: Sandbox) -> None:
    told = Told()
    options: dict[str, Any] = {**sandbox.options, "api_key": sandbox.production_api_key}
    with relaypass.RelayPass(store="memory:", on_event=told, **options) as client:
        for name in ("first", "second"):
            started = client.verifications.start(claim_type=CLAIM_TYPE)
            NAME.set(name)
            assert client.verifications.complete(started.id).status == "pending"
            NAME.set("later")
            assert told.told.acquire(timeout=5)
    assert told.names == ["first", "second"]


async def test_a_listener_has_the_context_of_the_awaited_call(sandbox: Sandbox) -> None:
    told = Told()
    options: dict[str, Any] = {**sandbox.options, "api_key": sandbox.production_api_key}

    async def complete(name: str) -> None:
        NAME.set(name)
        started = await client.verifications.start(claim_type=CLAIM_TYPE)
        assert (await client.verifications.complete(started.id)).status == "pending"

    names = [f"request {number}" for number in range(20)]
    async with relaypass.AsyncRelayPass(store="memory:", on_event=told, **options) as client:
        await asyncio.gather(*[asyncio.create_task(complete(name)) for name in names])
        for _ in names:
            assert await asyncio.to_thread(told.told.acquire, timeout=5)
    assert sorted(told.names) == sorted(names)


def test_the_caller_of_an_event_is_let_go_of_once_it_is_told(sandbox: Sandbox) -> None:
    class Request:
        pass

    told = Told()
    request: contextvars.ContextVar[Request] = contextvars.ContextVar("request")
    options: dict[str, Any] = {**sandbox.options, "api_key": sandbox.production_api_key}
    with relaypass.RelayPass(store=DictStore(), on_event=told, **options) as client:

        def complete() -> weakref.ref[Request]:
            mine = Request()
            request.set(mine)
            started = client.verifications.start(claim_type=CLAIM_TYPE)
            client.verifications.complete(started.id)
            return weakref.ref(mine)

        left = contextvars.copy_context().run(complete)
        assert told.told.acquire(timeout=5)
        for _ in range(500):
            if left() is None:
                break
            time.sleep(0.01)
        assert left() is None


def test_what_a_hanging_listener_leaves_waiting_is_bounded() -> None:
    hang = threading.Event()
    told = 0

    def listen(_: relaypass.Event) -> None:
        nonlocal told
        hang.wait(20)
        told += 1

    client = relaypass.RelayPass(on_event=listen)
    for _ in range(2_000):
        tell_examples(client)
    hang.set()
    before = -1
    while told != before:
        before = told
        time.sleep(0.3)
    # Those that waited, and the one that was being told.
    assert told in (10_000, 10_001)


def test_what_a_listener_raises_is_reported_and_the_next_event_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda it: reported.append(it.exc_value))
    raised = itertools.cycle([ValueError("1"), KeyboardInterrupt("2"), SystemExit("3")])
    errors = list(itertools.islice(raised, len(KINDS)))
    left = iter(errors)
    done = threading.Semaphore(0)

    def listen(_: relaypass.Event) -> None:
        done.release()
        raise next(left)

    client = relaypass.RelayPass(on_event=listen)
    tell_examples(client)
    for _ in KINDS:
        assert done.acquire(timeout=5)
    for _ in range(100):
        if len(reported) == len(KINDS):
            break
        time.sleep(0.01)
    assert reported == errors


def test_a_listener_may_call_the_client_and_may_hang(sandbox: Sandbox) -> None:
    hang = threading.Event()
    tokens = []

    def listen(_: relaypass.Event) -> None:
        tokens.append(client.relays.create(claim_type=CLAIM_TYPE).relay_token)
        hang.wait(10)

    client = relaypass.RelayPass(on_event=listen, **sandbox.options)
    tell_examples(client)
    for _ in range(500):
        if tokens:
            break
        time.sleep(0.01)
    assert tokens
    # It hangs, and calls go on.
    assert client.relays.create(claim_type=CLAIM_TYPE).relay_token
    hang.set()


def test_the_events_of_a_client_that_is_gone_are_dropped() -> None:
    log, other = Log(), Log()
    client = relaypass.RelayPass(on_event=log)
    callbacks = client._connection._callbacks
    assert callbacks is not None
    number = callbacks.number
    del client, callbacks
    hooks._example_events(number)
    listening = relaypass.RelayPass(on_event=other)
    tell_examples(listening)
    other.wait(6)
    assert log.events == []


def test_a_listener_must_be_a_function() -> None:
    with pytest.raises(TypeError, match=r"^on_event must be a function, not str"):
        relaypass.RelayPass(on_event="print")  # type: ignore[arg-type]


def test_exit_while_a_listener_is_busy() -> None:
    run_script(
        """
        import time, relaypass
        from relaypass import _native
        client = relaypass.RelayPass(on_event=lambda _: time.sleep(0.3))
        client._connection._callbacks.caller()
        _native._example_events(client._connection._callbacks.number)
        time.sleep(0.1)
        """,
        timeout=5,
    )
