"""A store of the user's own: called well, from both clients, whatever it does."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import os
import threading
import time
import types
import weakref
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import pytest
from support import (
    CLAIM_TYPE,
    UNKNOWN_ID,
    AsyncDictStore,
    DictStore,
    Sandbox,
    run_script,
)

import relaypass

Record = relaypass.StoreRecord

SECRET = "canary-of-the-store"
REQUEST_ID: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="none")

STORES = pytest.mark.parametrize("make_store", [DictStore, AsyncDictStore], ids=["sync", "async"])


class Clients(Protocol):
    """Calls either client with one store."""

    async def __call__(self, store: object, name: str, *args: Any, **options: Any) -> Any: ...


async def by_waiting(store: Any, name: str, *args: Any, **options: Any) -> Any:
    arguments = options.pop("arguments", {})
    with relaypass.RelayPass(store=store, **options) as client:
        return getattr(client.verifications, name)(*args, **arguments)


async def by_awaiting(store: Any, name: str, *args: Any, **options: Any) -> Any:
    arguments = options.pop("arguments", {})
    async with relaypass.AsyncRelayPass(store=store, **options) as client:
        return await getattr(client.verifications, name)(*args, **arguments)


BOTH = pytest.mark.parametrize("call", [by_waiting, by_awaiting], ids=["waited", "awaited"])


def with_methods(asynchronous: bool, **methods: Callable[..., Any]) -> Any:
    """A store some of whose methods are these."""
    store: Any = AsyncDictStore() if asynchronous else DictStore()
    for name, method in methods.items():
        if asynchronous:

            async def awaited(*args: Any, method: Callable[..., Any] = method) -> Any:
                await asyncio.sleep(0)
                answer = method(*args)
                return await answer if asyncio.iscoroutine(answer) else answer

            setattr(store, name, awaited)
        else:
            setattr(store, name, method)
    return store


async def outcome_of_get(call: Clients, store: Any, **options: Any) -> relaypass.RelayPassError:
    """What the client says of a verification that is not there, or of a store that fails."""
    with pytest.raises(relaypass.RelayPassError) as caught:
        await call(store, "get", UNKNOWN_ID, **options)
    return caught.value


# The flow


@STORES
@BOTH
async def test_a_verification_on_every_kind_of_store(
    call: Clients, make_store: Callable[[], Any], sandbox: Sandbox
) -> None:
    store = make_store()
    options = sandbox.options
    started = await call(store, "start", arguments={"claim_type": CLAIM_TYPE}, **options)
    assert started.status == "pending"
    assert started.expires_at.utcoffset().total_seconds() == 0
    assert 1700 < started.expires_at.timestamp() - time.time() < 1900
    assert started.session_access_token in started.hosted_url
    completed = await call(store, "complete", started.id, **options)
    assert completed.status == "passed"
    assert completed.claim.passed
    got = await call(store, "get", started.id, **options)
    assert (got.id, got.status, got.session_access_token) == (started.id, "passed", None)
    assert await call(store, "recover", **options) >= 0
    await call(store, "forget", started.id, **options)
    assert (await outcome_of_get(call, store)).code == "not_found"


async def test_without_a_store_the_client_says_what_is_missing() -> None:
    with pytest.raises(relaypass.InvalidArgumentError, match="store"):
        relaypass.RelayPass().verifications.get(UNKNOWN_ID)
    with pytest.raises(relaypass.InvalidArgumentError, match="store"):
        await relaypass.AsyncRelayPass().passes.count(claim_type=CLAIM_TYPE)


def test_passes_bought_ahead(sandbox: Sandbox) -> None:
    with relaypass.RelayPass(store=DictStore(), **sandbox.options) as client:
        assert client.passes.prefetch(claim_type=CLAIM_TYPE, count=2) == 2
        assert client.passes.count(claim_type=CLAIM_TYPE) == 2
        for count in (-1, 10**30):
            with pytest.raises(relaypass.InvalidArgumentError):
                client.passes.prefetch(claim_type=CLAIM_TYPE, count=count)


# Errors


ERRORS = [
    ConnectionError(SECRET),
    type("Odd", (Exception,), {})(SECRET),
    SystemExit(SECRET),
    asyncio.CancelledError(SECRET),
]
# In a coroutine these are Python's own, and the event loop's.
ERRORS_OF_FUNCTIONS = [StopIteration(SECRET), KeyboardInterrupt(SECRET)]


@pytest.mark.parametrize(
    ("asynchronous", "error"),
    [
        *[(asynchronous, error) for asynchronous in (False, True) for error in ERRORS],
        *[(False, error) for error in ERRORS_OF_FUNCTIONS],
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
@BOTH
async def test_what_a_store_raises_comes_back_as_the_cause_the_very_same_object(
    call: Clients, error: BaseException, asynchronous: bool
) -> None:
    def fail(*_: Any) -> None:
        raise error

    store = with_methods(asynchronous, load=fail)
    caught = await outcome_of_get(call, store)
    assert isinstance(caught, relaypass.StoreError)
    assert caught.__cause__ is error
    assert caught.operation == "verifications.get"
    assert f"load raised {type(error).__name__}" in str(caught)
    assert SECRET not in str(caught)
    # Its traceback leads to the line of the store that raised.
    assert error.__traceback__ is not None
    error.__traceback__ = None


def test_a_coroutine_that_raises_keyboard_interrupt_leaves_a_loop_that_works() -> None:
    script = """
        import relaypass
        ID = "00000000-0000-4000-8000-000000000000"
        class Store:
            async def load(self, key):
                raise KeyboardInterrupt
            compare_and_swap = scan = load
        client = relaypass.RelayPass(store=Store())
        for _ in range(3):
            try:
                client.verifications.get(ID)
            except relaypass.StoreError as error:
                print(type(error.__cause__).__name__)
    """
    assert run_script(script) == "KeyboardInterrupt\n" * 3


@BOTH
async def test_every_method_that_raises_is_named(call: Clients, sandbox: Sandbox) -> None:
    def fail(*_: Any) -> None:
        raise ValueError(SECRET)

    for method, arguments in {
        "compare_and_swap": ("start", {"claim_type": CLAIM_TYPE}),
        "scan": ("recover", {}),
    }.items():
        store = with_methods(False, **{method: fail})
        with pytest.raises(relaypass.StoreError, match=f"{method} raised ValueError") as caught:
            await call(store, arguments[0], arguments=arguments[1], **sandbox.options)
        assert isinstance(caught.value.__cause__, ValueError)


@BOTH
async def test_a_store_that_works_again_is_used_again(call: Clients, sandbox: Sandbox) -> None:
    store = DictStore()
    works = store.compare_and_swap
    started = await call(store, "start", arguments={"claim_type": CLAIM_TYPE}, **sandbox.options)

    def fail(*_: Any) -> bool:
        raise OSError("the disk is full")

    store.compare_and_swap = fail  # type: ignore[method-assign, assignment]
    with pytest.raises(relaypass.StoreError):
        await call(store, "complete", started.id, **sandbox.options)
    store.compare_and_swap = works  # type: ignore[method-assign]
    completed = await call(store, "complete", started.id, **sandbox.options)
    assert completed.status == "passed"


WRONG_RECORDS = {
    "a tuple": ((b"", 1, None, None), "a relaypass.StoreRecord or None, not tuple"),
    "a dict": ({"value": SECRET}, "a relaypass.StoreRecord or None, not dict"),
    "False": (False, "a relaypass.StoreRecord or None, not bool"),
    "a text as value": (Record(SECRET, 1, None, None), "value must be bytes, not str"),  # type: ignore[arg-type]
    "no version": (Record(b"", None, None, None), "version must be an int of at least 0"),  # type: ignore[arg-type]
    "a float as version": (Record(b"", 1.0, None, None), "version must be an int"),  # type: ignore[arg-type]
    "a bool as version": (Record(b"", True, None, None), "version must be an int"),
    "a negative version": (Record(b"", -1, None, None), "version must be an int of at least 0"),
    "a huge version": (Record(b"", 2**70, None, None), "version must be an int of at least 0"),
    "a text as due_at": (Record(b"", 1, "5", None), "due_at must be an int of at least 0 or None"),  # type: ignore[arg-type]
    "a float as expires_at": (Record(b"", 1, 5, 5.5), "expires_at must be an int"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(("record", "said"), WRONG_RECORDS.values(), ids=WRONG_RECORDS.keys())
@BOTH
async def test_a_wrong_record_is_named_and_not_shown(
    call: Clients, record: object, said: str, asynchronous: bool
) -> None:
    store = with_methods(asynchronous, load=lambda _: record)
    caught = await outcome_of_get(call, store)
    assert isinstance(caught, relaypass.StoreError)
    assert "The store's load" in str(caught)
    assert said in str(caught)
    assert SECRET not in repr(caught)


@pytest.mark.parametrize("answer", [1, 0, None, "True", Record(b"", 1, None, None)])
@BOTH
async def test_a_swap_that_is_neither_true_nor_false(
    call: Clients, answer: object, sandbox: Sandbox
) -> None:
    store = with_methods(False, compare_and_swap=lambda *_: answer)
    with pytest.raises(relaypass.StoreError, match="must return True or False, not "):
        await call(store, "start", arguments={"claim_type": CLAIM_TYPE}, **sandbox.options)


@pytest.mark.parametrize("answer", [None, "keys", (), {"a": 1}, [b"verification/x"], [None]])
@BOTH
async def test_a_scan_that_returns_no_list_of_texts(call: Clients, answer: object) -> None:
    store = with_methods(False, scan=lambda *_: answer)
    with pytest.raises(relaypass.StoreError, match="The store's scan must return a list"):
        await call(store, "recover", api_key="persona_sandbox_x")


@pytest.mark.parametrize("asynchronous", [False, True])
@BOTH
async def test_a_store_that_hangs_is_given_up(call: Clients, asynchronous: bool) -> None:
    release = threading.Event()

    async def hang_in_loop(_: str) -> None:
        await asyncio.sleep(60)

    hang = hang_in_loop if asynchronous else lambda _: release.wait(10) and None
    store = with_methods(asynchronous, load=hang)
    started = time.monotonic()
    caught = await outcome_of_get(call, store, store_timeout=0.2)
    release.set()
    assert isinstance(caught, relaypass.StoreError)
    assert "took longer than 0.2 seconds" in str(caught)
    assert time.monotonic() - started < 5


async def test_stores_that_hang_keep_no_other_waiting() -> None:
    release = threading.Event()
    hanging = with_methods(False, load=lambda _: release.wait(10) and None)
    working = DictStore()
    async with relaypass.AsyncRelayPass(store=hanging) as client:
        calls = [asyncio.create_task(client.verifications.get(UNKNOWN_ID)) for _ in range(40)]
        await asyncio.sleep(0.1)
        started = time.monotonic()
        assert (await outcome_of_get(by_awaiting, working)).code == "not_found"
        assert (await outcome_of_get(by_waiting, working)).code == "not_found"
        assert time.monotonic() - started < 2
        release.set()
        await asyncio.gather(*calls, return_exceptions=True)


@BOTH
async def test_a_store_that_lies_about_a_swap_loses_the_verification_and_nothing_else(
    call: Clients, sandbox: Sandbox
) -> None:
    store = with_methods(False, compare_and_swap=lambda *_: True)
    started = await call(store, "start", arguments={"claim_type": CLAIM_TYPE}, **sandbox.options)
    with pytest.raises(relaypass.NotFoundError):
        await call(store, "complete", started.id, **sandbox.options)


@BOTH
async def test_a_value_that_nobody_can_read_is_refused_and_left_alone(call: Clients) -> None:
    store = DictStore()
    for value in (b"", b"\0\xff", b"{}"):
        record = Record(value, 3, None, None)
        store.load = lambda _, record=record: record  # type: ignore[method-assign, misc]
        caught = await outcome_of_get(call, store)
        assert isinstance(caught, (relaypass.StoreError, relaypass.InvalidArgumentError))
    assert store.records == {}


@pytest.mark.parametrize("options", [{}, {"retries": 0}])
def test_an_object_without_the_methods_is_no_store(options: dict[str, Any]) -> None:
    class Half:
        load = scan = print

    for store in (Half(), 5, b"memory:", ["memory:"]):
        with pytest.raises(TypeError, match=r"^store must be a str or an object with"):
            relaypass.RelayPass(store=store, **options)  # type: ignore[arg-type]


# Contexts, threads, event loops


@STORES
@BOTH
async def test_context_variables_reach_the_store(
    call: Clients, make_store: Callable[[], Any]
) -> None:
    seen = []
    store = make_store()
    store = with_methods(make_store is AsyncDictStore, load=lambda _: seen.append(REQUEST_ID.get()))
    token = REQUEST_ID.set("request 7")
    await outcome_of_get(call, store)
    REQUEST_ID.reset(token)
    await outcome_of_get(call, store)
    assert seen == ["request 7", "none"]


@STORES
async def test_calls_at_once_have_each_their_own_context(make_store: Callable[[], Any]) -> None:
    seen = set()

    def load(key: str) -> None:
        seen.add((key[-2:], REQUEST_ID.get()))
        REQUEST_ID.set("overwritten")

    store = with_methods(make_store is AsyncDictStore, load=load)
    async with relaypass.AsyncRelayPass(store=store) as client:

        async def call(number: int) -> None:
            REQUEST_ID.set(f"{number:02}")
            with contextlib.suppress(relaypass.NotFoundError):
                await client.verifications.get(f"{UNKNOWN_ID[:-2]}{number:02}")
            assert REQUEST_ID.get() == f"{number:02}"

        await asyncio.gather(*[call(number) for number in range(64)])
    assert seen == {(f"{number:02}", f"{number:02}") for number in range(64)}


async def test_an_awaited_store_runs_in_the_event_loop_of_its_caller() -> None:
    loops = []
    store = with_methods(True, load=lambda _: loops.append(asyncio.get_running_loop()))
    await outcome_of_get(by_awaiting, store)
    assert loops == [asyncio.get_running_loop()]
    # A call that waits stands in the way of this loop, as in Jupyter; there is another one then.
    await outcome_of_get(by_waiting, store)
    await outcome_of_get(by_waiting, store)
    assert loops[1] is not loops[0]
    assert loops[1] is loops[2]


async def test_one_client_in_several_loops_calls_its_store_in_the_right_one() -> None:
    loops = []
    store = with_methods(True, load=lambda _: loops.append(asyncio.get_running_loop()))
    client = relaypass.AsyncRelayPass(store=store)

    async def get() -> asyncio.AbstractEventLoop:
        with contextlib.suppress(relaypass.NotFoundError):
            await client.verifications.get(UNKNOWN_ID)
        return asyncio.get_running_loop()

    with ThreadPoolExecutor(4) as pool:
        ran = [pool.submit(asyncio.run, get()) for _ in range(8)]
        expected = {future.result() for future in ran}
    assert set(loops) == expected
    assert len(loops) == 8


async def test_a_store_that_waits_does_not_stop_the_event_loop() -> None:
    store = with_methods(False, load=lambda _: time.sleep(0.3))
    turns = 0
    call = asyncio.create_task(outcome_of_get(by_awaiting, store))
    while not call.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 10
    assert (await call).code == "not_found"


def test_other_threads_go_on_while_a_store_waits() -> None:
    store = with_methods(False, load=lambda _: time.sleep(0.3))
    beats = 0
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(asyncio.run, outcome_of_get(by_waiting, store))
        while not call.done():
            time.sleep(0.005)
            beats += 1
    assert beats > 10


class Awaitable7:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.sleep(0).__await__()
        return self.answer


@BOTH
async def test_anything_that_can_be_awaited_is(call: Clients) -> None:
    @types.coroutine
    def by_generator(_: str) -> Generator[Any, None, None]:
        yield from asyncio.sleep(0).__await__()

    for load in (lambda _: Awaitable7(None), by_generator):
        store = with_methods(False, load=load)
        assert (await outcome_of_get(call, store)).code == "not_found"


@BOTH
async def test_each_call_decides_whether_it_is_awaited(call: Clients) -> None:
    loads: Any = iter([AsyncDictStore().load, DictStore().load] * 2)
    store = with_methods(False, load=lambda key: next(loads)(key))
    for _ in range(4):
        assert (await outcome_of_get(call, store)).code == "not_found"


@pytest.mark.parametrize("asynchronous", [False, True])
@BOTH
async def test_a_store_may_call_the_client_again(call: Clients, asynchronous: bool) -> None:
    depth = 0
    client = relaypass.RelayPass(store=DictStore())
    codes = []

    def load(_: str) -> None:
        nonlocal depth
        depth += 1
        if depth < 4:
            try:
                client.verifications.get(UNKNOWN_ID)
            except relaypass.RelayPassError as error:
                codes.append(error.code)

    store = with_methods(False, load=load)
    client = relaypass.RelayPass(store=store)
    assert (await outcome_of_get(call, store)).code == "not_found"
    assert codes == ["not_found"] * 3

    if asynchronous:
        inner = relaypass.AsyncRelayPass(store=AsyncDictStore())

        async def reenter(_: str) -> None:
            with contextlib.suppress(relaypass.NotFoundError):
                await inner.verifications.get(UNKNOWN_ID)
            codes.append("awaited")

        assert (await outcome_of_get(call, with_methods(True, load=reenter))).code == "not_found"
        assert codes[-1] == "awaited"


@STORES
def test_sixty_four_threads_share_a_client_and_a_store(
    make_store: Callable[[], Any], sandbox: Sandbox
) -> None:
    store = make_store()
    with relaypass.RelayPass(store=store, **sandbox.options) as client:

        def flow(number: int) -> str:
            started = client.verifications.start(claim_type=CLAIM_TYPE, reference=str(number))
            return client.verifications.complete(started.id).status

        with ThreadPoolExecutor(64) as pool:
            assert set(pool.map(flow, range(64))) == {"passed"}
    assert sandbox.control("ledger")["redeemed"] == 64


@STORES
async def test_sixty_four_tasks_share_a_client_and_a_store(
    make_store: Callable[[], Any], sandbox: Sandbox
) -> None:
    async with relaypass.AsyncRelayPass(store=make_store(), **sandbox.options) as client:

        async def flow(number: int) -> str:
            started = await client.verifications.start(claim_type=CLAIM_TYPE)
            return (await client.verifications.complete(started.id)).status

        assert set(await asyncio.gather(*map(flow, range(64)))) == {"passed"}
    assert sandbox.control("ledger")["redeemed"] == 64


# Cancelling


async def test_cancelling_a_task_cancels_the_wait_and_the_coroutine_runs_on() -> None:
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def load(_: str) -> None:
        begun.set()
        await go_on.wait()
        ended.set()

    store = with_methods(True, load=load)
    async with relaypass.AsyncRelayPass(store=store) as client:
        task = asyncio.create_task(client.verifications.get(UNKNOWN_ID))
        await asyncio.wait_for(begun.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not ended.is_set()
        go_on.set()
        await asyncio.wait_for(ended.wait(), 5)
        with pytest.raises(relaypass.NotFoundError):
            await client.verifications.get(UNKNOWN_ID)


@STORES
async def test_a_call_cancelled_at_every_moment_disturbs_nobody(
    make_store: Callable[[], Any], sandbox: Sandbox
) -> None:
    store = make_store()
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: complaints.append(context)
    )
    async with relaypass.AsyncRelayPass(store=store, **sandbox.options) as client:
        for step in range(60):
            task = asyncio.create_task(client.verifications.start(claim_type=CLAIM_TYPE))
            await asyncio.sleep(step / 10_000)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        started = await client.verifications.start(claim_type=CLAIM_TYPE)
        assert (await client.verifications.complete(started.id)).status == "passed"
    assert complaints == []


# Work in the background


async def until(condition: Callable[[], object]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never happened")


def has_its_pass(store: DictStore | AsyncDictStore) -> bool:
    """The first swap stores the relay and what is to be bought, the second one the pass."""
    return any(b'"is":"ready"' in record.value for record in store.records.values())


async def test_the_background_has_the_context_and_the_loop_of_the_client(
    sandbox: Sandbox,
) -> None:
    seen = []

    class Watched(AsyncDictStore):
        async def compare_and_swap(self, key: str, expected: Any, new: Any) -> bool:
            if key.startswith("verification/"):
                seen.append((REQUEST_ID.get(), asyncio.get_running_loop()))
            return await super().compare_and_swap(key, expected, new)

    REQUEST_ID.set("client")
    client = relaypass.AsyncRelayPass(store=Watched(), **sandbox.options)
    REQUEST_ID.set("call")
    await client.verifications.start(claim_type=CLAIM_TYPE)
    await until(lambda: len(seen) == 2)
    assert {name for name, _ in seen} == {"call", "client"}
    assert {loop for _, loop in seen} == {asyncio.get_running_loop()}


async def test_the_background_of_a_loop_that_ended_goes_on_in_ours(sandbox: Sandbox) -> None:
    sandbox.fault("sign", "delay", milliseconds=1000)
    client = relaypass.AsyncRelayPass(store=(store := AsyncDictStore()), **sandbox.options)

    async def start() -> str:
        return (await client.verifications.start(claim_type=CLAIM_TYPE)).id

    id = await asyncio.to_thread(asyncio.run, start())
    assert not has_its_pass(store)
    await until(lambda: has_its_pass(store))
    assert (await client.verifications.complete(id)).status == "passed"


def test_the_background_outlives_a_client_that_nobody_holds(sandbox: Sandbox) -> None:
    sandbox.fault("sign", "delay", milliseconds=1000)
    store = DictStore()
    relaypass.RelayPass(store=store, **sandbox.options).verifications.start(claim_type=CLAIM_TYPE)
    assert not has_its_pass(store)
    assert soon(lambda: has_its_pass(store))


# What is left behind


def test_a_store_goes_with_its_client() -> None:
    for make_store in (DictStore, AsyncDictStore):
        store: Any = make_store()
        client = relaypass.RelayPass(store=store)
        with contextlib.suppress(relaypass.NotFoundError):
            client.verifications.get(UNKNOWN_ID)
        gone = weakref.ref(store)
        del store
        gc.collect()
        assert gone() is not None
        with contextlib.suppress(relaypass.NotFoundError):
            client.verifications.get(UNKNOWN_ID)
        del client
        assert soon(lambda gone=gone: gone() is None)


def test_a_store_that_holds_its_client_is_collected() -> None:
    store: Any = DictStore()
    store.client = relaypass.RelayPass(store=store)
    with contextlib.suppress(relaypass.NotFoundError):
        store.client.verifications.get(UNKNOWN_ID)
    gone = weakref.ref(store)
    del store
    assert soon(lambda: gc.collect() >= 0 and gone() is None)


def test_an_unused_store_goes_at_once() -> None:
    run_script(
        """
        import gc, weakref, relaypass
        class Store:
            load = compare_and_swap = scan = print
        store = Store()
        gone = weakref.ref(store)
        client = relaypass.RelayPass(store=store)
        del store, client
        gc.collect()
        assert gone() is None
        """
    )


def soon(condition: Callable[..., bool]) -> bool:
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


@STORES
@BOTH
async def test_two_thousand_calls_leave_nothing_behind(
    call: Clients, make_store: Callable[[], Any]
) -> None:
    def fail(_: str) -> None:
        raise KeyError(SECRET)

    store = make_store()
    broken = with_methods(make_store is AsyncDictStore, load=fail)

    async def work(times: int) -> None:
        for _ in range(times):
            for each in (store, broken):
                with contextlib.suppress(relaypass.NotFoundError, relaypass.StoreError):
                    if call is by_waiting:
                        waiting[each].verifications.get(UNKNOWN_ID)
                    else:
                        await awaiting[each].verifications.get(UNKNOWN_ID)

    waiting = {each: relaypass.RelayPass(store=each) for each in (store, broken)}
    awaiting = {each: relaypass.AsyncRelayPass(store=each) for each in (store, broken)}

    def left() -> tuple[int, int, int]:
        gc.collect()
        return (
            len(gc.get_objects()),
            len(os.listdir("/proc/self/fd")),
            len(os.listdir("/proc/self/task")),
        )

    await work(200)
    objects, handles, threads = left()
    memory = resident()
    await work(1000)
    later_objects, later_handles, later_threads = left()
    assert later_objects - objects < 200
    assert later_handles == handles
    assert later_threads <= threads + 2
    assert resident() - memory < 4 << 20


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_idle_threads_are_few() -> None:
    store = with_methods(False, load=lambda _: time.sleep(0.05))
    client = relaypass.RelayPass(store=store)

    def get(_: int) -> None:
        with contextlib.suppress(relaypass.NotFoundError):
            client.verifications.get(UNKNOWN_ID)

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(get, range(64)))

    def serving() -> int:
        return sum(thread.name == "relaypass-store" for thread in threading.enumerate())

    assert soon(lambda: serving() <= 10)
    get(0)
    assert serving() <= 10


# Seals


def test_with_a_seal_key_the_store_sees_nothing(sandbox: Sandbox) -> None:
    store = DictStore()
    options = {**sandbox.options, "store": store}
    with relaypass.RelayPass(seal_key=[b"\1" * 32, b"\2" * 32], **options) as client:
        started = client.verifications.start(claim_type=CLAIM_TYPE)
    token = started.session_access_token
    assert token is not None
    assert not any(token.encode() in record.value for record in store.records.values())
    with (
        relaypass.RelayPass(seal_key=b"\3" * 32, **options) as client,
        pytest.raises(relaypass.RelayPassError) as caught,
    ):
        client.verifications.complete(started.id)
    assert caught.value.code in ("store", "invalid_argument", "decryption")
    with relaypass.RelayPass(seal_key=b"\1" * 32, **options) as client:
        assert client.verifications.complete(started.id).status == "passed"


def test_results_and_clients_hide_their_secrets(sandbox: Sandbox) -> None:
    with relaypass.RelayPass(
        store=DictStore(), seal_key=b"canary" + b"\0" * 26, **sandbox.options
    ) as client:
        started = client.verifications.start(claim_type=CLAIM_TYPE)
        shown = f"{started!r} {started} {client!r} {client.verifications!r} {client._native!r}"
    assert started.session_access_token is not None
    assert started.session_access_token not in shown
    assert "canary" not in shown
    assert started.id in shown
    assert "canary" not in repr(Record(b"canary", 1, None, None))
