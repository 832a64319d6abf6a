"""The crates that are linked into a native library or the command, for one platform."""

from __future__ import annotations

import functools
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomllib
from platforms import ROOT, Target

# What packaging/natives builds, in one call.
RELEASED = ("relaypass-python", "relaypass-node", "relaypass-uniffi", "relaypass-cli")
# With the version.
Name = tuple[str, str]


@dataclass(frozen=True, order=True)
class Crate:
    """A crate of a registry."""

    name: str
    version: str
    # As SPDX has it.
    license: str
    folder: Path
    repository: str | None
    # Of the archive in the registry, in hexadecimal.
    sha256: str
    # Names and versions of what it stands on, among those that are linked in.
    dependencies: tuple[Name, ...] = ()

    @property
    def purl(self) -> str:
        """Its name among all packages of the world."""
        return f"pkg:cargo/{self.name}@{self.version}"


def linked(package: str, target: Target) -> list[Crate]:
    """What is linked into `package` for `target`, without crates of this workspace and macros."""
    edges = _tree(target.triple)
    [root] = [(name, version) for name, version in edges if name == package]
    names, unseen = {root}, [root]
    while unseen:
        new = edges[unseen.pop()] - names
        names |= new
        unseen += new
    known = _metadata()
    return sorted(
        Crate(
            name=name,
            version=version,
            license=known[name, version]["license"],
            folder=Path(known[name, version]["manifest_path"]).parent,
            repository=known[name, version]["repository"],
            sha256=_checksums()[name, version],
            dependencies=tuple(sorted(edges[name, version])),
        )
        for name, version in names
        if known[name, version]["source"]
    )


def licences(crate: Crate) -> list[Path]:
    """The files in which a crate says under what it may be used."""
    # C that is compiled in has its own, further down.
    files = crate.folder.rglob("*") if crate.name.endswith("-sys") else crate.folder.iterdir()
    found = [file for file in files if file.is_file() and _LICENCE.match(file.name)]
    return sorted(found) or [_standard_licence(crate)]


_LICENCE = re.compile(r"(licen[cs]e|copying|notice|unlicense|copyright)([.-]\S*)?$", re.IGNORECASE)


def _standard_licence(crate: Crate) -> Path:
    """For a crate that names its licence and does not carry the text."""
    for name, file in {
        "Apache-2.0": ROOT / "LICENSE-APACHE",
        "MPL-2.0": ROOT / "packaging/licences/MPL-2.0.txt",
        "MIT": ROOT / "packaging/licences/MIT.txt",
    }.items():
        if name in crate.license:
            return file
    raise SystemExit(
        f"{crate.name} {crate.version} ({crate.license}) has no licence file: put the text of its "
        "licence into packaging/licences and name it in packaging/crates.py"
    )


@functools.cache
def _tree(triple: str) -> dict[Name, set[Name]]:
    """Each crate, by name and version, with what it stands on.

    packaging/natives builds all of RELEASED in one call, and cargo gives a crate every feature that
    one of them asks for. Asked for one alone, it would tell of another build.
    """
    packages = [word for name in RELEASED for word in ("--package", name)]
    tree = _cargo(
        *("tree", *packages, "--target", triple, "--edges", "normal,no-proc-macro"),
        *("--prefix", "depth", "--format", " {p}"),
    )
    return edges_of(tree)


def edges_of(tree: str) -> dict[Name, set[Name]]:
    """What cargo prints with depths. What a crate stands on is printed once, wherever it comes first."""
    edges: dict[Name, set[Name]] = {}
    path: list[Name] = []
    for depth, name, version in re.findall(r"(?m)^(\d+) (\S+) v(\S+)", tree):
        crate = (name, version)
        del path[int(depth) :]
        edges.setdefault(crate, set())
        if path:
            edges[path[-1]].add(crate)
        path.append(crate)
    return edges


@functools.cache
def _metadata() -> dict[Name, Any]:
    packages = json.loads(_cargo("metadata", "--format-version", "1"))["packages"]
    return {(package["name"], package["version"]): package for package in packages}


@functools.cache
def _checksums() -> dict[Name, str]:
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(p["name"], p["version"]): p.get("checksum", "") for p in lock["package"]}


def _cargo(*arguments: str) -> str:
    command = ["cargo", *arguments, "--locked"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
