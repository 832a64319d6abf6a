"""What every package has, whatever it is for."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import version
from notices import NOTICES, SBOM
from platforms import ROOT


def packages(dist: Path, swift: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Every artifact with something native in it, and its files."""
    for file in sorted([*dist.glob("wheel/*.whl"), *dist.glob("maven/**/relaypass-*.jar")]):
        if not re.search(r"-(sources|javadoc)\.jar$", file.name):
            with zipfile.ZipFile(file) as archive:
                yield file.name, {name: archive.read(name) for name in archive.namelist()}
    for file in sorted(dist.glob("npm/*.tgz")):
        with tarfile.open(file) as archive:
            files = {}
            for member in archive.getmembers():
                content = archive.extractfile(member)
                files[member.name] = content.read() if content else b""
            if any(name.endswith((".node", "/relaypass", "/relaypass.exe")) for name in files):
                yield file.name, files
    yield (
        "relaypass-swift",
        {path.name: path.read_bytes() for path in swift.iterdir() if path.is_file()},
    )


def test_each_carries_licences_notices_and_a_bill_of_materials(
    dist: Path, swift_repository: Path
) -> None:
    count = 0
    for package, files in packages(dist, swift_repository):
        named = {name.rsplit("/", 1)[-1]: content for name, content in files.items()}
        for name in ("LICENSE-APACHE", "LICENSE-MIT", NOTICES, SBOM):
            assert name in named, f"{package} has no {name}"
        bill = json.loads(named[SBOM])
        assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
        components = {component["name"] for component in bill["components"]}
        # What is written in C is the likeliest to be forgotten.
        assert {"aws-lc-sys", "libsqlite3-sys", "rustls"} <= components, package
        notices = named[NOTICES].decode()
        for component in bill["components"]:
            assert f"{component['name']} {component['version']} " in notices, (package, component)
        count += 1
    assert count >= 5


def test_every_place_says_the_same_version() -> None:
    for place, said in version.found():
        assert said == [version.current()] * place.times, place


def test_a_new_version_is_written_into_every_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in version.PLACES:
        (tmp_path / place.file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place.file).write_bytes((ROOT / place.file).read_bytes())
    monkeypatch.setattr(version, "ROOT", tmp_path)
    version.write("7.8.9")
    for place, said in version.found():
        assert said == ["7.8.9"] * place.times, place


def test_no_place_of_the_version_is_forgotten() -> None:
    # Not `relaypass 0.1.0`: what a text tells of a version stays as it is.
    named = rf"relaypass[^ ]*[-:=/]+[ \"]*{re.escape(version.current())}"
    found = subprocess.run(
        ["git", "grep", "--name-only", "-E", named],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert set(found) <= {place.file for place in version.PLACES}


def test_the_sdist_resolves_by_itself(dist: Path, tmp_path: Path) -> None:
    """Without `.git` and the rest of the workspace."""
    [sdist] = (dist / "sdist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    [root] = tmp_path.iterdir()
    resolved = subprocess.run(
        ["cargo", "metadata", "--format-version", "1"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert resolved.returncode == 0, resolved.stderr
    assert {"LICENSE-APACHE", "LICENSE-MIT", "PKG-INFO", "Cargo.lock"} <= {
        p.name for p in root.iterdir()
    }
