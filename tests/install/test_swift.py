"""The Swift package, depended on by the URL of its repository."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from platforms import ROOT
from version import current

TOOLCHAIN = ROOT / "swift/toolchain.sh"


def swift_version() -> tuple[int, ...]:
    if subprocess.run([TOOLCHAIN, "has"], capture_output=True, check=False).returncode != 0:
        return ()
    said = subprocess.run(
        [TOOLCHAIN, "run", "swift", "--version"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    found = re.search(r"Swift version (\d+)\.(\d+)", said.stdout)
    return tuple(map(int, found.groups())) if found else ()


def test_a_fresh_package_depends_on_its_url_and_the_readme_runs(
    swift_repository: Path,
    tmp_path: Path,
    readme: dict[str, str],
    sandbox: dict[str, str],
    ran: Callable[..., None],
) -> None:
    version = swift_version()
    if version < (6, 2):
        pytest.skip(
            f"NOT RUN: binary targets for Linux take Swift 6.2, and this system has {version}"
        )
    package = tmp_path / "fresh"
    (package / "Sources/fresh").mkdir(parents=True)
    (package / "Sources/fresh/main.swift").write_text(readme["swift"])
    (package / "Package.swift").write_text(f"""\
// swift-tools-version: 6.0
import PackageDescription

let package = Package(
  name: "fresh",
  platforms: [.macOS(.v13)],
  dependencies: [.package(url: "file://{swift_repository}", exact: "{current()}")],
  targets: [
    .executableTarget(
      name: "fresh", dependencies: [.product(name: "RelayPass", package: "relaypass-swift")])
  ]
)
""")
    built = subprocess.run(
        [TOOLCHAIN, "run", "swift", "build"],
        cwd=package,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-2000:]
    program = package / ".build/debug/fresh"
    said = subprocess.run(
        [TOOLCHAIN, "exec", program],
        env={**os.environ, **sandbox},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout == "passed\n", said.stderr
    ran("Swift package", f"swift {'.'.join(map(str, version))}, by git URL, this system")


def test_the_manifest_bars_nobody(swift_repository: Path) -> None:
    """With unsafe flags nobody could depend on a version."""
    manifest = (swift_repository / "Package.swift").read_text()
    assert "unsafeFlags" not in manifest
    tags = subprocess.run(
        ["git", "tag"], cwd=swift_repository, capture_output=True, text=True, check=True
    ).stdout.split()
    assert tags == [current()]
    for name in re.findall(r'path: "([^"]+)"', manifest):
        assert (swift_repository / name).is_dir()
