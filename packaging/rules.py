"""What must be true of everything in dist/natives."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from platforms import ROOT, Target

if TYPE_CHECKING:
    from binaries import Binary

# What every system of a kind has. Nothing else may be needed.
LIBRARIES = {
    "gnu": r"lib(c|m|dl|pthread|rt|util)\.so\.[0-9]+|ld-linux-[a-z0-9_-]+\.so\.[0-9]+",
    "musl": r"libc\.so",
    "macos": r"/usr/lib/lib(System\.B|iconv\.2)\.dylib"
    r"|/System/Library/Frameworks/(CoreFoundation|Security|SystemConfiguration)"
    r"\.framework/Versions/A/\w+",
    "windows": r"(?i:kernel32|ntdll|advapi32|bcrypt|bcryptprimitives|crypt32|secur32|userenv|ws2_32"
    r"|synchronization|api-ms-win-(crt|core)-[a-z0-9-]+)\.dll",
}
FLOORS = {"gnu": "GLIBC_2.17", "musl": "", "macos": "macOS 11.0", "windows": ""}
# What the modules of Windows find in the program that loads them.
HOSTS = {"_native.pyd": "python3.dll", "relaypass.node": "node.exe"}
EXPORTS = {
    "_native": r"PyInit__native",
    "relaypass.node": r"napi_register_module_v1",
    "relaypass_ffi": r"(ffi|uniffi)_relaypass_ffi_\w+|UNIFFI_META_\w+",
    "relaypass": r"",
}
# On Windows AWS-LC's source of entropy says in its own code that it is exported. The version is in the
# names: nobody takes them for another's.
OF_AWS_LC = r"aws_lc_[0-9_]+_jent_\w+"
# In bytes: a goal of the project.
LARGEST_ADDON = 9_000_000
# The names of what is behind the cargo feature `test-hooks`.
HOOKS = re.compile(rb"example_failures|example_events|exampleErrors|panicWhenAnswered|count_calls")


def faults(target: Target, path: Path, binary: Binary) -> Iterator[str]:
    """What is wrong with a file of a target, each in a sentence."""
    kind = target.libc or target.system
    if (binary.system, binary.machine) != (target.system, target.machine):
        yield f"is for {binary.system} on {binary.machine}"
    for library in binary.libraries:
        known = re.fullmatch(LIBRARIES[kind], library) or library == HOSTS.get(path.name)
        if not known:
            yield f"needs {library}"
    if target.libc == "musl" and path.name == target.command and binary.libraries:
        yield f"is not static: it needs {', '.join(binary.libraries)}"
    if kind == "gnu" and version(binary.floor) > version(FLOORS[kind]):
        yield f"needs {binary.floor}, and {FLOORS[kind]} is promised"
    if kind == "macos" and binary.floor != FLOORS[kind]:
        yield f"is for {binary.floor} and later, and {FLOORS[kind]} is promised"
    also = OF_AWS_LC if target.system == "windows" else ""
    yield from faults_of_exports(path, binary, also)
    if target.system == "macos":
        if target.machine == "aarch64" and not binary.signed:
            yield "has no signature that fits: macOS kills it"
        if binary.install_name.startswith("/"):
            yield f"says that its place is {binary.install_name}"
    content = path.read_bytes()
    if path.name == target.node_addon and len(content) > LARGEST_ADDON:
        yield f"is larger than {LARGEST_ADDON:,} bytes"
    yield from faults_of_content(content)


def faults_of_exports(path: Path, binary: Binary, also: str) -> Iterator[str]:
    stem = path.name.split(".")[0].removeprefix("lib")
    wanted = EXPORTS[path.name if path.name == "relaypass.node" else stem]
    known = rf"{wanted}|{also}"
    strange = sorted(name for name in binary.exports if not re.fullmatch(known, name))
    if strange:
        yield f"exports {len(strange)} symbols that are nobody's business, such as {strange[0]}"
    if wanted and not any(re.fullmatch(wanted, name) for name in binary.exports):
        yield "exports nothing that its language looks for"


def faults_of_content(content: bytes) -> Iterator[str]:
    hooks = {name.decode() for name in HOOKS.findall(content)}
    if hooks:
        yield f"has hooks for tests: {', '.join(sorted(hooks))}"
    # The folder of the registry's crates has the registry's host name in it.
    cargo_home = os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))
    for place in (str(ROOT), cargo_home, "/registry/src/"):
        if place.encode() in content:
            yield f"names a folder of the machine that built it: {place}"


def version(name: str) -> list[int]:
    return [int(part) for part in re.findall(r"[0-9]+", name)]
