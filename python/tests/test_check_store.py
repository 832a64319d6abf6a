"""The store suite in Python: good stores pass it, each broken one is found out."""

from __future__ import annotations

import asyncio
import importlib.util
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support import REPOSITORY, AsyncDictStore, DictStore, Sandbox

import relaypass
from relaypass.testing import StoreReport, StoreViolation, check_store, check_store_async

Record = relaypass.StoreRecord
Services = dict[str, str | None]


def example(name: str) -> ModuleType:
    path = REPOSITORY / "examples/stores" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def is_whole(report: StoreReport) -> bool:
    return len(report.passed) == 13 and report.skipped == ()


# Good stores


@pytest.mark.parametrize("store_class", [DictStore, AsyncDictStore])
async def test_a_plain_store_passes(store_class: Any) -> None:
    store = store_class()
    assert is_whole(check_store(store, reopen=lambda: store_class(store.records)))
    assert is_whole(await check_store_async(store, reopen=lambda: store_class(store.records)))
    report = check_store(store)
    assert report.skipped == ("reopening",)
    assert len(report.passed) == 12
    assert store.records == {}


async def test_reopening_may_be_awaited() -> None:
    store = AsyncDictStore()

    async def reopen() -> AsyncDictStore:
        await asyncio.sleep(0)
        return AsyncDictStore(store.records)

    assert is_whole(await check_store_async(store, reopen=reopen))
    assert is_whole(check_store(store, reopen=reopen))


@pytest.fixture
def postgres(services: Services) -> str:
    if services["postgres"] is None:
        pytest.skip("this system has no PostgreSQL")
    return services["postgres"]


def check_sqlalchemy(url: str) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    module = example("sqlalchemy_store")
    engines = []

    def opened() -> Any:
        engines.append(sqlalchemy.create_engine(url))
        return module.SQLAlchemyStore(engines[-1])

    store = opened()
    try:
        module.metadata.create_all(store.engine)
        assert is_whole(check_store(store, reopen=opened))
    finally:
        module.metadata.drop_all(store.engine)
        for engine in engines:
            engine.dispose()


def test_the_sqlalchemy_example_on_sqlite(tmp_path: Path) -> None:
    check_sqlalchemy(f"sqlite:///{tmp_path}/records.sqlite")


def test_the_sqlalchemy_example_on_postgresql(postgres: str) -> None:
    check_sqlalchemy(postgres.replace("postgres://", "postgresql+psycopg://"))


async def test_the_asyncpg_example(postgres: str) -> None:
    asyncpg = pytest.importorskip("asyncpg")
    module = example("asyncpg_store")
    pools = []

    async def opened() -> Any:
        pools.append(await asyncpg.create_pool(postgres, min_size=1, max_size=8))
        return module.AsyncpgStore(pools[-1])

    store = await opened()
    await store.pool.execute(module.TABLE)
    try:
        assert is_whole(await check_store_async(store, reopen=opened))
    finally:
        await store.pool.execute("DROP TABLE relaypass_records")
        for pool in pools:
            await pool.close()


def test_the_redis_example(services: Services) -> None:
    redis = pytest.importorskip("redis")
    if services["redis"] is None:
        pytest.skip("this system has no Redis")
    module = example("redis_store")
    connections = []

    def opened() -> Any:
        connections.append(redis.Redis.from_url(services["redis"]))
        return module.RedisStore(connections[-1])

    try:
        assert is_whole(check_store(opened(), reopen=opened))
        assert connections[0].keys("relaypass:*") == []
    finally:
        for connection in connections:
            connection.close()


async def test_the_examples_keep_verifications(
    sandbox: Sandbox, tmp_path: Path, postgres: str
) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    module = example("sqlalchemy_store")
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/records.sqlite")
    module.metadata.create_all(engine)
    with relaypass.RelayPass(store=module.SQLAlchemyStore(engine), **sandbox.options) as client:
        started = client.verifications.start(claim_type="age_over18_verified")
        assert client.verifications.complete(started.id).status == "passed"
    engine.dispose()

    asyncpg = pytest.importorskip("asyncpg")
    module = example("asyncpg_store")
    async with asyncpg.create_pool(postgres, min_size=1, max_size=4) as pool:
        await pool.execute(module.TABLE)
        store = module.AsyncpgStore(pool)
        async with relaypass.AsyncRelayPass(store=store, **sandbox.options) as async_client:
            started = await async_client.verifications.start(claim_type="age_over18_verified")
            completed = await async_client.verifications.complete(started.id)
            assert completed.status == "passed"
        await pool.execute("DROP TABLE relaypass_records")


