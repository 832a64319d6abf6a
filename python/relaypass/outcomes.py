"""How calls are made, and what comes of them: an answer is returned, an error raised.

The native module hands over an opaque outcome, never a bare answer or an exception: asyncio prints
what it is given in its debug log, and an exception has to be made here (``outcome.rs`` says why).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

from relaypass._native import Call, Outcome
from relaypass.callbacks import Caller
from relaypass.errors import from_native
from relaypass.greenlets import current_hub

if TYPE_CHECKING:
    import asyncio

_Answer = TypeVar("_Answer")


def opened(outcome: Outcome[_Answer]) -> _Answer:
    """The answer; raises the error if it is one."""
    failure = outcome.failure()
    if failure is not None:
        raise from_native(**failure)
    return outcome.answer()


def unstarted(error: RuntimeError) -> Outcome[Any]:
    """What came of a call that could not begin for want of threads or descriptors. Any other error
    is raised again."""
    match error.args:
        case (Outcome() as outcome,):
            return outcome
    raise error


def waited(call: Call[_Answer], caller: Caller | None = None) -> _Answer:
    """Makes the call in this thread; where threads have greenlets, the others go on."""
    hub = current_hub() if caller is None else caller.hub
    outcome: Outcome[_Answer]
    try:
        if hub is None:
            outcome = call.wait(caller)
        else:
            outcome = hub.waited(lambda soon, settle: call.start(soon, settle, caller))
    except RuntimeError as error:
        outcome = unstarted(error)
    return opened(outcome)


async def awaited(call: Call[_Answer], caller: Caller | None = None) -> _Answer:
    """Makes the call in asyncio. Cancelling the task drops it."""
    loop = running_loop()
    future: asyncio.Future[Outcome[_Answer]] = loop.create_future()

    def settle(outcome: Outcome[_Answer]) -> None:
        # It may have been cancelled while the outcome was on its way.
        if not future.done():
            future.set_result(outcome)

    try:
        future.add_done_callback(call.start(loop.call_soon_threadsafe, settle, caller))
    except RuntimeError as error:
        settle(unstarted(error))
    return opened(await future)


def running_loop() -> asyncio.AbstractEventLoop:
    """The event loop of asyncio that runs here.

    Raises:
        RuntimeError: none does, or trio runs.
    """
    if _is_trio():
        raise RuntimeError(
            "AsyncRelayPass is awaited in asyncio, and this is trio. Call RelayPass in a thread "
            "(trio.to_thread.run_sync, anyio.to_thread.run_sync), or run anyio with "
            'backend="asyncio".'
        )
    # Here, and not above: whoever only calls in threads need not wait for it.
    import asyncio

    return asyncio.get_running_loop()


def _is_trio() -> bool:
    # Every trio brings sniffio along, and what joins the two loops tells it which one has the turn.
    sniffio: Any = sys.modules.get("sniffio")
    if sniffio is None:
        return False
    try:
        return bool(sniffio.current_async_library() == "trio")
    except sniffio.AsyncLibraryNotFoundError:
        return False
