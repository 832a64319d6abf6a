"""The same flow in every language, as programs of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from sandbox import CLI, ROOT, Sandbox

_RUST = CLI.parent / "examples" / "three_steps"

Command = list[str]

THREE_STEPS: dict[str, Command] = {
    "rust": [str(_RUST)],
    "python": [sys.executable, str(ROOT / "examples" / "three_steps.py")],
    "node": ["node", str(ROOT / "examples" / "three_steps.mjs")],
    "swift": [str(ROOT / "swift" / "run.sh"), "three-steps"],
}


def missing_part(language: str) -> str | None:
    """What is not built or installed of what a language needs; ``None`` when all is there."""
    if language == "rust" and not _RUST.exists():
        return "the Rust example is not built (cargo build -p relaypass --example three_steps)"
    if language == "node" and shutil.which("node") is None:
        return "node is not installed"
    if language == "node" and not (ROOT / "node" / "dist" / "index.mjs").exists():
        return "the Node package is not built (node/develop.sh)"
    built = ROOT / "swift" / "Programs" / ".build" / "debug" / "worker"
    if language == "swift" and not built.exists():
        return "the Swift programs are not built (swift/build.sh)"
    return None


def run(
    command: Command,
    sandbox: Sandbox,
    *,
    folder: Path | None = None,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, with the sandbox's address and its production key."""
    told = {
        "RELAYPASS_BASE_URL": sandbox.url,
        "RELAYPASS_API_KEY": sandbox.production_api_key,
    }
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | told | (environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def run_three_steps(language: str, sandbox: Sandbox) -> None:
    """The whole flow, which must end well."""
    done = run(THREE_STEPS[language], sandbox)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "passed\n"
