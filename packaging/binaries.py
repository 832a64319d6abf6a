"""What a program or library says of itself, the same for Linux, macOS and Windows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import lief

MACHINES = {
    lief.ELF.ARCH.X86_64: "x86_64",
    lief.ELF.ARCH.AARCH64: "aarch64",
    lief.MachO.Header.CPU_TYPE.X86_64: "x86_64",
    lief.MachO.Header.CPU_TYPE.ARM64: "aarch64",
    lief.PE.Header.MACHINE_TYPES.AMD64: "x86_64",
}


@dataclass(frozen=True)
class Binary:
    """A program or a shared library."""

    system: str
    """`linux`, `macos` or `windows`."""
    machine: str
    """`x86_64` or `aarch64`."""
    libraries: list[str]
    """What the loader loads with it."""
    exports: set[str]
    """The symbols that others can find in it."""
    floor: str
    """The oldest system that has what it needs: `GLIBC_2.17`, `macOS 11.0`, or nothing."""
    interpreter: str
    """The loader that a program of Linux asks for."""
    install_name: str
    """What a library of macOS says its place is."""
    signed: bool
    """macOS for arm64 runs only what is signed, be it by nobody in particular."""


def read(path: Path) -> Binary:
    content = path.read_bytes()
    if content.startswith(b"\x7fELF"):
        return read_elf(lief.ELF.parse(content))
    if content.startswith(b"MZ"):
        return read_pe(lief.PE.parse(content))
    return read_macho(lief.MachO.parse(content).at(0), content)


def read_elf(parsed: lief.ELF.Binary) -> Binary:
    versions = {
        symbol.name
        for library in parsed.symbols_version_requirement
        for symbol in library.get_auxiliary_symbols()
        if symbol.name.startswith("GLIBC_")
    }
    return Binary(
        system="linux",
        machine=MACHINES[parsed.header.machine_type],
        libraries=list(parsed.libraries),
        exports={symbol.name for symbol in parsed.exported_symbols},
        floor=max(versions, key=numbers, default=""),
        interpreter=parsed.interpreter if parsed.has_interpreter else "",
        install_name="",
        signed=False,
    )


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.removeprefix("GLIBC_").split(".")]


def read_macho(parsed: lief.MachO.Binary, content: bytes) -> Binary:
    version = parsed.build_version.minos if parsed.has_build_version else parsed.version_min.version
    own = [it.name for it in parsed.commands if it.command == lief.MachO.LoadCommand.TYPE.ID_DYLIB]
    return Binary(
        system="macos",
        machine=MACHINES[parsed.header.cpu_type],
        libraries=[library.name for library in parsed.libraries if library.name not in own],
        # The header of a program is a symbol, too.
        exports={it.name.removeprefix("_") for it in parsed.exported_symbols}
        - {"_mh_execute_header"},
        floor="macOS " + ".".join(str(part) for part in version[:2]),
        interpreter="",
        install_name=own[0] if own else "",
        signed=parsed.has_code_signature and signature_is_true(parsed, content),
    )


def signature_is_true(parsed: lief.MachO.Binary, content: bytes) -> bool:
    """Whether the hashes in the signature are those of the pages: what changes a signed file breaks it.

    The layout is that of a code directory in Apple's cs_blobs.h; numbers are big-endian.
    """
    command = parsed.code_signature
    blob = content[command.data_offset : command.data_offset + command.data_size]
    count = integer(blob, 8)
    for index in range(count):
        at = integer(blob, 16 + 8 * index)
        if integer(blob, at) == 0xFADE0C02:
            break
    else:
        return False
    directory = blob[at : at + integer(blob, at + 4)]
    hashes, slots, limit = (integer(directory, offset) for offset in (16, 28, 32))
    size = 1 << directory[39]
    pages = [content[start : min(start + size, limit)] for start in range(0, limit, size)]
    found = [hashlib.sha256(page).digest() for page in pages]
    written = [directory[hashes + 32 * it : hashes + 32 * (it + 1)] for it in range(slots)]
    return limit == command.data_offset and found == written


def integer(content: bytes, offset: int) -> int:
    return int.from_bytes(content[offset : offset + 4], "big")


def read_pe(parsed: lief.PE.Binary) -> Binary:
    exported = parsed.get_export().entries if parsed.has_exports else []
    return Binary(
        system="windows",
        machine=MACHINES[parsed.header.machine],
        libraries=[library.name for library in parsed.imports],
        exports={entry.name for entry in exported},
        floor="",
        interpreter="",
        install_name="",
        signed=False,
    )