# Broken stores


class Forgetful(DictStore):
    """Overwrites whatever is there."""

    def compare_and_swap(self, key: str, expected: int | None, new: Record | None) -> bool:
        if new is None:
            self.records.pop(key, None)
        else:
            self.records[key] = new
        return True


class Racy(DictStore):
    """Looks, and then leaps."""

    def compare_and_swap(self, key: str, expected: int | None, new: Record | None) -> bool:
        there = self.records.get(key)
        if (None if there is None else there.version) != expected:
            return False
        threading.Event().wait(0.01)
        if new is None:
            self.records.pop(key, None)
        else:
            self.records[key] = new
        return True


class CutsAtNul(DictStore):
    def load(self, key: str) -> Record | None:
        it = super().load(key)
        return it and Record(it.value.split(b"\0")[0], it.version, it.due_at, it.expires_at)


class FoldsCase(DictStore):
    def load(self, key: str) -> Record | None:
        return super().load(key.lower())

    def compare_and_swap(self, key: str, expected: int | None, new: Record | None) -> bool:
        return super().compare_and_swap(key.lower(), expected, new)


class NeverDeletes(DictStore):
    def compare_and_swap(self, key: str, expected: int | None, new: Record | None) -> bool:
        return new is None or super().compare_and_swap(key, expected, new)


class Unordered(DictStore):
    def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
        return super().scan(prefix, due_before, limit)[::-1]


class Unlimited(DictStore):
    def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
        return super().scan(prefix, due_before, 10**9)


class TakesUnderscoreForAnything(DictStore):
    def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
        connection = sqlite3.connect(":memory:")
        with closing(connection):
            query = "SELECT ? LIKE ?"
            fits = [
                key
                for key in self.records
                if connection.execute(query, (key, prefix + "%")).fetchone()[0]
            ]
        due = self.records if due_before is None else {}
        return sorted(key for key in fits if key in due)[:limit] or super().scan(
            prefix, due_before, limit
        )


@pytest.mark.parametrize(
    "store_class",
    [
        Forgetful,
        Racy,
        CutsAtNul,
        FoldsCase,
        NeverDeletes,
        Unordered,
        Unlimited,
        TakesUnderscoreForAnything,
    ],
)
def test_a_broken_store_is_found_out(store_class: type[DictStore]) -> None:
    with pytest.raises(StoreViolation) as caught:
        check_store(store_class())
    violation = caught.value
    assert isinstance(violation, AssertionError)
    assert violation.rule.endswith(".")
    assert violation.found
    assert violation.rule in str(violation)


def test_another_handle_that_sees_nothing_is_found_out() -> None:
    with pytest.raises(StoreViolation):
        check_store(DictStore(), reopen=DictStore)


def test_what_a_store_raises_is_the_cause_of_the_violation() -> None:
    error = OSError("no")

    class Broken(DictStore):
        def load(self, key: str) -> Record | None:
            raise error

    with pytest.raises(StoreViolation) as caught:
        check_store(Broken())
    causes: list[BaseException] = []
    cause: BaseException | None = caught.value
    while (cause := cause.__cause__) is not None:  # type: ignore[union-attr]
        causes.append(cause)
    assert error in causes


def test_a_wrong_type_is_named_by_the_violation() -> None:
    class Broken(DictStore):
        def scan(self, prefix: str, due_before: int | None, limit: int) -> Any:
            return tuple(super().scan(prefix, due_before, limit))

    with pytest.raises(StoreViolation, match="scan must return a list of str, not tuple"):
        check_store(Broken())


@pytest.mark.parametrize("reopen", [lambda: None, lambda: 1 / 0])
def test_a_store_that_does_not_open_again_is_found_out(reopen: Callable[[], Any]) -> None:
    with pytest.raises(StoreViolation, match="reopen"):
        check_store(DictStore(), reopen=reopen)
