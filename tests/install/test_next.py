"""The npm packages in a site of Next.js, as its standalone server has them."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from platforms import ROOT

from room import Room

SITE = ROOT / "tests/install/next"


@pytest.fixture(scope="session", autouse=True)
def _next() -> None:
    """It comes from its own registry, once."""
    made, lock = SITE / "node_modules/.made", (SITE / "package-lock.json").read_text()
    if not made.exists() or made.read_text() != lock:
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(command, cwd=SITE, check=True)
        made.write_text(lock)


@pytest.fixture
def site(project: Room, readme: dict[str, str]) -> Room:
    """A site whose one route does what the README's example does."""
    for name in ("app", "next.config.mjs", "package.json", "package-lock.json"):
        project.check("cp", "-r", SITE / name, ".")
    project.check("cp", "-r", "--reflink=auto", SITE / "node_modules", ".")
    project.check("npm", "install", "--no-save", "relaypass")
    imports, code = readme["js"].split("\n", 1)
    answer = code.replace("console.log(", "return new Response(")
    assert answer != code
    project.write(
        "app/flow/route.js",
        f"{imports}\nexport const dynamic = 'force-dynamic';\n"
        f"export async function GET() {{{answer}}}\n",
    )
    return project


def test_the_standalone_server_of_a_site_has_the_addon(
    site: Room, sandbox: dict[str, str], tmp_path: Path, ran: Callable[..., None]
) -> None:
    site.check("node", "node_modules/next/dist/bin/next", "build", env=QUIET)
    # Nothing of the project is needed any more.
    server = tmp_path / "server"
    (site.folder / ".next/standalone").rename(server)
    shutil.rmtree(site.folder)
    with served(server, sandbox) as url:
        assert urllib.request.urlopen(f"{url}/flow", timeout=30).read() == b"passed"
    ran("npm", "Next.js 16, standalone, left out of the bundle")


QUIET = {"NEXT_TELEMETRY_DISABLED": "1", "CI": "true"}


@contextmanager
def served(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {"PORT": str(port), "HOSTNAME": "127.0.0.1", "HOME": str(folder), **QUIET}
    node = shutil.which("node")
    assert node
    server = subprocess.Popen([node, "server.js"], cwd=folder, env=variables | environment)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/nothing", timeout=5)
            except urllib.error.HTTPError:
                break
            except OSError:
                assert server.poll() is None, "the server ended"
                time.sleep(0.1)
        else:
            raise TimeoutError("the server takes no connections")
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)
