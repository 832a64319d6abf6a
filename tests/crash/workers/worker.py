"""A process that works on verifications, as a server of a user's would: told what to do by lines of
JSON on its standard input, answering by lines of JSON, several commands at once.

It says ``{"ready": true}`` when it begins its first command.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import relaypass

CLAIM_TYPE = "age_over18_verified"
EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "stores"
_OPENER = build_opener(ProxyHandler({}))


class Worker:
    def __init__(self, store: Any) -> None:
        self.events: list[str] = []
        self.client = open_client(store, on_event=lambda event: self.events.append(event.kind))

    async def answer(self, command: dict[str, Any]) -> None:
        number, name = command.pop("number"), command.pop("do")
        try:
            told = await getattr(self, name)(**command)
        except relaypass.RelayPassError as error:
            told = {"error": error.code, "message": str(error)}
        say({"number": number, **told})

    async def verify(self, reference: str) -> dict[str, Any]:
        """A whole verification, the visitor's part included; or what another worker left of it."""
        return await verify(self.client, reference)

    async def start(self, reference: str) -> dict[str, Any]:
        id, hosted_url = await start(self.client, reference)
        return {"id": id, "hosted_url": hosted_url}

    async def visit(self, hosted_url: str) -> dict[str, Any]:
        await visit(hosted_url)
        return {}

    async def complete(self, id: str) -> dict[str, Any]:
        completed = await self.client.verifications.complete(id)
        return {"status": completed.status}

    async def recover(self) -> dict[str, Any]:
        return {"driven": await self.client.verifications.recover()}

    async def told(self) -> dict[str, Any]:
        """The kinds of the events so far."""
        return {"events": self.events}

    async def broken(self, how: str, nth: int) -> dict[str, Any]:
        """A whole verification on a store of its own whose nth call goes wrong."""
        return await verify_on_broken_store(how, nth)


async def verify(client: relaypass.AsyncRelayPass, reference: str) -> dict[str, Any]:
    id, hosted_url = await start(client, reference)
    await visit(hosted_url)
    completed = await client.verifications.complete(id)
    return {"id": id, "status": completed.status}


async def start(client: relaypass.AsyncRelayPass, reference: str) -> tuple[str, str]:
    started = await client.verifications.start(claim_type=CLAIM_TYPE, reference=reference)
    assert started.hosted_url is not None
    return started.id, started.hosted_url


async def visit(hosted_url: str) -> None:
    """The visitor passes the check. Somebody whose work is continued may have done so before."""

    def post() -> None:
        try:
            _OPENER.open(Request(hosted_url, data=b"result=passed"), timeout=30).close()
        except HTTPError as error:
            error.close()
            if error.code >= 500:
                raise

    await asyncio.to_thread(post)


class BrokenStore:
    """A store in memory whose nth call goes wrong, before or after it did what was asked."""

    def __init__(self, how: str, nth: int) -> None:
        self.what, _, self.when = how.partition(" ")
        self.nth = nth
        self.calls = 0
        self.fired: str | None = None
        """The method whose call went wrong."""
        self.error = OSError("the store is broken")
        self.records: dict[str, relaypass.StoreRecord] = {}

    async def load(self, key: str) -> relaypass.StoreRecord | None:
        async def good() -> relaypass.StoreRecord | None:
            return self.records.get(key)

        found: relaypass.StoreRecord | None = await self._call("load", good)
        return found

    async def compare_and_swap(
        self, key: str, expected: int | None, new: relaypass.StoreRecord | None
    ) -> bool:
        async def good() -> bool:
            there = self.records.get(key)
            if (None if there is None else there.version) != expected:
                return False
            if new is None:
                del self.records[key]
            else:
                self.records[key] = new
            return True

        swapped: bool = await self._call("compare_and_swap", good)
        return swapped

    async def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
        async def good() -> list[str]:
            found = sorted(
                (record.due_at or 0, key)
                for key, record in self.records.items()
                if key.startswith(prefix)
                and (due_before is None or (record.due_at or due_before + 1) <= due_before)
            )
            return [key for _, key in found][:limit]

        keys: list[str] = await self._call("scan", good)
        return keys

    async def _call(self, name: str, good: Any) -> Any:
        self.calls += 1
        # A lie about something else than a swap would be a wrong type.
        is_about = self.what != "lies" or name == "compare_and_swap"
        if self.calls < self.nth or self.fired or not is_about:
            return await good()
        self.fired = name
        if self.when == "after":
            await good()
        if self.what == "throws":
            raise self.error
        if self.what == "hangs":
            await asyncio.sleep(3600)
        if self.what == "lies":
            return self.when == "before"
        return object()


async def verify_on_broken_store(how: str, nth: int) -> dict[str, Any]:
    store = BrokenStore(how, nth)
    client = open_client(store, store_timeout=2.0)
    failures = []
    told = {"status": "never"}
    id = None
    # Asked again as a user would who keeps the id, a few times only.
    for _ in range(5):
        try:
            if id is None:
                id, hosted_url = await start(client, "the-one")
            await visit(hosted_url)
            told = {"status": (await client.verifications.complete(id)).status}
            break
        except relaypass.RelayPassError as error:
            failures.append({"code": error.code, "is_own": error.__cause__ is store.error})
            if error.code == "not_found":
                id = None
    verifications = sum(key.startswith("verification/") for key in store.records)
    return {"fired": store.fired, "failures": failures, "verifications": verifications, **told}


def open_client(store: Any, **options: Any) -> relaypass.AsyncRelayPass:
    seal_key = os.environ.get("RELAYPASS_SEAL_KEY")
    return relaypass.AsyncRelayPass(
        api_key=os.environ["RELAYPASS_API_KEY"],
        base_url=os.environ["RELAYPASS_BASE_URL"],
        store=store,
        seal_key=bytes.fromhex(seal_key) if seal_key else None,
        **options,
    )


async def open_store(url: str) -> Any:
    """The built-in store, or, with ``example+`` before it, the example that a user would copy."""
    if not url.startswith("example+"):
        return url
    sys.path.append(str(EXAMPLES))
    asyncpg, example = (importlib.import_module(name) for name in ("asyncpg", "asyncpg_store"))
    return example.AsyncpgStore(
        await asyncpg.create_pool(url.removeprefix("example+"), min_size=1, max_size=4)
    )


def say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


async def main() -> None:
    worker = Worker(await open_store(os.environ["RELAYPASS_STORE"]))
    tasks: set[asyncio.Task[None]] = set()
    while line := await asyncio.to_thread(sys.stdin.readline):
        if not tasks:
            say({"ready": True})
        tasks.add(asyncio.create_task(worker.answer(json.loads(line))))
    await asyncio.gather(*tasks)


asyncio.run(main())
