"""Programs that are measured, the sandbox that they ask, and tables of what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
BENCH = Path(__file__).parent
CLI = Path(os.environ.get("RELAYPASS_CLI", ROOT / "target/release/relaypass"))
NODE = ["node"]
# Where there is no Go, it is not built.
GO = [str(ROOT / "out/bench/peer-go")]
# With the names of its functions, which `measure_instructions.py` reads.
RUST = [os.environ.get("RELAYPASS_CLIENT_BENCH", str(ROOT / "out/bench/client"))]


def run(command: list[str], env: dict[str, str] | None = None) -> dict[str, Any]:
    """Runs a program and reads the JSON object on its last line."""
    process = subprocess.run(
        command, capture_output=True, check=False, text=True, env=environment_with(env), cwd=ROOT
    )
    if process.returncode != 0:
        raise SystemExit(f"{command} failed:\n{process.stdout}{process.stderr}")
    result: dict[str, Any] = json.loads(process.stdout.strip().splitlines()[-1])
    return result


def environment_with(env: dict[str, str] | None) -> dict[str, str]:
    return {**os.environ, **(env or {})}


@contextmanager
def serving(
    command: list[str | Path], env: dict[str, str] | None = None
) -> Iterator[tuple[dict[str, str], int]]:
    """A server that prints one line of JSON when it is ready, and ends with its standard input: that
    line, and its process id."""
    process = subprocess.Popen(
        command,
        env=environment_with(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline()), process.pid
    finally:
        process.stdin.close()
        process.wait(timeout=60)


@contextmanager
def sandbox(environment: str = "sandbox") -> Iterator[dict[str, str]]:
    """A sandbox of its own process, its log switched off, and a key of this environment."""
    with serving([CLI, "sandbox", "--until-stdin-closes"]) as (ready, _):
        request = urllib.request.Request(
            ready["url"] + "/_sandbox/settings",
            data=b'{"record_requests": false}',
            headers={"content-type": "application/json"},
        )
        urllib.request.urlopen(request).close()
        key = ready["api_key" if environment == "sandbox" else "production_api_key"]
        yield {"RELAYPASS_BASE_URL": ready["url"], "RELAYPASS_API_KEY": key}


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
