"""What a room is, and how its folder is made.

A room is made when it is first needed, in .cache/packaging/rooms, of packages of Debian, npm and
PyPI. Nothing in it compiles, and nothing of this machine is used in it but the kernel, and the
sandbox on loopback; Wine also uses its C library.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from debian import Archive
from platforms import CACHE

ROOMS = CACHE / "rooms"
# The oldest Node that is promised, as its makers built it.
OLDEST_NODE = "20.20.2"


@dataclass(frozen=True)
class Room:
    """A system to run things in, and the programs that it has."""

    name: str
    """As the matrix of docs/installing.md has it."""
    prefix: list[str | Path] = field(default_factory=list)
    """What stands before the path of a program."""
    python: Path | None = None
    node: Path | None = None
    loader: list[str | Path] = field(default_factory=list)
    """A program that loads a shared library, where there is no Python to do it."""
    environment: dict[str, str] = field(default_factory=dict)
    """What the system, or its programs, read."""
    interpreter: list[str | Path] = field(default_factory=list)
    """What stands before that of Python and Node, too: where their system has a loader in a fixed
    place, this room's."""


def with_loader(loader: Path, root: Path) -> list[str | Path]:
    """Programs get the libraries of a root, and none of this machine's."""
    folders = [root / "lib/x86_64-linux-gnu", root / "usr/lib/x86_64-linux-gnu"]
    return [loader, "--library-path", ":".join(map(str, folders))]


def emulator(root: Path) -> list[str | Path]:
    """For programs of arm64, with the libraries of a root."""
    qemu = room("qemu", "bookworm", "amd64", ["qemu-user-static"])
    return [qemu / "usr/bin/qemu-aarch64-static", "-L", root]


def node_of_npm(system: str, version: str = OLDEST_NODE) -> Path:
    """Node as its makers build it; on Linux for glibc 2.28 and later."""
    name = f"node-{system}@{version}"
    program = "node.exe" if system.startswith("win") else "node"

    def unpack(folder: Path) -> None:
        packed = subprocess.run(
            ["npm", "pack", "--silent", name],
            cwd=folder,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout.strip()
        with tarfile.open(folder / packed) as archive:
            archive.extractall(folder, filter="data")
        (folder / packed).unlink()

    return whole(ROOMS / name.replace("@", "-"), unpack) / "package/bin" / program


def build_c(zig_target: str, text: str, made: Path, options: Sequence[str] = ()) -> None:
    # Without what zig adds for finding faults, which asks for a newer musl.
    compile_c: list[str | Path] = [CACHE / "python" / "bin" / "python", "-m", "ziglang", "cc"]
    compile_c += ["-target", zig_target, "-O2", "-fno-sanitize=all"]
    if "musl" in zig_target:
        compile_c += ["-dynamic"]
    compile_c += ["-o", made, "-xc", "-", *options]
    subprocess.run(compile_c, input=text, text=True, check=True)


def room(name: str, suite: str, architecture: str, packages: list[str]) -> Path:
    """A folder with packages of Debian in it."""
    return whole(
        ROOMS / name,
        lambda root: Archive(ROOMS / f"{name}.apt", suite, architecture).unpack(packages, root),
    )


def whole(folder: Path, make: Callable[[Path], None]) -> Path:
    """What was interrupted is made again."""
    if not folder.exists():
        unfinished = folder.with_name(folder.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        make(unfinished)
        unfinished.rename(folder)
    return folder
