"""Tests of your store: does it keep the contract of :class:`relaypass.Store`?

Run one of these against your own before you trust it with verifications::

    from relaypass.testing import check_store

    def test_my_store():
        check_store(MyStore(...), reopen=lambda: MyStore(...))
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from relaypass import _native, outcomes
from relaypass.callbacks import Callbacks
from relaypass.results import Answer
from relaypass.stores import AsyncStore, Store, checked

__all__ = ["StoreReport", "StoreViolation", "check_store", "check_store_async"]


class StoreViolation(AssertionError):
    """The store breaks a rule. What the store raised, if it did, is the ``__cause__``.

    Attributes:
        rule: The rule, in one sentence.
        found: What happened instead.
    """

    rule: str
    found: str

    def __init__(self, rule: str, found: str) -> None:
        super().__init__(rule, found)
        self.rule = rule
        self.found = found

    def __str__(self) -> str:
        return f"The store breaks the contract. {self.rule} {self.found}"


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What was checked, and held."""

    passed: tuple[str, ...]
    """The parts of the suite that passed."""
    skipped: tuple[str, ...]
    """The parts that could not run: ``reopening``, without a way to reopen."""


def check_store(
    store: Store | AsyncStore,
    *,
    reopen: Callable[[], Store | AsyncStore | Awaitable[Store | AsyncStore]] | None = None,
) -> StoreReport:
    """Checks a store, in a second or two.

    The keys it makes begin with ``conformance/`` and a random part, and it deletes them at the end;
    so it may run on a store in use, and several times at once. Methods to be awaited run in an
    event loop of relaypass; use :func:`check_store_async` to have them in yours.

    Args:
        store: The store.
        reopen: Gives another handle on the same data: a second connection or object, as another
            process would have it. Called several times. With it, the suite checks as well what one
            handle sees of another's work, and that writers with different handles exclude each
            other.

    Raises:
        StoreViolation: the first broken rule.
    """
    opened = _Opened(store, reopen)
    callbacks = Callbacks(opened)
    call = _native.check_store(callbacks.number, reopen is not None)
    return _report(outcomes.waited(call, callbacks.caller()))


async def check_store_async(
    store: Store | AsyncStore,
    *,
    reopen: Callable[[], Store | AsyncStore | Awaitable[Store | AsyncStore]] | None = None,
) -> StoreReport:
    """:func:`check_store`, to be awaited: the store's methods are awaited in this event loop."""
    loop = outcomes.running_loop()
    opened = _Opened(store, reopen, loop)
    callbacks = Callbacks(opened)
    call = _native.check_store(callbacks.number, reopen is not None)
    caller = callbacks.caller(loop)
    return _report(await outcomes.awaited(call, caller))


class _Opened:
    """A store that can be opened once more."""

    def __init__(
        self,
        store: Store | AsyncStore,
        reopen: Callable[[], Any] | None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        checked(store)
        self.load: Any = store.load
        self.compare_and_swap: Any = store.compare_and_swap
        self.scan: Any = store.scan
        self._reopen = reopen
        self._loop = loop
        self._others: list[Callbacks] = []

    def reopen(self) -> object:
        """The number of another store on the same data."""
        assert self._reopen is not None
        other = self._reopen()
        return self._keep_later(other) if inspect.isawaitable(other) else self._keep(other)

    async def _keep_later(self, other: Awaitable[Any]) -> int:
        return self._keep(await other)

    def _keep(self, other: Store | AsyncStore) -> int:
        callbacks = Callbacks(checked(other))
        callbacks.background.loop = self._loop
        self._others.append(callbacks)
        return callbacks.number


def _report(answer: Answer) -> StoreReport:
    violation = answer["violation"]
    if violation is not None:
        raise StoreViolation(violation["rule"], violation["found"]) from violation["thrown"]
    return StoreReport(tuple(answer["passed"]), tuple(answer["skipped"]))
