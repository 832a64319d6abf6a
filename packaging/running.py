"""What is run of each artifact in a room, and what came of it."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from example import EXPECTED, example
from place import Room
from platforms import DIST, Target
from staging import wheel_platforms

# The README's example printed what it should.
RAN = "ran"
# The system's loader took the library, and a function of it answered.
LOADED = "loaded"

_FFI = """
import ctypes, sys
ctypes.CDLL(sys.argv[1]).ffi_relaypass_ffi_uniffi_contract_version()
"""


class Failed(Exception):
    """What a program said when it failed."""


def run_artifacts(
    target: Target, room: Room, environment: dict[str, str]
) -> Iterator[tuple[str, Callable[[], str]]]:
    """The artifacts that a room can run, and how: each call says what was done.

    `environment` is that of the README's example.
    """
    yield "command", lambda: _command(target, room)
    if room.python:
        yield "wheel", lambda: _wheel(target, room, environment)
    if room.node:
        yield "npm", lambda: _npm(target, room, environment)
    if room.python or room.loader:
        yield "library of the jar", lambda: _library(target, room)


def _command(target: Target, room: Room) -> str:
    with _alone(target.natives / target.command) as program:
        said = _said([*room.prefix, program, "--version"], room.environment)
    if not said.startswith("relaypass "):
        raise Failed(f"its version is {said!r}")
    return RAN


def _wheel(target: Target, room: Room, environment: dict[str, str]) -> str:
    """Unpacked, as pip does: the rooms have no pip, and a wheel needs none."""
    assert room.python
    name = f"relaypass-*-{wheel_platforms(target)}.whl"
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(_packed("wheel", name)) as archive:
            archive.extractall(folder)
        variables = {**room.environment, **environment, "PYTHONPATH": folder}
        program = [*room.prefix, *room.interpreter, room.python, "-c", example("python")]
        return _flow(_said(program, variables))


def _npm(target: Target, room: Room, environment: dict[str, str]) -> str:
    assert room.node
    with tempfile.TemporaryDirectory() as folder:
        modules = Path(folder) / "node_modules"
        for package in ("relaypass", f"@relaypass/{target.npm}"):
            file = package.removeprefix("@").replace("/", "-")
            with tarfile.open(_packed("npm", f"{file}-[0-9]*.tgz")) as archive:
                archive.extractall(folder, filter="data")
            (modules / package).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / "package").rename(modules / package)
        program = Path(folder) / "flow.mjs"
        program.write_text(example("js"), encoding="utf-8")
        command = [*room.prefix, *room.interpreter, room.node, program]
        return _flow(_said(command, room.environment | environment))


def _library(target: Target, room: Room) -> str:
    with _alone(target.natives / target.ffi_library) as library:
        loader = room.loader or [room.python or "", "-c", _FFI]
        _said([*room.prefix, *loader, library], room.environment)
    return LOADED


def _flow(said: str) -> str:
    if said != EXPECTED:
        raise Failed(f"the README's example says {said!r}, not {EXPECTED!r}")
    return RAN


def _packed(kind: str, name: str) -> Path:
    found = list((DIST / kind).glob(name))
    if len(found) != 1:
        raise Failed(f"dist/{kind} has {len(found)} files {name}: run packaging/packages {kind}")
    return found[0]


def _said(command: list[str | Path], environment: dict[str, str]) -> str:
    """The last line that a program prints."""
    variables = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **environment}
    # Not pipes: Node takes none for its output under Wine.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as complaints:
        ran = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=complaints,
            timeout=300,
            env=variables,
        )
        out.seek(0)
        complaints.seek(0)
        said, complaint = (
            file.read().decode(errors="replace").strip() for file in (out, complaints)
        )
    if ran.returncode != 0:
        last = (complaint or said or "it said nothing").splitlines()[-1]
        raise Failed(f"{last} (exit code {ran.returncode})")
    return (said.splitlines() or [""])[-1]


@contextmanager
def _alone(path: Path) -> Iterator[Path]:
    """A copy in a folder of its own, under the name that it has where it is installed."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copy(path, folder))
