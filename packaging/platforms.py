"""The list of platforms, as packaging/targets has it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Tests pack what cargo built for them into another folder; a relative one is in the root.
DIST = ROOT / (os.environ.get("RELAYPASS_DIST") or "dist")
CACHE = ROOT / ".cache" / "packaging"
# What packages are put together in: nothing of it is published.
STAGE = CACHE / "stage"


@dataclass(frozen=True)
class Target:
    """One line of the list; what the columns mean stands above them."""

    triple: str
    zig: str
    std: str
    wheel: str
    npm: str
    jar: str
    swift: str

    @property
    def natives(self) -> Path:
        """Where packaging/natives lays what it builds."""
        return DIST / "natives" / self.triple

    @property
    def machine(self) -> str:
        """The processor: `x86_64` or `aarch64`."""
        return self.triple.split("-")[0]

    @property
    def system(self) -> str:
        """The operating system: `linux`, `macos` or `windows`."""
        return {"linux": "linux", "darwin": "macos", "win32": "windows"}[self.npm.split("-")[0]]

    @property
    def libc(self) -> str | None:
        """On Linux `gnu` or `musl`."""
        return self.triple.rsplit("-", 1)[1] if self.system == "linux" else None

    @property
    def command(self) -> str:
        """The file name of the command."""
        return "relaypass.exe" if self.system == "windows" else "relaypass"

    @property
    def python_module(self) -> str:
        """The file name of the Python extension module."""
        return "_native.pyd" if self.system == "windows" else "_native.abi3.so"

    @property
    def node_addon(self) -> str:
        """The file name of the Node addon."""
        return "relaypass.node"

    @property
    def ffi_library(self) -> str:
        """The file name of the shared library that the JVM loads."""
        return self.shared_library("relaypass_ffi")

    @property
    def ffi_archive(self) -> str | None:
        """The file name of the static library that Swift links; none on Windows."""
        return None if self.system == "windows" else "librelaypass_ffi.a"

    def shared_library(self, name: str) -> str:
        """What cargo calls the shared library of a crate."""
        forms = {"linux": "lib{}.so", "macos": "lib{}.dylib", "windows": "{}.dll"}
        return forms[self.system].format(name)


def targets() -> list[Target]:
    """All of them, in the order of the list."""
    lines = (ROOT / "packaging" / "targets").read_text().splitlines()
    return [Target(*line.split()) for line in lines if line and not line.startswith("#")]


def chosen(names: str | None = None) -> list[Target]:
    """Those that are named: `host`, `all`, or triples with commas between them.

    Without names, what the environment's TARGETS says, or all.
    """
    known = {target.triple: target for target in targets()}
    names = names or os.environ.get("TARGETS") or "all"
    if names == "all":
        return list(known.values())
    wanted = [host() if name == "host" else name for name in names.replace(",", " ").split()]
    for name in wanted:
        if name not in known:
            listed = "\n  ".join(known)
            raise SystemExit(f"{name} is no target of packaging/targets. It lists:\n  {listed}")
    return [known[name] for name in wanted]


def host() -> str:
    """The target of this machine."""
    machine = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    if platform.system() == "Darwin":
        return f"{machine}-apple-darwin"
    if platform.system() == "Windows":
        return f"{machine}-pc-windows-gnu"
    libc = "gnu" if platform.libc_ver()[0] == "glibc" else "musl"
    return f"{machine}-unknown-linux-{libc}"
