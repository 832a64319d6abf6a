"""The wheels, installed by pip from a folder, without an index and without a compiler."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from platforms import ROOT, Target
from stamp import is_debug

from room import Room

TOOLS = ROOT / ".cache/packaging/packages/bin"


@pytest.fixture
def wheel(dist: Path, host: Target) -> Path:
    [wheel] = [
        file
        for file in (dist / "wheel").glob("relaypass-*.whl")
        if host.wheel in file.name or file.name.endswith(f"-linux_{host.machine}.whl")
    ]
    return wheel


@pytest.fixture
def python(dist: Path, room: Callable[..., Room]) -> Callable[..., Path]:
    """Makes an environment with what pip installs from the folder."""

    def make(*wanted: str) -> Path:
        made = room("python3")
        made.check(sys.executable, "-m", "venv", "venv")
        program = made.folder / "venv/bin/python"
        made.check(
            *(str(program), "-m", "pip", "install", "--quiet", "--no-index", "--no-cache-dir"),
            *("--find-links", str(dist / "wheel"), *wanted),
        )
        return program

    return make


def run(program: Path, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    ran = subprocess.run(
        [program, *arguments],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_pip_installs_it_and_the_readme_runs(
    python: Callable[..., Path],
    readme: dict[str, str],
    sandbox: dict[str, str],
    ran: Callable[..., None],
) -> None:
    program = python("relaypass")
    assert run(program, "-W", "error", "-c", readme["python"], env=sandbox) == "passed\n"
    ran("wheel", f"CPython {sys.version.split()[0]}, this system")


def test_the_command_comes_with_the_extra(
    python: Callable[..., Path], ran: Callable[..., None]
) -> None:
    program = python("relaypass[cli]")
    said = run(program.parent / "relaypass", "--version")
    assert said.startswith("relaypass ")
    ran("wheel relaypass-cli", f"CPython {sys.version.split()[0]}, this system")


def test_the_tags_say_what_is_inside(wheel: Path, host: Target) -> None:
    shown = subprocess.run(
        [TOOLS / "auditwheel", "show", wheel], capture_output=True, text=True, check=True
    ).stdout.replace("\n", " ")
    assert "consistent with the following platform tag" in shown
    if not is_debug(host):
        assert f'"{host.wheel.split(".")[0]}"' in shown, shown


def test_it_keeps_to_the_stable_abi_of_python_3_10(wheel: Path) -> None:
    said = subprocess.run(
        [TOOLS / "abi3audit", "--strict", "--report", wheel],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr


def test_every_file_is_as_the_record_says(wheel: Path) -> None:
    """What is listed is there, and nothing else; pip does not look."""
    with zipfile.ZipFile(wheel) as archive:
        [record] = [name for name in archive.namelist() if name.endswith("/RECORD")]
        listed = dict(
            line.rsplit(",", 2)[:2] for line in archive.read(record).decode().splitlines()
        )
        assert set(listed) == set(archive.namelist())
        for name, said in listed.items():
            if name != record:
                digest = base64.urlsafe_b64encode(hashlib.sha256(archive.read(name)).digest())
                assert said == "sha256=" + digest.rstrip(b"=").decode(), name


def test_it_is_small_and_has_no_hooks_of_tests(wheel: Path, host: Target) -> None:
    if is_debug(host):
        pytest.skip("NOT RUN: size and hooks are those of a release; this dist has none")
    assert wheel.stat().st_size < 5_000_000
    with zipfile.ZipFile(wheel) as archive:
        assert b"_example_failures" not in archive.read(f"relaypass/{host.python_module}")


def test_a_wheel_of_another_platform_is_refused_by_name(
    dist: Path, wheel: Path, room: Callable[..., Room]
) -> None:
    made = room("python3")
    made.check(sys.executable, "-m", "venv", "venv")
    other = made.folder / wheel.name.replace(wheel.stem.rsplit("-", 1)[1], "win_arm64")
    other.write_bytes(wheel.read_bytes())
    refused = made.run(made.folder / "venv/bin/python", "-m", "pip", "install", "--no-index", other)
    assert refused.returncode != 0
    assert "is not a supported wheel on this platform" in refused.stderr


def test_the_demo_runs_from_a_wheel(wheel: Path, room: Callable[..., Room]) -> None:
    """`make demo WHEEL=…`, where there is no Rust."""
    made = room("python3", "mkdir")
    said = made.check(ROOT / "tests/demo", env={"WHEEL": str(wheel)})
    last = said.splitlines()[-1]
    assert last.startswith("demo: rust passed, python passed;"), said
