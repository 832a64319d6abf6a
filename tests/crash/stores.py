"""Where the workers keep their verifications, and what lies there."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import time
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
        self._programs = Path(f"/usr/lib/postgresql/{version}/bin")

    def stop(self) -> None:
        """Without a checkpoint: its processes are killed, and its port refuses connections."""
        self._control(self._data, "stop", "--mode=immediate")

    def start(self) -> None:
        self._start(self._data, urlsplit(self.url).port)

    def is_running(self) -> bool:
        return (self._data / "postmaster.pid").exists()

    def promote(self) -> None:
        """It followed another one, and takes writes itself from now on."""
        self._control(self._data, "promote", "--wait")

    def followed_by(self, data: Path, port: int) -> Server:
        """A new server at this port that follows this one, with its copy in a folder that is not
        there yet. From now on no commit here is said to be done before it is there."""
        copy = ["--checkpoint=fast", "--write-recovery-conf", "--no-sync"]
        self._run("pg_basebackup", f"--dbname={self.url}", f"--pgdata={data}", *copy)
        self._start(data, port)
        try:
            with psycopg.connect(self.url, autocommit=True) as connection:
                self._await(connection, "state = 'streaming'")
                connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
                connection.execute("SELECT pg_reload_conf()")
                self._await(connection, "sync_state = 'sync'")
        except BaseException:
            self._control(data, "stop", "--mode=immediate")
            raise
        place = urlsplit(self.url)
        there = place.netloc.replace(f":{place.port}", f":{port}")
        return Server(place._replace(netloc=there).geturl())

    @staticmethod
    def _await(connection: psycopg.Connection, holds: str) -> None:
        """Waits until this is so of a server that follows."""
        ends = time.monotonic() + 30
        of_one = f"SELECT FROM pg_stat_replication WHERE {holds}".encode()
        while not connection.execute(of_one).rowcount:
            assert time.monotonic() < ends, f"not {holds}"
            time.sleep(0.02)

    def drop_connections(self) -> int:
        """Ends all connections but this one, and says how many those were."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            return ended.rowcount

    def _start(self, data: Path, port: int | None) -> None:
        self._control(data, "start", "--wait", f"--log={data}/again.log", f"--options=-p {port}")

    def _control(self, data: Path, *arguments: str) -> None:
        self._run("pg_ctl", f"--pgdata={data}", "--silent", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        # PostgreSQL refuses to run as root.
        user = "postgres" if os.getuid() == 0 else None
        subprocess.run(
            [self._programs / program, *arguments],
            user=user,
            group=user,
            cwd="/",
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
