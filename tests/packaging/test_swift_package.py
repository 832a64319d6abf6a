"""The Swift package as it is pushed: a commit and a tag in a git bundle."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import pack_swift
import platforms
from stamp import stamp
from version import current


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is laid, from a tiny library for each platform."""
    dist, stage = tmp_path / "dist", tmp_path / "stage"
    monkeypatch.setattr(platforms, "DIST", dist)
    monkeypatch.setattr(pack_swift, "DIST", dist)
    monkeypatch.setattr(pack_swift, "STAGE", stage)
    monkeypatch.setattr(pack_swift, "OUT", stage / "swift" / "relaypass-swift")
    # What it takes a build to make.
    monkeypatch.setattr(pack_swift, "generate", generate)
    monkeypatch.setattr(pack_swift, "carried", lambda *_: {"LICENSE-MIT": b"MIT"})
    for target in platforms.targets():
        if target.swift != "-":
            target.natives.mkdir(parents=True)
            library = target.natives / "librelaypass_ffi.a"
            library.write_bytes(b"!<arch>\n" + target.triple.encode())
            stamp(target, "release")
    return dist / "swift" / f"relaypass-swift-{current()}.bundle"


def generate(_language: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("RelayPassGenerated.swift", "relaypass_ffiFFI.h", "module.modulemap"):
        (folder / name).write_text(name)


def test_the_package_is_at_the_root_of_the_version(bundle: Path, tmp_path: Path) -> None:
    pack_swift.main()
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--branch", current(), bundle, clone], check=True)
    manifest = (clone / "Package.swift").read_text()
    paths = re.findall(r'path: "([^"]+)"', manifest)
    assert len(paths) == 2
    for path in paths:
        assert (clone / path).is_dir(), path
    (library,) = clone.glob("*.xcframework/macos-arm64_x86_64/librelaypass_ffi.a")
    content = library.read_bytes()
    assert content.startswith(b"\xca\xfe\xba\xbe\0\0\0\2")
    assert b"aarch64-apple-darwin" in content
    assert b"x86_64-apple-darwin" in content
    linux = sorted(file.read_text() for file in clone.glob("*.artifactbundle/*/librelaypass_ffi.a"))
    assert linux == [
        "!<arch>\naarch64-unknown-linux-gnu",
        "!<arch>\nx86_64-unknown-linux-gnu",
    ]


def test_the_same_libraries_make_the_same_bundle(bundle: Path) -> None:
    pack_swift.main()
    first = bundle.read_bytes()
    pack_swift.main()
    assert bundle.read_bytes() == first


def test_a_file_that_no_host_would_take_is_not_packed(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_swift, "LARGEST", 10)
    with pytest.raises(SystemExit, match=r"librelaypass_ffi\.a has 0 MiB; hosts of git"):
        pack_swift.main()
    assert not bundle.exists()
