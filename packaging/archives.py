"""Archives that are the same bytes whenever and wherever they are made."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

# The time of every file in an archive, so that the same bytes come out of the same sources: 2026-01-01,
# in seconds since 1970, and as ZIP has it.
EPOCH = 1_767_225_600
ZIP_TIME = (2026, 1, 1, 0, 0, 0)
# CPU_TYPE and CPU_SUBTYPE of macOS's machine.h.
MACH_PROCESSORS = {"x86_64": (0x01000007, 3), "aarch64": (0x0100000C, 0)}


@dataclass(frozen=True)
class Entry:
    """A file of an archive, or a folder if it has no content."""

    name: str
    content: bytes | None
    mode: int = 0o644
    owner: int = 0
    group: int = 0

    @classmethod
    def of(cls, path: Path, name: str, mode: int = 0o644) -> Entry:
        return cls(name, path.read_bytes(), mode)


def tar(entries: list[Entry]) -> bytes:
    """In the order given, without names of users."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.name)
            info.mtime, info.mode, info.uid, info.gid = EPOCH, entry.mode, entry.owner, entry.group
            if entry.content is None:
                info.type = tarfile.DIRTYPE
            info.size = len(entry.content or b"")
            archive.addfile(info, io.BytesIO(entry.content or b""))
    return written.getvalue()


def gzipped(content: bytes) -> bytes:
    """Without a time or a name."""
    return gzip.compress(content, compresslevel=9, mtime=0)


def zipped(entries: list[Entry]) -> bytes:
    """As ZIP, which people on Windows open without a further program."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for entry in entries:
            info = zipfile.ZipInfo(entry.name, ZIP_TIME)
            info.create_system = 3  # Unix: whatever system makes it
            info.external_attr = entry.mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, entry.content or b"")
    return written.getvalue()


def universal(libraries: dict[str, bytes]) -> bytes:
    """Static libraries of macOS, by processor, in one file, as `lipo -create` makes it.

    The layout is that of fat.h: numbers of 32 bits, big-endian; each library begins at a multiple of 8.
    """
    position = 8 + 20 * len(libraries)
    head = struct.pack(">II", 0xCAFEBABE, len(libraries))
    body = b""
    for machine, library in sorted(libraries.items()):
        gap = -position % 8
        kind, subkind = MACH_PROCESSORS[machine]
        head += struct.pack(">IIIII", kind, subkind, position + gap, len(library), 3)
        body += bytes(gap) + library
        position += gap + len(library)
    return head + body


def write(path: Path, content: bytes) -> None:
    """Renamed into place: a file with this name is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    os.replace(new, path)
