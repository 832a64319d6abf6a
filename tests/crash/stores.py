"""Where the workers keep their verifications, and what lies there."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from sandbox import CLI, ROOT

VERIFICATION = "verification/"

# The statement that both databases understand.
_KEYS = f"SELECT key FROM relaypass_records WHERE key LIKE '{VERIFICATION}%'"


def sqlite_url(folder: Path) -> str:
    return f"sqlite://{folder / 'verifications.sqlite'}"


def postgres_url(server: str) -> str:
    """A database of its own on the server, with the table."""
    name = f"crash_{random.getrandbits(64):x}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    url = urlsplit(server)._replace(path=f"/{name}").geturl()
    ddl = subprocess.run([CLI, "store", "ddl"], capture_output=True, check=True).stdout
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(ddl)
    return url


def verification_ids(url: str) -> list[str]:
    """The ids of all verifications in a store, read past relaypass."""
    url = url.removeprefix("example+")
    if url.startswith("file://"):
        # The path is the key's bytes in hexadecimal digits, a hundred a folder.
        folder = Path(url.removeprefix("file://")) / "records"
        paths = [file.relative_to(folder).with_suffix("") for file in folder.rglob("*.json")]
        keys = [bytes.fromhex("".join(path.parts)).decode() for path in paths]
        keys = [key for key in keys if key.startswith(VERIFICATION)]
    elif url.startswith("sqlite://"):
        with closing(sqlite3.connect(url.removeprefix("sqlite://"))) as file:
            keys = [key for (key,) in file.execute(_KEYS)]
    else:
        with psycopg.connect(url) as connection:
            keys = [key for (key,) in connection.execute(_KEYS.encode())]
    return [key.removeprefix(VERIFICATION) for key in keys]


@contextmanager
def running_services() -> Iterator[dict[str, str | None]]:
    """PostgreSQL and Redis, where this system has them."""
    process = subprocess.Popen(
        [ROOT / "tests" / "services" / "run"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=60)


class Server:
    """A PostgreSQL server of its own, to be stopped and started."""

    def __init__(self, url: str) -> None:
        self.url = url
        with psycopg.connect(url) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        self._data = Path(row[0])
        version = (self._data / "PG_VERSION").read_text().strip()
        self._pg_ctl = Path(f"/usr/lib/postgresql/{version}/bin/pg_ctl")

    def stop(self) -> None:
        """As if the machine had lost its power."""
        self._control("stop", "--mode=immediate")

    def start(self) -> None:
        port = urlsplit(self.url).port
        self._control("start", "--wait", f"--log={self._data}/again.log", f"--options=-p {port}")

    def drop_connections(self) -> int:
        """Ends all connections but this one, and says how many those were."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            return ended.rowcount

    def _control(self, *arguments: str) -> None:
        # PostgreSQL refuses to run as root.
        user = "postgres" if os.getuid() == 0 else None
        subprocess.run(
            [self._pg_ctl, f"--pgdata={self._data}", "--silent", *arguments],
            user=user,
            group=user,
            cwd="/",
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
