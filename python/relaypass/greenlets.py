"""gevent and eventlet, where threads are greenlets and whoever blocks one blocks them all.

After ``monkey.patch_all()`` a ``threading.Thread`` is a greenlet of the thread that starts it, and
each thread has a *hub* that runs its greenlets in turn. So three things differ there:

* our own threads are made of what is below the patches;
* a call waits in the hub, which goes on with the other greenlets;
* code that is not ours runs in a greenlet of that hub. Its locks, sockets and pooled connections
  belong to the hub that made them, and fail or hang in any other thread.

All of it is looked up when it is needed, so that it does not matter whether the patches or we were
imported first.
"""

from __future__ import annotations

import collections
import contextlib
import os
import selectors
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary, WeakSet

if TYPE_CHECKING:
    import asyncio


class Hub(Protocol):
    """What runs the greenlets of a thread."""

    def spawn_soon(self, function: Callable[..., object], *arguments: object) -> None:
        """Runs it in a greenlet of its own. May be called from any thread."""

    def waited(self, start: Callable[..., Callable[[Any], None]]) -> Any:
        """Starts a call as asyncio does, with ``start(call_soon_threadsafe, settle)``, and waits
        for what it settles, while other greenlets go on. A greenlet that is killed ends its call.
        """


def current_hub() -> Hub | None:
    """The hub of this thread, if Python is patched to have any.

    Raises:
        RuntimeError: it lacks what we need.
    """
    # Every call asks, and most programs have neither.
    if "gevent.monkey" not in sys.modules and "eventlet.patcher" not in sys.modules:
        return None
    if _gevent_has_patched("threading") or _gevent_has_patched("socket"):
        return _GeventHub()
    if _eventlet_has_patched("thread") or _eventlet_has_patched("socket"):
        return _eventlet_hub()
    return None


def start_thread(work: Callable[[], None], name: str) -> None:
    """Starts a daemon thread of the operating system's, patched or not."""
    if _gevent_has_patched("threading"):
        start = import_module("gevent.monkey").get_original("_thread", "start_new_thread")
        start(work, ())
        return
    made: Any = threading
    if _eventlet_has_patched("thread"):
        made = import_module("eventlet.patcher").original("threading")
    made.Thread(target=work, name=name, daemon=True).start()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """An event loop that another thread may run."""
    import asyncio

    if _gevent_has_patched("select"):
        # The usual selector would belong to the hub of this thread.
        return asyncio.SelectorEventLoop(selectors.SelectSelector())
    return asyncio.new_event_loop()


def _gevent_has_patched(module: str) -> bool:
    monkey: Any = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched(module))


def _eventlet_has_patched(module: str) -> bool:
    patcher: Any = sys.modules.get("eventlet.patcher")
    return patcher is not None and bool(patcher.is_monkey_patched(module))


class _GeventHub:
    """A hub of gevent's."""

    def __init__(self) -> None:
        self._gevent: Any = import_module("gevent")
        self._loop: Any = self._gevent.get_hub().loop
        if not hasattr(self._loop, "run_callback_threadsafe"):
            raise RuntimeError(
                f"relaypass cannot work with gevent {self._gevent.__version__}, which no other "
                "thread can wake: install gevent 20.5.1 or later"
            )

    def spawn_soon(self, function: Callable[..., object], *arguments: object) -> None:
        self._loop.run_callback_threadsafe(self._gevent.spawn, function, *arguments)

    def waited(self, start: Callable[..., Callable[[Any], None]]) -> Any:
        arrived: Any = import_module("gevent.event").AsyncResult()
        # Without a watcher that it waits for, a hub takes it that nothing will ever happen.
        waits = self._loop.async_()
        waits.start(_nothing)
        try:
            end = start(self._loop.run_callback_threadsafe, arrived.set)
            try:
                return arrived.get()
            finally:
                end(None)
        finally:
            waits.close()


def _nothing() -> None:
    pass


class _EventletHub:
    """A hub of eventlet's, which other threads wake through a pair of sockets."""

    def __init__(self, hub: Any) -> None:
        self._eventlet: Any = import_module("eventlet")
        self._event: Any = import_module("eventlet.event").Event
        self.process = os.getpid()
        socket = import_module("eventlet.patcher").original("socket")
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._ringer.setblocking(False)
        self._due: collections.deque[tuple[Callable[..., object], tuple[object, ...]]]
        self._due = collections.deque()
        # The hub holds this, and this not the hub: they end together.
        hub.add(hub.READ, self._bell.fileno(), self._run_due, _nothing_more, _nothing)

    def _call_soon_threadsafe(self, function: Callable[..., object], *arguments: object) -> None:
        self._due.append((function, arguments))
        # If there is no room, it rings already.
        with contextlib.suppress(BlockingIOError):
            self._ringer.send(b"\0")

    def _run_due(self, _descriptor: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._bell.recv(4096)
        while self._due:
            function, arguments = self._due.popleft()
            function(*arguments)

    def spawn_soon(self, function: Callable[..., object], *arguments: object) -> None:
        self._call_soon_threadsafe(self._eventlet.spawn_n, function, *arguments)

    def waited(self, start: Callable[..., Callable[[Any], None]]) -> Any:
        arrived = self._event()
        end = start(self._call_soon_threadsafe, arrived.send)
        try:
            return arrived.wait()
        finally:
            end(None)


def _nothing_more(_error: BaseException) -> None:
    pass


_eventlet_hubs: WeakKeyDictionary[Any, _EventletHub] = WeakKeyDictionary()

_inherited_hubs: WeakSet[Any] = WeakSet()


def _eventlet_hub() -> _EventletHub:
    hub = import_module("eventlet.hubs").get_hub()
    if hub in _inherited_hubs and hasattr(getattr(hub, "poll", None), "fileno"):
        # Each of the two processes would be woken by, and drop, what the other waits for.
        raise RuntimeError(
            "relaypass cannot wait here: this process was forked with eventlet's hub, and shares "
            "its epoll with the parent. Call eventlet.hubs.use_hub() in the child first, as "
            "gunicorn's eventlet worker does"
        )
    known = _eventlet_hubs.get(hub)
    # The sockets of a forked child's copy are the parent's.
    if known is None or known.process != os.getpid():
        known = _eventlet_hubs[hub] = _EventletHub(hub)
    return known


def _note_inherited_hub() -> None:
    hubs = sys.modules.get("eventlet.hubs")
    hub = getattr(getattr(hubs, "_threadlocal", None), "hub", None)
    if hub is not None:
        _inherited_hubs.add(hub)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_inherited_hub)
