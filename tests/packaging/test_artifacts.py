"""The list of platforms, and the artifacts that are made of bytes alone."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import runpy
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import tomllib

import platforms
from archives import EPOCH, Entry, gzipped, tar, universal, zipped
from crates import edges_of
from notices import NOTICES, SBOM
from stamp import stamp

PACKAGING = platforms.ROOT / "packaging"
FILES = [Entry("a/program", b"\x7fELF", 0o755), Entry("a/LICENSE", b"MIT")]


def make(dist: Path, script: str, *arguments: str) -> None:
    """Runs a script in this process, so that cargo is asked for the crates once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platforms, "DIST", dist)
        patch.setattr(sys, "argv", [script, *arguments])
        runpy.run_path(str(PACKAGING / script), run_name="__main__")


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a command for each platform, which says which it is for."""
    monkeypatch.setattr(platforms, "DIST", tmp_path)
    for target in platforms.targets():
        folder = tmp_path / "natives" / target.triple
        folder.mkdir(parents=True)
        (folder / target.command).write_text(target.triple)
        (folder / "licence-zig.txt").write_text("the licence of zig")
        stamp(target, "release")
    return tmp_path


def test_no_two_platforms_share_a_package() -> None:
    for column in ("triple", "wheel", "npm", "jar"):
        names = [getattr(target, column) for target in platforms.targets()]
        assert len(set(names)) == len(names) == 7, column


def test_a_platform_that_is_not_listed_is_named_with_those_that_are() -> None:
    with pytest.raises(SystemExit, match=r"sparc is no target.*\n  x86_64-unknown-linux-gnu\n"):
        platforms.chosen("host,sparc")


def test_the_standard_library_is_of_the_compilers_version() -> None:
    pinned = tomllib.loads((platforms.ROOT / "rust-toolchain.toml").read_text())
    version = pinned["toolchain"]["channel"]
    assert f'RUST_SRC = "rust-src_{version}+' in (PACKAGING / "toolchain").read_text()


def test_archives_have_no_time_and_no_owner() -> None:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(gzipped(tar(FILES))))) as archive:
        found = [(it.name, it.mode, it.mtime, it.uname, it.uid) for it in archive]
    assert found == [
        ("a/program", 0o755, EPOCH, "", 0),
        ("a/LICENSE", 0o644, EPOCH, "", 0),
    ]
    # The time in the head of a gzip file.
    assert gzipped(b"a")[4:8] == bytes(4)
    with zipfile.ZipFile(io.BytesIO(zipped(FILES))) as archive:
        infos = archive.infolist()
    assert [(it.filename, it.external_attr >> 16, it.date_time[0]) for it in infos] == [
        ("a/program", 0o755, 2026),
        ("a/LICENSE", 0o644, 2026),
    ]


def test_an_archive_of_the_command_has_its_licences(dist: Path) -> None:
    make(dist, "command")
    archives = sorted(file.name for file in (dist / "command").iterdir())
    # Linux has the static ones only.
    assert [name.split("-", 2)[2] for name in archives] == [
        "aarch64-apple-darwin.tar.gz",
        "aarch64-unknown-linux-musl.tar.gz",
        "x86_64-apple-darwin.tar.gz",
        "x86_64-pc-windows-gnu.zip",
        "x86_64-unknown-linux-musl.tar.gz",
    ]
    with tarfile.open(dist / "command" / archives[0]) as archive:
        assert {Path(name).name for name in archive.getnames()} == {
            "relaypass", "README.md", "LICENSE-MIT", "LICENSE-APACHE", NOTICES, SBOM,
        }  # fmt: skip
        [notices] = [name for name in archive.getnames() if name.endswith(NOTICES)]
        assert b"the licence of zig" in archive.extractfile(notices).read()  # type: ignore[union-attr]
    with zipfile.ZipFile(dist / "command" / archives[3]) as archive:
        [bill] = [name for name in archive.namelist() if name.endswith(SBOM)]
        crates = {it["name"] for it in json.loads(archive.read(bill))["components"]}
    # What is written in C, and what is linked on Windows alone.
    assert {"aws-lc-sys", "windows-sys"} <= crates


def test_what_is_not_made_from_these_sources_is_not_packed(
    dist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stamp.sources", lambda: "others")
    with pytest.raises(SystemExit, match="was not made from these sources: run packaging/natives"):
        make(dist, "command")
    assert not (dist / "command").exists()


def owner_of_data() -> tuple[int, int, int]:
    """Mode, user and group of /data in the image that deploy/Dockerfile makes."""
    dockerfile = (platforms.ROOT / "deploy/Dockerfile").read_text()
    found = re.search(r"--chown=(\d+):(\d+) --chmod=(\d+) \S+ /data", dockerfile)
    assert found
    return int(found[3], 8), int(found[1]), int(found[2])


class Layout:
    """An OCI layout in a tar, as a reader of images follows it."""

    def __init__(self, path: Path) -> None:
        with tarfile.open(path) as archive:
            self.files = {it.name: archive.extractfile(it).read() for it in archive}  # type: ignore[union-attr]

    def blob(self, descriptor: dict[str, Any]) -> bytes:
        algorithm, digest = descriptor["digest"].split(":")
        content = self.files[f"blobs/{algorithm}/{digest}"]
        assert hashlib.sha256(content).hexdigest() == digest
        assert len(content) == descriptor["size"]
        return content

    def json(self, descriptor: dict[str, Any]) -> dict[str, Any]:
        return json.loads(self.blob(descriptor))


def test_the_image_is_one_static_program_for_nobody(dist: Path) -> None:
    make(dist, "image")
    (path,) = (dist / "image").iterdir()
    layout = Layout(path)
    assert json.loads(layout.files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (named,) = json.loads(layout.files["index.json"])["manifests"]
    read = 2
    for entry in layout.json(named)["manifests"]:
        manifest = layout.json(entry)
        config = layout.json(manifest["config"])
        assert entry["platform"] == {"architecture": config["architecture"], "os": "linux"}
        assert config["config"]["User"] == "65532:65532"
        (layer,) = manifest["layers"]
        files = gzip.decompress(layout.blob(layer))
        assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(files).hexdigest()}"]
        with tarfile.open(fileobj=io.BytesIO(files)) as archive:
            owners = {it.name: (it.mode, it.uid, it.gid) for it in archive}
            program = archive.extractfile("relaypass").read()  # type: ignore[union-attr]
        machine = {"amd64": "x86_64", "arm64": "aarch64"}[config["architecture"]]
        assert program.decode() == f"{machine}-unknown-linux-musl"
        assert owners["relaypass"] == (0o755, 0, 0)
        assert owners["data"] == owner_of_data()
        assert {name for name in owners if name.startswith("licenses/")} == {
            f"licenses/{name}" for name in ("LICENSE-MIT", "LICENSE-APACHE", NOTICES, SBOM)
        }
        read += 3
    # Nothing else is in it.
    assert len(layout.files) == read + 1 == 2 + 1 + 2 * 3


def test_the_same_files_make_the_same_artifacts(dist: Path) -> None:
    sums = []
    # What is hidden or not published is in no list: those who download have none of it.
    (dist / "stage").mkdir()
    (dist / "stage" / "package.json").write_text("{}")
    for _ in range(2):
        make(dist, "command")
        make(dist, "image")
        make(dist, "checksums")
        sums.append((dist / "SHA256SUMS").read_text())
    assert sums[0] == sums[1]
    assert len(sums[0].splitlines()) == 5 + 1
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=dist, check=True)


def test_without_a_static_command_there_is_no_image_and_dist_goes_on(tmp_path: Path) -> None:
    """With TARGETS=host on glibc."""
    make(tmp_path, "image")
    assert list(tmp_path.iterdir()) == []


def test_libraries_of_both_processors_are_laid_into_one_file() -> None:
    libraries = {"aarch64": b"!<arch>\narm", "x86_64": b"!<arch>\nintel, of another length"}
    content = universal(libraries)
    magic, count = struct.unpack_from(">II", content)
    assert (magic, count) == (0xCAFEBABE, 2)
    found = {}
    for index in range(count):
        kind, subkind, offset, size, align = struct.unpack_from(">IIIII", content, 8 + 20 * index)
        assert offset % 2**align == 0
        found[kind, subkind] = content[offset : offset + size]
    assert found == {
        (0x0100000C, 0): libraries["aarch64"],
        (0x01000007, 3): libraries["x86_64"],
    }
    assert offset + size == len(content)


def test_a_crate_that_is_printed_once_is_counted_wherever_it_is_linked() -> None:
    tree = (
        "0 one v1.0.0 (/one)\n1 shared v2.0.0\n2 below v3.0.0\n1 other v4.0.0\n\n"
        "0 two v1.0.0 (/two)\n1 shared v2.0.0 (*)\n"
    )
    edges = edges_of(tree)
    assert edges["two", "1.0.0"] == {("shared", "2.0.0")}
    assert edges["shared", "2.0.0"] == {("below", "3.0.0")}
    assert edges["one", "1.0.0"] == {("shared", "2.0.0"), ("other", "4.0.0")}
