"""Records that somebody damaged: refused with a reason, left as they are, and nobody else's
trouble."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from processes import Worker
from sandbox import Sandbox
from stores import VERIFICATION, sqlite_url

SEAL_KEY = bytes(range(32))

Row = tuple[bytes, int]


class Table:
    """The SQLite file of the workers, past relaypass."""

    def __init__(self, folder: Path) -> None:
        self._file = str(folder / "verifications.sqlite")

    def row(self, id: str) -> Row:
        """Value and version of a verification."""
        with closing(sqlite3.connect(self._file)) as file:
            query = "SELECT value, version FROM relaypass_records WHERE key = ?"
            row: Row = file.execute(query, [VERIFICATION + id]).fetchone()
        return row

    def put(self, id: str, value: bytes) -> None:
        """Puts a value in the place of a verification's."""
        with closing(sqlite3.connect(self._file)) as file, file:
            query = "UPDATE relaypass_records SET value = ? WHERE key = ?"
            file.execute(query, [value, VERIFICATION + id])

    def make_due(self) -> None:
        """Lets `recover` find all that is open."""
        with closing(sqlite3.connect(self._file)) as file, file:
            file.execute("UPDATE relaypass_records SET due_at = 1 WHERE due_at IS NOT NULL")

    def make_plain_record_due(self, id: str) -> None:
        """The record itself says when it is due, too."""
        value, _ = self.row(id)
        content = json.loads(value[3:]) | {"due_at": 1, "leased_until": None}
        self.put(id, value[:3] + json.dumps(content).encode())


# What becomes of the value, given the other row's and an older one of its own; and the error.
SEALED: dict[str, tuple[Callable[[bytes, bytes, bytes], bytes], str]] = {
    "a newer format": (lambda value, other, old: b"\x02" + value[1:], "store"),
    "a changed byte": (lambda value, other, old: value[:60] + flip(value[60:]), "decryption"),
    "a changed last byte": (
        lambda value, other, old: value[:-1] + flip(value[-1:]),
        "decryption",
    ),
    "the half of it": (lambda value, other, old: value[: len(value) // 2], "decryption"),
    "nothing": (lambda value, other, old: b"", "store"),
    "noise": (lambda value, other, old: b"\x00" + value[::-1], "store"),
    "the value of another": (lambda value, other, old: other, "decryption"),
    "an older value": (lambda value, other, old: old, "decryption"),
    "a plain value": (lambda value, other, old: b"\x01\x00\x01{}", "store"),
}

PLAIN: dict[str, tuple[Callable[[bytes, bytes, bytes], bytes], str]] = {
    "a newer format": (lambda value, other, old: b"\x02" + value[1:], "store"),
    "a newer format inside": (
        lambda value, other, old: value[:2] + b"\x04" + value[3:],
        "store",
    ),
    "the half of it": (lambda value, other, old: value[: len(value) // 2], "store"),
    "nothing": (lambda value, other, old: b"", "store"),
    "other JSON": (lambda value, other, old: value[:3] + b'{"id": 5}', "store"),
    "the value of another": (lambda value, other, old: other, "store"),
    "a sealed value": (lambda value, other, old: b"\x01\x01" + value[2:], "decryption"),
}


def flip(value: bytes) -> bytes:
    return bytes([value[0] ^ 1]) + value[1:]


def cases() -> Iterator[object]:
    for how, seal_key, damages in (("sealed", SEAL_KEY, SEALED), ("plain", None, PLAIN)):
        for name, (damage, code) in damages.items():
            yield pytest.param(seal_key, damage, code, id=f"{how}: {name}")


def told(worker: Worker, kind: str) -> int:
    """How many events of this kind the worker's listener was told, once there is one: it is called
    beside the call that tells, not within it."""
    deadline = time.monotonic() + 10
    while True:
        count: int = worker.tell("told")["events"].count(kind)
        if count or time.monotonic() > deadline:
            return count
        time.sleep(0.02)


@pytest.mark.parametrize(("seal_key", "damage", "code"), list(cases()))
def test_a_bad_record_is_refused_and_left_untouched(
    sandbox: Sandbox,
    language: str,
    tmp_path: Path,
    seal_key: bytes | None,
    damage: Callable[[bytes, bytes, bytes], bytes],
    code: str,
) -> None:
    table = Table(tmp_path)
    with Worker(language, sandbox, sqlite_url(tmp_path), seal_key) as worker:
        bad, other, third = (worker.tell("start", reference=name) for name in "bot")
        old, _ = table.row(bad["id"])
        for started in (bad, other, third):
            # Now each has its pass, and nobody is at work.
            assert worker.tell("complete", id=started["id"]) == {"status": "pending"}
        (value, version), before = table.row(bad["id"]), table.row(other["id"])
        assert old != value
        damaged = damage(value, before[0], old), version
        table.put(bad["id"], damaged[0])

        for do, command in {"complete": {"id": bad["id"]}, "start": {"reference": "b"}}.items():
            refused = worker.tell(do, **command)
            assert refused.get("error") == code, refused
        assert table.row(bad["id"]) == damaged
        assert table.row(other["id"]) == before

        # One of the others is answered, and one is left to be recovered.
        worker.tell("visit", hosted_url=other["hosted_url"])
        assert worker.tell("complete", id=other["id"]) == {"status": "passed"}
        table.make_due()
        if seal_key is None:
            table.make_plain_record_due(third["id"])
        left = table.row(third["id"])
        # A sealed record cannot be made due from here.
        assert worker.tell("recover") == {"driven": 1 if seal_key is None else 0}
        assert told(worker, "background_failure") == 1
        assert (table.row(third["id"]) == left) is (seal_key is not None)
        assert table.row(bad["id"]) == damaged

        # Who puts the right value back goes on where it was.
        table.put(bad["id"], value)
        worker.tell("visit", hosted_url=bad["hosted_url"])
        assert worker.tell("complete", id=bad["id"]) == {"status": "passed"}
    ledger = sandbox.ledger()
    assert (ledger["billed"], ledger["redeemed"], ledger["double_spends"]) == (3, 2, 0)
