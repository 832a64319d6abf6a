"""The servers on Node, Bun and Deno that docs/deploying.md names, with its program and lines."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

import blocks
from loud import Say, missing
from sandbox import ROOT, Sandbox
from servers import DoesNotStart, Start, environment, listening, with_path
from visits import assert_all_pass

# npm's folder here: PM2, Bun and Deno.
MODULES = Path(__file__).parent / "node_modules"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with relaypass, and the page's files."""
    for name in ("shop.mjs", "cluster.mjs", "ecosystem.config.cjs"):
        (tmp_path / name).write_text(blocks.block(name))
    (tmp_path / "package.json").write_text(json.dumps({"dependencies": {"relaypass": "*"}}))
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "relaypass").symlink_to(ROOT / "node")
    return tmp_path


@pytest.fixture
def commands(tmp_path: Path, say: Say) -> Path:
    """A folder with what npm brought. Bun and Deno are programs in packages for this platform."""
    if not MODULES.exists():
        missing("npm ci was not run in tests/deploying", say)
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "pm2-runtime").symlink_to(MODULES / ".bin" / "pm2-runtime")
    for name, pattern in {"bun": "@oven/bun-*/bin/bun", "deno": "@deno/*/deno"}.items():
        found = [program for program in MODULES.glob(pattern) if _runs(program)]
        if not found:
            missing(f"there is no {name} for this platform", say)
        (folder / name).symlink_to(found[0])
    return folder


def _runs(program: Path) -> bool:
    """Some managers install those of another C library, too."""
    try:
        subprocess.run([program, "--version"], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@pytest.mark.parametrize("name", ["cluster", "pm2", "bun", "deno"])
def test_a_server_serves_visitors_and_ends_well(
    name: str, folder: Path, commands: Path, sandbox: Sandbox
) -> None:
    (line,) = blocks.lines(name)
    with listening(_start(line, folder, commands, sandbox), folder) as (port, _, _):
        assert_all_pass(f"http://127.0.0.1:{port}", sandbox)


@pytest.mark.parametrize("flag", ["--allow-ffi", "--allow-read"])
def test_deno_without_a_flag_that_relaypass_needs_names_it(
    flag: str, folder: Path, commands: Path, sandbox: Sandbox
) -> None:
    (line,) = blocks.lines("deno")
    assert flag in line
    start = _start(line.replace(f"{flag} ", "--no-prompt "), folder, commands, sandbox)
    with pytest.raises(DoesNotStart) as refused, listening(start, folder):
        pass
    assert flag in str(refused.value)
    if flag == "--allow-ffi":
        assert "may not load its native addon" in str(refused.value)


def test_deno_needs_no_other_flag_for_relaypass_itself(
    folder: Path, commands: Path, sandbox: Sandbox
) -> None:
    (folder / "ask.mjs").write_text(
        "import { RelayPass } from 'relaypass';\n"
        f"const client = new RelayPass({{ baseUrl: {json.dumps(sandbox.url)} }});\n"
        "await client.relays.create({ claimType: 'age_over18_verified' });\n"
    )
    flags = ["--no-prompt", "--allow-ffi", "--allow-read"]
    command = [str(commands / "deno"), "run", *flags, "ask.mjs"]
    subprocess.run(command, cwd=folder, check=True, timeout=60, env=_variables(folder, commands))
    assert sandbox.ledger()["relays"] == 1


def _start(line: str, folder: Path, commands: Path, sandbox: Sandbox) -> Start:
    shop = environment(sandbox, f"sqlite:{folder}/shop.sqlite")

    def start(port: int) -> tuple[list[str], Mapping[str, str]]:
        return shlex.split(line), {**_variables(folder, commands), **shop, "PORT": str(port)}

    return start


def _variables(folder: Path, commands: Path) -> dict[str, str]:
    # Where PM2 and Deno keep what is theirs.
    own = {"PM2_HOME": str(folder / "pm2"), "DENO_DIR": str(folder / "deno"), "NO_COLOR": "1"}
    return with_path(own, commands)
