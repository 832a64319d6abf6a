"""The servers in Python that docs/deploying.md names, with its program and its lines."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest

import blocks
from loud import Say, missing
from sandbox import Sandbox
from servers import end, environment, listening, with_path
from visits import assert_all_pass

# How each is told its port without a word in its command.
PORTS = {
    "gunicorn": ("GUNICORN_CMD_ARGS", "--bind=127.0.0.1:{port} --no-control-socket"),
    "uwsgi": ("UWSGI_HTTP_SOCKET", "127.0.0.1:{port}"),
    "uvicorn": ("UVICORN_PORT", "{port}"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("shop.py", "shop_async.py", "tasks.py"):
        (tmp_path / name).write_text(blocks.block(name))
    return tmp_path


def _name(line: str) -> str:
    """Without blanks, at which the table of the longest tests would cut it."""
    return "-".join(re.findall(r"[a-z]+", line))


@pytest.mark.parametrize("line", blocks.lines("wsgi") + blocks.lines("asgi"), ids=_name)
def test_a_server_serves_visitors_from_all_its_workers(
    line: str, folder: Path, sandbox: Sandbox
) -> None:
    command = shlex.split(line)
    variable, value = PORTS[command[0]]
    shop = environment(sandbox, f"sqlite:{folder}/shop.sqlite")

    def start(port: int) -> tuple[list[str], Mapping[str, str]]:
        return command, with_path({**shop, variable: value.format(port=port)})

    with listening(start, folder) as (port, _, _):
        assert_all_pass(f"http://127.0.0.1:{port}", sandbox)


def test_workers_of_gevent_serve_visitors(folder: Path, sandbox: Sandbox, say: Say) -> None:
    # There is not a build of it for each Python.
    if find_spec("gevent") is None:
        missing("gevent is not installed", say)
    (line,) = blocks.lines("gevent")
    test_a_server_serves_visitors_from_all_its_workers(line, folder, sandbox)


ASK = """
import urllib.request, tasks
started = [tasks.client.verifications.start(claim_type="age_over18_verified") for _ in range(4)]
for it in started:
    urllib.request.urlopen(it.hosted_url, data=b"result=passed").close()
print([task.get(timeout=30) for task in [tasks.complete.delay(it.id) for it in started]])
print(tasks.recover.delay().get(timeout=30))
"""


def test_workers_of_celery_complete_what_another_process_began(
    folder: Path, sandbox: Sandbox, services: dict[str, str | None], say: Say
) -> None:
    redis = services["redis"]
    if redis is None:
        missing("Redis is not installed", say)
    (line,) = blocks.lines("celery")
    celery = {"CELERY_BROKER_URL": f"{redis}/0", "CELERY_RESULT_BACKEND": f"{redis}/1"}
    variables = with_path(celery | environment(sandbox, f"sqlite:{folder}/shop.sqlite"))
    with (folder / "celery.log").open("wb") as log:
        worker = subprocess.Popen(
            shlex.split(line),
            cwd=folder,
            env={**variables, "C_FORCE_ROOT": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        asked = subprocess.run(
            [sys.executable, "-c", ASK],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert asked.stdout.splitlines() == [str(["passed"] * 4), "0"], asked.stderr[-2000:]
        ledger = sandbox.ledger()
        assert (ledger["billed"], ledger["redeemed"]) == (4, 4)
        worker.terminate()
        assert worker.wait(30) == 0
    finally:
        end(worker)
