"""A room with Windows, as Wine makes it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from debian import Archive
from place import OLDEST_NODE, ROOMS, Room, build_c, node_of_npm, whole

LOADER = r"""
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


def wine() -> Room:
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
        build_c("x86_64-windows-gnu", LOADER, loader)
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
