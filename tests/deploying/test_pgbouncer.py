"""PostgreSQL behind PgBouncer as docs/deploying.md sets it up: a new one, and Debian's own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import blocks
from gateways import TOKEN, running_gateway
from loud import Say, missing
from sandbox import CLI, Sandbox
from servers import listening, with_path
from stores import postgres_url

NEW = Path(__file__).parent / "pgbouncer"
SEAL_KEY = {"RELAYPASS_SEAL_KEY": "A" * 43 + "="}
PREPARED = "max_prepared_statements = 200\n"
LOST = "A pooler such as PgBouncer lost a prepared statement. It needs version 1.21 or later"


@pytest.fixture
def server(services: dict[str, str | None], say: Say) -> str:
    if services["postgres"] is None:
        missing("PostgreSQL is not installed", say)
    return postgres_url(services["postgres"])


@pytest.fixture
def new(say: Say) -> list[str]:
    """The command of one that keeps prepared statements."""
    if subprocess.run([NEW, "has"], check=False).returncode != 0:
        missing("there is no PgBouncer of version 1.21 or later (tests/deploying/fetch)", say)
    return [str(NEW), "run"]


@pytest.fixture
def old(say: Say) -> list[str]:
    """The command of one that loses them."""
    found = shutil.which("pgbouncer", path=with_path({})["PATH"])
    if found is None:
        missing("PgBouncer is not installed", say)
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(map(int, told.split()[1].split(".")[:2]))
    if version >= (1, 21):
        pytest.skip(f"this system's PgBouncer keeps prepared statements: {told.splitlines()[0]}")
    return [found]


@contextmanager
def pgbouncer(command: list[str], server: str, changes: Mapping[str, str]) -> Iterator[str]:
    """The URL of the database through PgBouncer with the page's file, so changed."""
    real = urlsplit(server)
    # It does not run as root, and reads its files as somebody else.
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    folder.chmod(0o755)

    def start(port: int) -> tuple[list[str], Mapping[str, str]]:
        text = blocks.block("pgbouncer")
        here = {
            "host=127.0.0.1 port=5432 dbname=relaypass": f"host={real.hostname} port={real.port} "
            f"dbname={real.path[1:]}",
            "listen_port = 6432": f"listen_port = {port}",
            "/etc/pgbouncer/userlist.txt": str(folder / "userlist.txt"),
        }
        for before, after in {**here, **changes}.items():
            assert before in text
            text = text.replace(before, after)
        (folder / "userlist.txt").write_text(f'"{real.username}" "{real.password}"\n')
        own = "user = nobody\nunix_socket_dir =\n"
        (folder / "pgbouncer.ini").write_text(text + own)
        return [*command, str(folder / "pgbouncer.ini")], with_path({})

    try:
        # It waits for those who are served.
        with listening(start, folder, stop=signal.SIGINT) as (port, _, _):
            user = f"{real.username}:{real.password}"
            yield f"postgres://{user}@127.0.0.1:{port}/relaypass"
    finally:
        shutil.rmtree(folder)


def check(url: str) -> tuple[int, str]:
    """What the conformance suite for stores says."""
    done = subprocess.run(
        [CLI, "store", "check", url], capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_new_one_keeps_the_contract_between_transactions(server: str, new: list[str]) -> None:
    # Two connections for eight writers, so that statements meet servers that do not know them.
    with pgbouncer(new, server, {PREPARED: f"{PREPARED}default_pool_size = 2\n"}) as url:
        assert check(url)[0] == 0


def test_the_gateway_works_through_a_new_one(sandbox: Sandbox, server: str, new: list[str]) -> None:
    with pgbouncer(new, server, {}) as url:
        use(url, sandbox)


def use(url: str, sandbox: Sandbox) -> None:
    """Verifications through a gateway with this store, eight at once."""
    keys = {"RELAYPASS_API_KEY": sandbox.api_key, "RELAYPASS_GATEWAY_TOKEN": TOKEN, **SEAL_KEY}
    with running_gateway(sandbox.url, store=url, environment=keys) as gateway:
        assert gateway.get("/readyz").status == 200

        def verify(number: int) -> str:
            operator = {"authorization": f"Bearer {TOKEN}"}
            body = {"claim-type": "age_over18_verified", "reference": f"order-{number}"}
            started = [gateway.post("/verifications", body, operator).json for _ in range(2)]
            assert started[0]["id"] == started[1]["id"]
            path = f"/verifications/{started[0]['id']}/complete"
            status: str = gateway.post(path, {}, operator).json["status"]
            return status

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(verify, range(16))) == {"passed"}


def test_a_new_one_that_keeps_no_statements_is_named(server: str, new: list[str]) -> None:
    without = {PREPARED: "max_prepared_statements = 0\ndefault_pool_size = 2\n"}
    with pgbouncer(new, server, without) as url:
        status, said = check(url)
    assert status == 1
    assert LOST in said


def test_an_old_one_is_named(server: str, old: list[str]) -> None:
    with pgbouncer(old, server, {PREPARED: "default_pool_size = 2\n"}) as url:
        status, said = check(url)
    assert status == 1
    assert LOST in said


def test_an_old_one_works_between_sessions(sandbox: Sandbox, server: str, old: list[str]) -> None:
    session = {PREPARED: "default_pool_size = 2\n", "= transaction": "= session"}
    with pgbouncer(old, server, session) as url:
        use(f"{url}?pool_size=2", sandbox)


NONE_LEFT = "A pooler such as PgBouncer has no connection left: with pool_mode=session"


def test_too_few_connections_for_sessions_are_named(
    sandbox: Sandbox, server: str, old: list[str], tmp_path: Path
) -> None:
    session = {PREPARED: "default_pool_size = 1\n", "= transaction": "= session"}
    with pgbouncer(old, server, session) as through:
        said = refused_for_want_of_connections(through, sandbox, tmp_path / "log")
    assert "no new connection was ready in 4 seconds" in said


def test_who_waited_longer_than_the_pooler_lets_anybody_wait_is_told_the_same(
    sandbox: Sandbox, server: str, old: list[str], tmp_path: Path
) -> None:
    short = "default_pool_size = 1\nquery_wait_timeout = 1\n"
    with pgbouncer(old, server, {PREPARED: short, "= transaction": "= session"}) as through:
        said = refused_for_want_of_connections(through, sandbox, tmp_path / "log")
    assert "query_wait_timeout" in said


def refused_for_want_of_connections(through: str, sandbox: Sandbox, log: Path) -> str:
    """What a gateway logs when another one holds the only connection of the pooler."""
    url = f"{through}?pool_size=1&connect_timeout=1"
    keys = {"RELAYPASS_API_KEY": sandbox.api_key, "RELAYPASS_GATEWAY_TOKEN": TOKEN, **SEAL_KEY}
    with running_gateway(sandbox.url, store=url, environment=SEAL_KEY) as first:
        assert first.get("/readyz").status == 200
        with running_gateway(sandbox.url, store=url, environment=keys, log=log) as second:
            assert second.get("/readyz").status == 503
            operator = {"authorization": f"Bearer {TOKEN}"}
            body = {"claim-type": "age_over18_verified", "reference": "order-1"}
            assert second.post("/verifications", body, operator).status == 503
            # It would wait for its store.
            second.process.kill()
    said = log.read_text()
    assert NONE_LEFT in said
    return said
