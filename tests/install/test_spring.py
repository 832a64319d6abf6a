"""The jar in an application of Spring Boot, and where files that were written are not executed."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from version import current

from room import Room, local_repository

FILES = Path(__file__).with_name("spring")

pytestmark = pytest.mark.usefixtures("maven")


@pytest.fixture
def no_exec(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nothing can be executed, and no library loaded."""
    folder = tmp_path / "noexec"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "noexec", "none", folder], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("NOT RUN: this system does not let us mount a folder")
    yield folder
    subprocess.run(["umount", folder], check=True)


# The last of Spring Boot 3: its Kotlin is 1.9, its coroutines 1.8.
@pytest.mark.parametrize("version", ["3.5.6"])
def test_an_application_of_spring_boot_needs_no_other_versions(
    dist: Path,
    room: Callable[..., Room],
    sandbox: dict[str, str],
    ran: Callable[..., None],
    no_exec: Path,
    version: str,
) -> None:
    made = room("java", "mvn")
    pom = (FILES / "pom.xml").read_text()
    for name, value in (
        ("@SPRING@", version),
        ("@REPOSITORY@", str(dist / "maven")),
        ("@VERSION@", current()),
    ):
        pom = pom.replace(name, value)
    made.write("pom.xml", pom)
    made.write("src/main/java/fresh/Shop.java", (FILES / "Shop.java").read_text())
    made.check(
        *("mvn", "-q", "-B", "-Dstyle.color=never"),
        *(f"-Dmaven.repo.local={local_repository()}", "package"),
    )
    jar = made.folder / "target/fresh-1.jar"
    inside = " ".join(zipfile.ZipFile(jar).namelist())
    assert "/lib/kotlin-stdlib-1.9." in inside
    assert "/lib/kotlinx-coroutines-core-jvm-1.8." in inside

    lines = made.check("java", "-jar", str(jar), env=sandbox).splitlines()
    assert "answer: PASSED" in lines, lines
    assert "told: linkable_by_time" in lines, lines
    ran("jar", f"Spring Boot {version}, one bootable jar, a store of Java's")

    # JNA writes the library into the user's cache, or with the temporary files.
    closed = (f"-Duser.home={no_exec}", f"-Djava.io.tmpdir={no_exec}")
    refused = made.run("java", *closed, "-jar", str(jar), env=sandbox)
    assert refused.returncode != 0
    assert "jna.tmpdir" in refused.stderr + refused.stdout
    elsewhere = f"-Djna.tmpdir={made.folder}"
    lines = made.check("java", *closed, elsewhere, "-jar", str(jar), env=sandbox).splitlines()
    assert "answer: PASSED" in lines, lines
    ran("jar", "home and java.io.tmpdir mounted noexec, with jna.tmpdir")
