"""What packaging/check must find: a file with each fault, and one without."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import published
import pytest

import platforms
import rules
from objects import faults_of_archive
from platforms import Target

TARGETS = {target.triple: target for target in platforms.targets()}
GNU, MUSL = TARGETS["x86_64-unknown-linux-gnu"], TARGETS["x86_64-unknown-linux-musl"]
MAC, WINDOWS = TARGETS["aarch64-apple-darwin"], TARGETS["x86_64-pc-windows-gnu"]

# The shape of each kind of file, on the system where it is strictest.
GOOD: dict[str, tuple[Target, str, dict[str, Any]]] = {
    "python": (
        GNU,
        GNU.python_module,
        {"libraries": ["libc.so.6"], "exports": {"PyInit__native"}, "floor": "GLIBC_2.17"},
    ),
    "static": (MUSL, MUSL.command, {}),
    "mac": (
        MAC,
        MAC.node_addon,
        {
            "libraries": ["/usr/lib/libSystem.B.dylib"],
            "exports": {"napi_register_module_v1"},
            "floor": "macOS 11.0",
            "install_name": "@rpath/librelaypass_node.dylib",
            "signed": True,
        },
    ),
    "windows": (
        WINDOWS,
        WINDOWS.node_addon,
        {"libraries": ["KERNEL32.dll", "node.exe"], "exports": {"napi_register_module_v1"}},
    ),
}
NOTHING = {"libraries": [], "exports": set(), "floor": "", "install_name": "", "signed": False}


def faults(folder: Path, kind: str, content: bytes = b"", **changed: Any) -> str:
    target, name, said = GOOD[kind]
    file = folder / name
    file.write_bytes(content)
    own = {"system": target.system, "machine": target.machine}
    binary = SimpleNamespace(**{**NOTHING, **own, **said, **changed})
    return "; ".join(rules.faults(target, file, binary))  # type: ignore[arg-type]


def archive(*members: bytes, names: bytes = b"uniffi_relaypass_ffi_fn_clock") -> bytes:
    """In the layout of `ar`, with names as BSD has them, and the symbols first."""
    laid = b"!<arch>\n"
    for member in (names, *members):
        name = b"member.o\0\0\0\0"
        size = len(name) + len(member)
        laid += b"#1/%-13d%-32s%-10d`\n" % (len(name), b"", size) + name + member
        laid += b"\n" * (size % 2)
    return laid


def elf(machine: int) -> bytes:
    return b"\x7fELF".ljust(18, b"\0") + machine.to_bytes(2, "little") + b"odd"


def macho(processor: int) -> bytes:
    return b"\xcf\xfa\xed\xfe" + processor.to_bytes(4, "little")


@pytest.mark.parametrize("kind", GOOD)
def test_nothing_is_wrong_with_a_good_file(tmp_path: Path, kind: str) -> None:
    assert faults(tmp_path, kind) == ""


@pytest.mark.parametrize(
    ("kind", "changed", "fault"),
    [
        ("python", {"machine": "aarch64"}, "is for linux on aarch64"),
        ("python", {"libraries": ["libc.so.6", "libssl.so.3"]}, "needs libssl.so.3"),
        ("python", {"libraries": ["libgcc_s.so.1"]}, "needs libgcc_s.so.1"),
        ("python", {"floor": "GLIBC_2.28"}, "needs GLIBC_2.28"),
        ("python", {"exports": {"PyInit__native", "sqlite3_open"}}, "such as sqlite3_open"),
        ("python", {"exports": set()}, "exports nothing"),
        ("static", {"libraries": ["libc.so"]}, "is not static"),
        ("mac", {"signed": False}, "has no signature"),
        ("mac", {"install_name": "/a/b.dylib"}, "its place is /a/b.dylib"),
        ("mac", {"floor": "macOS 13.0"}, "is for macOS 13.0"),
        ("windows", {"libraries": ["libstdc++-6.dll"]}, "needs libstdc++-6.dll"),
        ("windows", {"libraries": ["python3.dll"]}, "needs python3.dll"),
    ],
)
def test_a_fault_is_found(tmp_path: Path, kind: str, changed: dict[str, Any], fault: str) -> None:
    assert fault in faults(tmp_path, kind, **changed)


@pytest.mark.parametrize(
    ("target", "content", "fault"),
    [
        (GNU, archive(elf(62)), ""),
        (MAC, archive(macho(0x0100000C)), ""),
        (GNU, archive(elf(62), elf(183)), "has objects for linux on aarch64"),
        (GNU, archive(macho(0x01000007)), "has objects for macos on x86_64"),
        (GNU, archive(), "has no object file"),
        (GNU, archive(elf(62), names=b""), "nothing that its language looks for"),
        (GNU, archive(elf(62), b"\0example_failures\0"), "has hooks for tests"),
    ],
)
def test_the_library_for_swift_is_looked_into(target: Target, content: bytes, fault: str) -> None:
    found = "; ".join(faults_of_archive(target, content))
    assert fault in found if fault else found == ""


def test_a_newer_glibc_is_not_taken_for_an_older_one(tmp_path: Path) -> None:
    """As text, 2.3.4 would come after 2.17, and 2.2.5 before it: both are older."""
    assert faults(tmp_path, "python", floor="GLIBC_2.3.4") == ""
    assert faults(tmp_path, "python", floor="GLIBC_2.2.5") == ""


def test_an_addon_that_is_too_large_is_found(tmp_path: Path) -> None:
    content = bytes(rules.LARGEST_ADDON)
    assert faults(tmp_path, "mac", content) == ""
    assert "is larger than 9,000,000 bytes" in faults(tmp_path, "mac", content + b"\0")


def test_what_is_missing_left_over_or_too_large_in_dist_is_found(tmp_path: Path) -> None:
    built = [GNU, MUSL, WINDOWS]
    for name in published.expected(built):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(published.faults_of_dist(tmp_path, built, built)) == []
    # Some may be looked at alone.
    assert list(published.faults_of_dist(tmp_path, [GNU], built)) == []
    # Where the platform was not built, its four packages and its archive are left over.
    assert len(list(published.faults_of_dist(tmp_path, [GNU, MUSL], [GNU, MUSL]))) == 5
    (wheel,) = (tmp_path / "wheel").glob("relaypass-*-win_amd64.whl")
    with wheel.open("wb") as file:
        file.truncate(published.LARGEST_WHEEL + 1)
    (image,) = (tmp_path / "image").iterdir()
    image.unlink()
    (tmp_path / "npm" / "relaypass-0.0.1.tgz").touch()
    missing, left, large = published.faults_of_dist(tmp_path, built, built)
    assert missing == f"image/{image.name} is missing"
    assert left.startswith("npm/relaypass-0.0.1.tgz is of no platform")
    assert large == f"wheel/{wheel.name} is larger than 5,000,000 bytes"


def test_the_hooks_of_tests_are_found(tmp_path: Path) -> None:
    assert "example_failures" in faults(tmp_path, "python", b"\0example_failures\0")


def test_a_folder_of_the_building_machine_is_found(tmp_path: Path) -> None:
    for place in (platforms.ROOT, os.environ.get("CARGO_HOME", Path.home() / ".cargo")):
        assert "names a folder" in faults(tmp_path, "python", f"{place}/core/src/lib.rs".encode())


@pytest.mark.parametrize(
    "where",
    [
        "python/relaypass/_native*",
        "node/native/*.node",
        "kotlin/src/main/resources/*/librelaypass_ffi.so",
    ],
)
def test_the_names_of_the_hooks_are_those_that_the_bindings_have(where: str) -> None:
    """`make build` builds with them: renamed ones would not be found in a release."""
    built = [file for file in platforms.ROOT.glob(where) if file.suffix != ".pyi"]
    if not built:
        pytest.skip(f"{where} is not built")
    for library in built:
        assert rules.HOOKS.search(library.read_bytes()), library
