"""What a folder of dist/natives was made from, so that nobody packs what is no longer the sources."""

from __future__ import annotations

import functools
import hashlib
import json

from platforms import ROOT, Target
from version import current

# Beside the libraries; it goes into no package.
_NAME = "made-from.json"
_INPUTS: tuple[str, ...] = (
    "core",
    "bindings",
    "cli",
    "gateway",
    "sandbox",
    "Cargo.toml",
    "Cargo.lock",
)
_INPUTS += ("rust-toolchain.toml", ".cargo/config.toml")
_INPUTS += tuple(
    f"packaging/{it}"
    for it in (
        *("natives", "release-flags", "targets", "toolchain", "requirements.txt"),
        *("macos-linker", "macos", "apple.py"),
        *("windows-linker", "windows", "windows.py"),
    )
)
_NO_INPUTS = {"tests", "benches", "examples", "target"}


def stamp(target: Target, profile: str) -> None:
    """Notes what was made: `release` or `debug`, and from which sources."""
    made = {"profile": profile, "version": current(), "sources": sources()}
    (target.natives / _NAME).write_text(json.dumps(made) + "\n")


def is_debug(target: Target) -> bool:
    """Whether its files are those of packaging/debug-natives."""
    return _read(target).get("profile") == "debug"


def must_be_fresh(target: Target) -> None:
    """Ends the program if its files are not made from these sources."""
    made = _read(target)
    if made.get("version") != current() or made.get("sources") != sources():
        raise SystemExit(
            f"{target.natives} was not made from these sources: run packaging/natives "
            f"{target.triple} first, or remove the folder."
        )


def _read(target: Target) -> dict[str, str]:
    file = target.natives / _NAME
    return json.loads(file.read_text()) if file.is_file() else {}


@functools.cache
def sources() -> str:
    """The SHA-256 of what the libraries are compiled from, in hexadecimal."""
    digest = hashlib.sha256()
    files = [
        file
        for path in _INPUTS
        for file in ((ROOT / path).rglob("*") if (ROOT / path).is_dir() else [ROOT / path])
    ]
    for file in sorted(files):
        name = file.relative_to(ROOT)
        if file.is_file() and _NO_INPUTS.isdisjoint(name.parts):
            content = file.read_bytes()
            digest.update(f"{name.as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()
