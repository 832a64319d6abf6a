"""Where what was built for a platform is run: this machine, or folders that stand for another."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

from musl import musl, oldest_musl
from place import OLDEST_NODE, Room, emulator, node_of_npm, room, with_loader
from platforms import Target, host
from wine import wine


def rooms(target: Target) -> list[Room]:
    """All that can be had here for a platform; none for systems that cannot be run here."""
    if not host().startswith("x86_64-unknown-linux-gnu"):
        return [this_machine()] if target.triple == host() else []
    if target.triple == host():
        return [
            debian_11(),
            this_machine(),
            debian("trixie", "24.22.3"),
            debian("forky", "26.12.1"),
        ]
    if target.libc == "gnu":
        return [debian_12_arm64()]
    if target.libc == "musl":
        return [oldest_musl(target), musl(target)]
    if target.system == "windows":
        return [wine()]
    return []


def this_machine() -> Room:
    python = shutil.which("python3")
    node = shutil.which("node")
    libc = " ".join(platform.libc_ver())
    return Room(
        f"this machine, {libc}",
        python=Path(python) if python else None,
        node=Path(node) if node else None,
    )


def debian_11() -> Room:
    """The oldest of Debian that its servers still have. Its own Python is older than 3.10."""
    root = room("debian-11", "bullseye", "amd64", ["libc6", "libstdc++6", "libgcc-s1"])
    prefix = with_loader(root / "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", root)
    name = f"Debian bullseye, glibc 2.31, Node {OLDEST_NODE}"
    return Room(name, prefix, node=node_of_npm("linux-x64"))


def debian(suite: str, node: str) -> Room:
    """With the Python of a release, or of the next one, and this Node: Debian's reads files of its
    own system, and there is none here."""
    root = room(suite, suite, "amd64", ["python3-minimal", "libpython3-stdlib", "libstdc++6"])
    libraries = root / "usr/lib/x86_64-linux-gnu"
    prefix = with_loader(libraries / "ld-linux-x86-64.so.2", root)
    [python] = (root / "usr/bin").glob("python3.*[0-9]")
    name = f"Debian {suite}, {python.name}, Node {node}"
    # Its path does not tell it where its own modules are.
    home = {"PYTHONHOME": str(root / "usr")}
    return Room(name, prefix, python, node_of_npm("linux-x64", node), environment=home)


def debian_12_arm64() -> Room:
    packages = ["python3-minimal", "libpython3-stdlib", "libstdc++6"]
    root = room("arm64-gnu", "bookworm", "arm64", packages)

    python = root / "usr/bin/python3"
    name = f"Debian bookworm on arm64 (qemu), Node {OLDEST_NODE}"
    return Room(name, emulator(root), python, node_of_npm("linux-arm64"))
