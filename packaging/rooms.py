"""Where what was built for a platform is run: this machine, or folders that stand for another.

A room is made when it is first needed, in .cache/packaging/rooms, of packages of Debian and npm. Nothing in
it compiles, and nothing of this machine is used in it but the kernel, and the sandbox on loopback; Wine
also uses its C library.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from debian import Archive
from platforms import CACHE, Target, host

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
        return [musl(target)]
    if target.system == "windows":
        return [wine(target)]
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


def musl(target: Target) -> Room:
    """A loader and the C library: no Python and no Node of musl can be had from Debian or npm."""
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[target.machine]
    root = room(f"{target.machine}-musl", "bookworm", architecture, ["musl"])
    is_ours = host().startswith(target.machine)
    name = "musl 1.2" if is_ours else "musl 1.2 on arm64 (qemu)"
    program = root / "load"
    if not program.exists():
        build_c(f"{target.machine}-linux-musl", MUSL_LOADER, program)
    (loader,) = (root / "lib").glob("ld-musl-*.so.1")
    prefix: list[str | Path] = [] if is_ours else emulator(root)
    return Room(name, prefix, loader=[loader, program])


def wine(target: Target) -> Room:
    """Windows, as Wine makes it. No Python for Windows can be had from npm or Debian."""
    root = whole(ROOMS / "wine", unpack_wine)
    libraries = root / "usr/lib/x86_64-linux-gnu"
    environment = {
        "LD_LIBRARY_PATH": str(libraries),
        "WINEDLLPATH": str(libraries / "wine"),
        "WINEPREFIX": str(ROOMS / "wine-prefix"),
        "WINEDEBUG": "-all",
    }
    program = root / "usr/lib/wine/wine64"

    def make_windows(_: Path) -> None:
        # Node asks for a Windows that is not older; Wine says 7.
        version = ["HKCU\\Software\\Wine", "/v", "Version", "/d", "win10", "/f"]
        unfinished = {**environment, "WINEPREFIX": str(ROOMS / "wine-prefix.new")}
        subprocess.run([program, "reg", "add", *version], env=unfinished, check=True)
        # Its server writes what it knows when it ends.
        subprocess.run([root / "usr/lib/wine/wineserver", "--wait"], env=unfinished, check=True)
        # Of all that is asked of Windows, this is what Wine 8 does not have yet.
        system = ROOMS / "wine-prefix.new/drive_c/windows/system32"
        options = ["-shared", "-ladvapi32"]
        build_c("x86_64-windows-gnu", PRIMITIVES, system / "bcryptprimitives.dll", options)

    whole(ROOMS / "wine-prefix", make_windows)
    loader = root / "load.exe"
    if not loader.exists():
        build_c("x86_64-windows-gnu", WINDOWS_LOADER, loader)
    return Room(
        f"Wine 8.0, Node {OLDEST_NODE}",
        [program],
        node=node_of_npm("win-x64"),
        loader=[loader],
        environment=environment,
    )


def unpack_wine(root: Path) -> None:
    Archive(ROOMS / "wine.apt", "bookworm").unpack(["wine64"], root)
    # Its server is behind a script with fixed paths. And what Debian's scripts do when it is installed:
    # a library of another package is marked as one of Wine's own, which its makers do in the same place.
    server = root / "usr/lib/wine/wineserver"
    server.unlink()
    server.symlink_to("wineserver64")
    zlib = bytearray((root / "usr/x86_64-w64-mingw32/lib/zlib1.dll").read_bytes())
    zlib[0x40:0x60] = b"Wine builtin DLL".ljust(0x20, b"\0")
    (root / "usr/lib/x86_64-linux-gnu/wine/x86_64-windows/zlib1.dll").write_bytes(zlib)


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


# Where no Python can be had: programs that load a library, and call a function of it.
MUSL_LOADER = r"""
#include <dlfcn.h>
#include <stdio.h>
int main(int count, char **arguments) {
  void *library = dlopen(arguments[1], RTLD_NOW);
  if (!library) { fprintf(stderr, "%s\n", dlerror()); return 1; }
  unsigned (*version)(void) = dlsym(library, "ffi_relaypass_ffi_uniffi_contract_version");
  return version && version() ? 0 : 1;
}
"""
WINDOWS_LOADER = r"""
#include <stdio.h>
#include <windows.h>
int main(int count, char **arguments) {
  HMODULE library = LoadLibraryA(arguments[1]);
  if (!library) { fprintf(stderr, "LoadLibrary: %lu\n", GetLastError()); return 1; }
  FARPROC version = GetProcAddress(library, "ffi_relaypass_ffi_uniffi_contract_version");
  return version && version() ? 0 : 1;
}
"""


PRIMITIVES = r"""
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID data, ULONG size);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) {
  return SystemFunction036(data, (ULONG)size);
}
"""


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
