"""The gateway behind nginx as docs/deploying.md sets it up, idle connections, and both families."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit

import pytest

import blocks
from gateways import TOKEN, Answer, Gateway, running_gateway
from loud import Say, missing
from sandbox import Sandbox, send
from servers import listening, with_path

CLAIM = {"claim-type": "age_over18_verified"}

# How much shorter the times of the page are where a test waits for them.
SHORTER = 40

# What the distribution's own file has around the page's block.
AROUND = """
daemon off;
pid nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log access.log;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    {block}
}}
"""


def head_seconds() -> float:
    (line,) = blocks.lines("keep-alive")
    name, value = line.split("=")
    assert name == "RELAYPASS_HEAD_SECONDS"
    return float(value)


def seconds(name: str) -> float:
    """A time of the page's block."""
    (value,) = re.findall(rf"^ *{name} (\d+)s;", blocks.block("nginx"), re.MULTILINE)
    return float(value)


def test_nginx_is_always_the_first_to_close_and_waits_for_the_slowest_call() -> None:
    assert seconds("keepalive_timeout") + 10 <= head_seconds()
    # docs/gateway.md: give a call 40 seconds.
    assert seconds("proxy_read_timeout") > 40


@contextmanager
def nginx(gateway: Gateway, folder: Path, shorter: float = 1) -> Iterator[str]:
    """The address of nginx with the page's block before this gateway."""

    def start(port: int) -> tuple[list[str], Mapping[str, str]]:
        block = blocks.block("nginx")
        for old, new in {
            "server 127.0.0.1:8480;": f"server {urlsplit(gateway.url).netloc};",
            "listen 8080;": f"listen 127.0.0.1:{port};",
            "keepalive_timeout 60s;": f"keepalive_timeout {60_000 / shorter:.0f}ms;",
        }.items():
            assert old in block
            block = block.replace(old, new)
        (folder / "nginx.conf").write_text(AROUND.format(block=block))
        return ["nginx", "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"], with_path({})

    with listening(start, folder) as (port, _, _):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def folder(tmp_path: Path, say: Say) -> Path:
    if shutil.which("nginx", path=with_path({})["PATH"]) is None:
        missing("nginx is not installed", say)
    # Its workers run as somebody else, in pytest's folders, which are their owner's alone.
    (tmp_path / "nginx").mkdir()
    return tmp_path / "nginx"


def test_each_endpoint_works_through_nginx(sandbox: Sandbox, folder: Path, tmp_path: Path) -> None:
    keys = {"RELAYPASS_API_KEY": sandbox.api_key, "RELAYPASS_GATEWAY_TOKEN": TOKEN}
    with (
        running_gateway(sandbox.url, store="memory", environment=keys) as gateway,
        nginx(gateway, folder) as url,
    ):

        def post(path: str, body: object, **headers: str) -> Answer:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return Answer(*send(url + path, json.dumps(body).encode(), named))

        relay = post("/relays", CLAIM | {"sandbox": True}).json
        bearer = f"Bearer {sandbox.api_key}"
        bought = [
            post("/relays/privacy-passes", CLAIM, authorization=bearer, idempotency_key="order-1")
            for _ in range(2)
        ]
        assert bought[0].json == bought[1].json
        redeemed = post(
            f"/relays/{relay['relay-token']}/redeem",
            bought[0].json,
            persona_relay_secret=relay["relay-secret"],
        )
        assert redeemed.json["token-consumed"] is True
        operator = f"Bearer {TOKEN}"
        started = post("/verifications", CLAIM, authorization=operator).json
        path = f"/verifications/{started['id']}/complete"
        assert post(path, {}, authorization=operator).json["status"] == "passed"
        assert post("/relays", {"claim-type": "a" * 70_000}).status == 413
        # What has a token in its path is in no log.
        logs = [file.read_bytes() for file in folder.rglob("*.log")]
        assert logs
        assert not any(relay["relay-token"].encode() in log for log in logs)


def test_no_request_is_lost_around_the_moment_of_closing(sandbox: Sandbox, folder: Path) -> None:
    patience = f"--head-seconds={head_seconds() / SHORTER}"
    with (
        running_gateway(sandbox.url, patience, store="memory") as gateway,
        nginx(gateway, folder, SHORTER) as url,
    ):

        def create_twice(number: int) -> list[int]:
            statuses = []
            # From before nginx closes, until after the gateway would.
            gap = seconds("keepalive_timeout") / SHORTER * (0.9 + number * 0.03)
            for _ in range(2):
                statuses.append(send(f"{url}/relays", json.dumps(CLAIM).encode())[0])
                time.sleep(gap)
            return statuses

        with ThreadPoolExecutor(16) as pool:
            seen = Counter(status for two in pool.map(create_twice, range(16)) for status in two)
    assert seen == {201: 32}


def test_the_gateway_keeps_an_idle_connection_for_as_long_as_it_is_told(sandbox: Sandbox) -> None:
    request = b"GET /healthz HTTP/1.1\r\nhost: gateway\r\n\r\n"
    with (
        running_gateway(sandbox.url, "--head-seconds=1.5", store="memory") as gateway,
        socket.create_connection(("127.0.0.1", _port_of(gateway)), timeout=20) as idle,
    ):
        for pause in (0.0, 1.0):
            time.sleep(pause)
            idle.sendall(request)
            assert idle.recv(4096).startswith(b"HTTP/1.1 200")
        asked = time.monotonic()
        assert idle.recv(4096) == b""
        assert 1.3 < time.monotonic() - asked < 10


# Stands before the C library: a system without IPv6, and one where `net.ipv6.bindv6only` is 1.
SYSTEM = """
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
int socket(int domain, int type, int protocol) {
  int only = 1, made;
#ifdef NO_IPV6
  if (domain == AF_INET6) { errno = EAFNOSUPPORT; return -1; }
#endif
  made = syscall(SYS_socket, domain, type, protocol);
  if (domain == AF_INET6) setsockopt(made, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
  return made;
}
"""


@pytest.mark.parametrize(
    ("listen", "system", "served"),
    [
        ("[::]", None, {"127.0.0.1", "[::1]"}),
        ("[::]", "BINDV6ONLY", {"127.0.0.1", "[::1]"}),
        ("[::]", "NO_IPV6", {"127.0.0.1"}),
        ("0.0.0.0", None, {"127.0.0.1"}),
        ("[::1]", None, {"[::1]"}),
    ],
)
def test_each_family_is_served_where_it_is_listened_on(
    listen: str, system: str | None, served: set[str], sandbox: Sandbox, say: Say, tmp_path: Path
) -> None:
    if not _has_ipv6():
        missing("this system has no IPv6", say)
    environment = {}
    if system:
        library = tmp_path / "system.so"
        compile_c: list[str | Path] = [
            "cc",
            "-shared",
            "-fPIC",
            f"-D{system}",
            "-o",
            library,
            "-xc",
            "-",
        ]
        subprocess.run(compile_c, input=SYSTEM, text=True, check=True)
        environment["LD_PRELOAD"] = str(library)
    with running_gateway(
        sandbox.url, store="memory", listen=f"{listen}:0", environment=environment
    ) as gateway:
        port = _port_of(gateway)
        reached = set()
        for host in ("127.0.0.1", "[::1]"):
            try:
                assert send(f"http://{host}:{port}/healthz", None)[0] == 200
                reached.add(host)
            except URLError:
                pass
    assert reached == served


def _port_of(gateway: Gateway) -> int:
    port = urlsplit(gateway.url).port
    assert port is not None
    return port


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False
