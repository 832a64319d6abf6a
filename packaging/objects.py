"""The object files in a static library, the same for Linux and macOS."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from platforms import Target
from rules import faults_of_content

# e_machine of ELF; cputype of Mach-O.
_ELF = {62: "x86_64", 183: "aarch64"}
_MACHO = {0x01000007: "x86_64", 0x0100000C: "aarch64"}


def faults_of_archive(target: Target, content: bytes) -> Iterator[str]:
    """What is wrong with the library that Swift links, each in a sentence."""
    found = list(objects(content))
    if not found:
        yield "has no object file"
    for system, machine in sorted(set(found) - {(target.system, target.machine)}):
        yield f"has objects for {system} on {machine}"
    if b"uniffi_relaypass_ffi_fn" not in content:
        yield "has nothing that its language looks for"
    yield from faults_of_content(content)


def objects(content: bytes) -> Iterator[tuple[str, str]]:
    """For which system and processor each of them is."""
    if not content.startswith(b"!<arch>\n"):
        return
    position = 8
    while position + 60 <= len(content):
        head = content[position : position + 60]
        size = int(head[48:58])
        member = content[position + 60 : position + 60 + size]
        if head.startswith(b"#1/"):
            # A name of BSD is the beginning of the content.
            member = member[int(head[3:16]) :]
        if member.startswith(b"\x7fELF"):
            (machine,) = struct.unpack_from("<H", member, 18)
            yield "linux", _ELF.get(machine, f"processor {machine}")
        elif member.startswith(b"\xcf\xfa\xed\xfe"):
            (machine,) = struct.unpack_from("<I", member, 4)
            yield "macos", _MACHO.get(machine, f"processor {machine}")
        # Each begins at an even place.
        position += 60 + size + size % 2
