"""A store's coroutine that its event loop never gets to is closed, and the waiting call is told."""

from __future__ import annotations

import asyncio
import gc
import inspect
from typing import Any, cast

import pytest

from relaypass import callbacks


class Call:
    """Remembers what it is told, as the native one does the first time."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def reply(self, answer: object) -> None:
        self.told.append(answer)

    def fail(self, error: BaseException) -> None:
        self.told.append(error)


async def answer() -> str:
    return "answer"


def begin_with(call: Call, awaitable: Any) -> callbacks._Begin:
    return callbacks._Begin(cast(Any, call), awaitable)


@pytest.mark.filterwarnings("error")
def test_a_task_that_is_cancelled_before_its_first_step_leaves_nothing_unawaited() -> None:
    call, coroutine = Call(), answer()

    async def main() -> None:
        begin_with(call, coroutine)()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
    assert [type(told) for told in call.told] == [asyncio.CancelledError]


@pytest.mark.filterwarnings("error")
def test_a_loop_that_ends_before_the_callback_runs_leaves_nothing_unawaited() -> None:
    call, coroutine = Call(), answer()
    loop = asyncio.new_event_loop()
    loop.call_soon_threadsafe(begin_with(call, coroutine))
    loop.close()
    gc.collect()
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
    assert [type(told) for told in call.told] == [RuntimeError]


@pytest.mark.filterwarnings("error")
def test_an_answer_is_told_once() -> None:
    call = Call()

    async def main() -> None:
        begin_with(call, answer())()
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert call.told == ["answer"]
