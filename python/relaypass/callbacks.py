"""How code that is not ours is called: a store's methods, and whoever listens to events.

The native module says what is to be called, and daemon threads of this module fetch it there
(``inbox.rs`` says why they are Python's). It knows of the objects no more than a number: they
live here and are the garbage collector's, even a store that holds its own client.
"""

from __future__ import annotations

import collections
import contextlib
import contextvars
import functools
import inspect
import itertools
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from relaypass import _native, greenlets
from relaypass.events import Event
from relaypass.stores import AsyncStore, Store, StoreRecord

if TYPE_CHECKING:
    import asyncio


class Callbacks:
    """What a client was given to call: a store, and whoever listens to events."""

    __slots__ = (
        "__weakref__",
        "_events",
        "_process",
        "_telling",
        "background",
        "number",
        "on_event",
        "store",
    )

    def __init__(
        self,
        store: Store | AsyncStore | None,
        on_event: Callable[[Event], object] | None = None,
    ) -> None:
        self.store = store
        self.on_event = on_event
        self.background = Caller(None, greenlets.current_hub())
        self._events: collections.deque[tuple[Caller | None, Event]] = collections.deque()
        self._process = _native.process()
        self._telling = threading.Lock()
        self.number = next(_numbers)
        _callbacks[self.number] = self

    def caller(self, loop: asyncio.AbstractEventLoop | None = None) -> Caller:
        """The caller of a call that begins here, in this event loop if it is awaited."""
        if loop is not None and not self.background.has_running_loop():
            # Work in the background goes on in the first loop for as long as that runs.
            self.background.loop = loop
        hub = greenlets.current_hub()
        if hub is not None:
            # It runs, while that of another thread may have ended.
            self.background.hub = hub
        self._start_threads()
        return Caller(loop, hub)

    def tell(self, caller: Caller | None, event: Event) -> None:
        """Has the listener told: here, or in a greenlet where there are any. One at a time."""
        process = _native.process()
        if process != self._process:
            # A child's copy may have been made in the middle of telling.
            self._process, self._telling = process, threading.Lock()
            self._events.clear()
        hub = self.background.hub
        if len(self._events) >= _MOST_EVENTS:
            return
        self._events.append((caller, event))
        if hub is None:
            self._tell_what_waits()
            return
        try:
            hub.spawn_soon(self._tell_what_waits)
        except BaseException:
            # That hub has ended, and nobody waits for anything in it.
            self._tell_what_waits()

    def _tell_what_waits(self) -> None:
        # Whoever comes in between leaves the event to the one who tells.
        while self._events and self._telling.acquire(blocking=False):
            try:
                while self._events:
                    caller, event = self._events.popleft()
                    _tell(self, caller or self.background, event)
                    del caller
            finally:
                self._telling.release()

    def _start_threads(self) -> None:
        # After a fork they are gone, and the native module asks for them again.
        if self.store is not None and _native.store_needs_thread():
            _start_store_thread()
        if self.on_event is not None and _native.events_need_thread():
            _start(_tell_of_events, "relaypass-events", _native.event_thread_failed)


class Caller:
    """In whose name code is called: with which context variables, and in which event loop or hub.

    Every call of a client has its own; work in the background has the one of its client.
    """

    __slots__ = ("_context", "hub", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop | None, hub: greenlets.Hub | None) -> None:
        self.loop = loop
        self.hub = hub
        self._context = contextvars.copy_context()

    def context(self) -> contextvars.Context:
        """The context variables. A copy for each use: no two can run in one context at once."""
        context = self._context.copy()
        context.run(_called_back.set, True)
        return context

    def has_running_loop(self) -> bool:
        return self.loop is not None and self.loop.is_running()

    def loop_to_await_in(self) -> asyncio.AbstractEventLoop:
        """The caller's event loop while it runs, else our own."""
        if self.loop is not None and self.loop.is_running():
            return self.loop
        return _own_loop()


def is_called_back() -> bool:
    """Whether this is code that relaypass called: a call may wait for it to return."""
    return _called_back.get()


_called_back = contextvars.ContextVar("relaypass_called_back", default=False)
_numbers = itertools.count(1)
# As in `events.rs`: greenlets take them over from there.
_MOST_EVENTS = 10_000
_callbacks: WeakValueDictionary[int, Callbacks] = WeakValueDictionary()


def _start(work: Callable[[], None], name: str, failed: Callable[[], None]) -> None:
    try:
        greenlets.start_thread(work, name)
    except BaseException:
        failed()
        raise


def _start_store_thread() -> None:
    _start(_serve_stores, "relaypass-store", _native.store_thread_failed)


