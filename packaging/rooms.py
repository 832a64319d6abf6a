"""Where what was built for a platform is run: this machine, or folders that stand for another.

A room is made when it is first needed, in .cache/packaging/rooms, of Debian's packages. What runs in
it is small: that the loader takes the file, and that the first call comes back.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from debian import Archive
from platforms import CACHE, Target, host

ROOMS = CACHE / "rooms"

# Each loads the file that its last argument names and calls something in it.
PYTHON = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("relaypass._native", sys.argv[1])
native = importlib.util.module_from_spec(spec)
spec.loader.exec_module(native)
native.generate_key_pair(2048)
print("Python", sys.version.split()[0], "on", __import__("platform").machine())
"""
NODE = """
const native = require(process.argv[1]);
if (Object.keys(native).length === 0) throw new Error('nothing is exported');
console.log('Node', process.versions.node, 'on', process.arch);
"""
FFI = """
import ctypes, platform, sys
ctypes.CDLL(sys.argv[1]).ffi_relaypass_ffi_uniffi_contract_version()
print("loaded and called on", platform.machine())
"""
# For musl, of which no Python can be had here.
FFI_IN_C = r"""
#include <dlfcn.h>
#include <stdio.h>
int main(int count, char **arguments) {
  void *library = dlopen(arguments[1], RTLD_NOW);
  if (!library) { fprintf(stderr, "%s\n", dlerror()); return 1; }
  unsigned (*version)(void) = dlsym(library, "ffi_relaypass_ffi_uniffi_contract_version");
  if (!version || !version()) return 1;
  puts("loaded and called by a program of musl");
  return 0;
}
"""


class NotHere(Exception):
    """Why something cannot be run on this machine."""


def run_in_room(target: Target, path: Path) -> str:
    """Runs a file of a target; says how it ran."""
    with tempfile.TemporaryDirectory() as folder:
        # A name as it has where it is installed: a loader looks at it.
        alone = Path(shutil.copy(path, folder))
        if target.triple == host():
            return run_beside(target, alone, [], Path("/"))
        if target.libc == "gnu" and target.machine == "aarch64":
            return run_beside(target, alone, emulator(arm64_gnu()), arm64_gnu())
        if target.libc == "musl":
            return run_with_musl(target, alone)
    if target.system == "macos":
        raise NotHere("needs a Mac; only inspected")
    raise NotHere("needs Windows; only inspected")


def run_beside(target: Target, path: Path, prefix: list[str], root: Path) -> str:
    """With the Python and the Node of a root."""
    if path.name == target.command:
        return said([*prefix, path, "--version"])
    python = root / "usr" / "bin" / "python3"
    if path.name == target.python_module:
        return said([*prefix, python, "-c", PYTHON, path])
    if path.name == target.node_addon:
        return said([*prefix, root / "usr" / "bin" / "node", "-e", NODE, path])
    return said([*prefix, python, "-c", FFI, path])


def run_with_musl(target: Target, path: Path) -> str:
    root = musl(target.machine)
    prefix = [] if host().startswith(target.machine) else emulator(root)
    if path.name == target.command:
        # Static: it runs beside any C library.
        return said([*prefix, path, "--version"])
    if path.name != target.ffi_library:
        raise NotHere("no Python and no Node of musl can be had from Debian; only inspected")
    program = root / "load"
    if not program.exists():
        build_loader(target, program)
    (loader,) = (root / "lib").glob("ld-musl-*.so.1")
    return said([*prefix, loader, program, path])


def build_loader(target: Target, program: Path) -> None:
    python = CACHE / "python" / "bin" / "python"
    compile_c = [python, "-m", "ziglang", "cc", "-target", f"{target.machine}-linux-musl"]
    compile_c += ["-dynamic", "-o", program, "-xc", "-"]
    subprocess.run(compile_c, input=FFI_IN_C, text=True, check=True)


def said(command: list[str | Path]) -> str:
    """The last line that a program prints; what it says when it fails is raised."""
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    if ran.returncode != 0:
        complaint = (ran.stderr or ran.stdout).strip().splitlines() or ["it said nothing"]
        raise RuntimeError(f"{complaint[-1]} (exit code {ran.returncode})")
    return "ran: " + ran.stdout.strip().splitlines()[-1]


def emulator(root: Path) -> list[str]:
    """For programs of arm64, with the libraries of a root."""
    qemu = room("qemu", "amd64", ["qemu-user-static"]) / "usr" / "bin" / "qemu-aarch64-static"
    return [str(qemu), "-L", str(root)]


def arm64_gnu() -> Path:
    return room("arm64-gnu", "arm64", ["python3-minimal", "libpython3-stdlib", "nodejs"])


def musl(machine: str) -> Path:
    return room(f"{machine}-musl", {"x86_64": "amd64", "aarch64": "arm64"}[machine], ["musl"])


def room(name: str, architecture: str, packages: list[str]) -> Path:
    """A folder with packages of Debian 12 in it."""
    return whole(
        ROOMS / name,
        lambda root: Archive(ROOMS / f"{name}.apt", "bookworm", architecture).unpack(
            packages, root
        ),
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