def _serve_stores() -> None:
    process = _native.process()
    # A store that forks leaves its child a copy of this thread, which has nothing to do there.
    while _native.process() == process and (fetched := _native.next_store_call()) is not None:
        call, must_start_another = fetched
        del fetched
        if must_start_another:
            # If there are no more threads, the work waits for those that are there.
            with contextlib.suppress(RuntimeError):
                _start_store_thread()
        if isinstance(call, _native.StoreCall):
            _call_store(call)
        # Anything else was only to be let go of, here.
        del call


def _call_store(call: _native.StoreCall) -> None:
    """Has the store's method called: in this thread, or in a greenlet where there are any."""
    try:
        callbacks = _callbacks.get(call.callbacks)
        if callbacks is None:
            raise RuntimeError("the client of this store is no longer there")
        caller = call.caller or callbacks.background
        if caller.hub is None:
            _call_method(callbacks, caller, call)
        else:
            caller.hub.spawn_soon(_call_method, callbacks, caller, call)
    except BaseException as error:
        call.fail(error)


def _call_method(callbacks: Callbacks, caller: Caller, call: _native.StoreCall) -> None:
    """Calls the method and replies, or has the reply follow when it can be awaited."""
    try:
        question = call.question()
        if question is None:
            return
        method, arguments = question
        if method == "compare_and_swap":
            key, expected, new = arguments
            arguments = (key, expected, None if new is None else StoreRecord(*new))
        context = caller.context()
        answer = context.run(getattr(callbacks.store, method), *arguments)
        if not inspect.isawaitable(answer):
            call.reply(answer)
            return
        begin = _Begin(call, answer)
        caller.loop_to_await_in().call_soon_threadsafe(begin, context=context)
    except BaseException as error:
        call.fail(error)


class _Begin:
    """Begins to await, inside the event loop and the caller's context.

    A loop that ends first lets go of it unused: nobody will await then, and the call fails.
    """

    __slots__ = ("_answer", "_begun", "_call")

    def __init__(self, call: _native.StoreCall, answer: Awaitable[Any]) -> None:
        self._call = call
        self._answer = answer
        self._begun = False

    def __call__(self) -> None:
        import asyncio

        self._begun = True
        task = asyncio.ensure_future(_await_and_reply(self._call, self._answer))
        # Event loops hold their tasks weakly.
        _tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Future[None]) -> None:
        _tasks.discard(task)
        if task.cancelled():
            # Before its first step, perhaps, as when the loop ends: then nothing has awaited, and
            # nobody was told. A call that was told already does not listen.
            from asyncio import CancelledError

            self._give_up(CancelledError())
        else:
            # The caller has its exception; asyncio need not complain that nobody looked at it.
            task.exception()

    def __del__(self) -> None:
        if not self._begun:
            self._give_up(RuntimeError("the event loop ended before the store's coroutine began"))

    def _give_up(self, error: BaseException) -> None:
        if inspect.iscoroutine(self._answer):
            self._answer.close()
        self._call.fail(error)


_tasks: set[asyncio.Future[None]] = set()


async def _await_and_reply(call: _native.StoreCall, answer: Awaitable[Any]) -> None:
    try:
        call.reply(await answer)
    except BaseException as error:
        call.fail(error)
        if isinstance(error, KeyboardInterrupt):
            raise


def _own_loop() -> asyncio.AbstractEventLoop:
    """The event loop that we run ourselves, for those who have none. One per process."""
    process = _native.process()
    loop = _own_loops.get(process)
    if loop is None:
        made = greenlets.new_event_loop()
        loop = _own_loops.setdefault(process, made)
        if loop is not made:
            made.close()
            return loop
        try:
            greenlets.start_thread(functools.partial(_run_for_ever, made), "relaypass-loop")
        except BaseException:
            del _own_loops[process]
            made.close()
            raise
    return loop


# A parent's loop stays here: to close it would take the parent's wake-up calls away.
_own_loops: dict[int, asyncio.AbstractEventLoop] = {}


def _run_for_ever(loop: asyncio.AbstractEventLoop) -> None:
    while True:
        # A store may raise it; then the caller has it by now.
        with contextlib.suppress(KeyboardInterrupt):
            loop.run_forever()


def _tell_of_events() -> None:
    process = _native.process()
    while _native.process() == process and (fetched := _native.next_event()) is not None:
        number, caller, members = fetched
        callbacks = _callbacks.get(number)
        if callbacks is not None:
            callbacks.tell(caller, Event(**members))
        del callbacks, caller, fetched


def _tell(callbacks: Callbacks, caller: Caller, event: Event) -> None:
    on_event = callbacks.on_event
    assert on_event is not None
    try:
        caller.context().run(on_event, event)
    except BaseException as error:
        _native.report_unraisable(error, on_event)
