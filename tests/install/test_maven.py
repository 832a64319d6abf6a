"""The Maven artifacts, in a fresh project that can have them from the folder only."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from platforms import Target
from version import current

from room import Room, local_repository

_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>fresh</groupId>
  <artifactId>fresh</artifactId>
  <version>1</version>
  <repositories>
    <repository><id>dist</id><url>file://{repository}</url></repository>
  </repositories>
  <dependencies>
    <dependency>
      <groupId>dev.relaypass</groupId>
      <artifactId>relaypass</artifactId>
      <version>{version}</version>
    </dependency>
  </dependencies>
  <build>
    <sourceDirectory>src</sourceDirectory>
    <plugins>
      <plugin>
        <groupId>org.jetbrains.kotlin</groupId>
        <artifactId>kotlin-maven-plugin</artifactId>
        <version>{kotlin}</version>
        <executions>
          <execution>
            <phase>compile</phase>
            <goals><goal>compile</goal></goals>
            <configuration><jvmTarget>17</jvmTarget></configuration>
          </execution>
        </executions>
      </plugin>
      <plugin>
        <groupId>org.apache.maven.plugins</groupId>
        <artifactId>maven-dependency-plugin</artifactId>
        <version>3.9.0</version>
      </plugin>
    </plugins>
  </build>
</project>
"""


@pytest.fixture
def artifacts(dist: Path) -> Path:
    return dist / "maven/dev/relaypass/relaypass" / current()


@pytest.fixture
def jar(artifacts: Path) -> Path:
    return artifacts / f"relaypass-{current()}.jar"


@pytest.fixture
def project(dist: Path, room: Callable[..., Room]) -> Callable[[str, str], Room]:
    """Makes a project that a Kotlin compiler of this version has compiled."""

    def make(kotlin: str, code: str) -> Room:
        made = room("java", "mvn")
        made.write(
            "pom.xml", _POM.format(repository=dist / "maven", version=current(), kotlin=kotlin)
        )
        made.write("src/Flow.kt", code)
        made.check(
            *("mvn", "-q", "-B", "-Dstyle.color=never", "-Dkotlin.compiler.daemon=false"),
            *(f"-Dmaven.repo.local={local_repository()}", "compile"),
            *("dependency:build-classpath", "-Dmdep.outputFile=classpath"),
        )
        return made

    return make


def java(project: Room, *options: str, env: Mapping[str, str]) -> str:
    return project.check("java", *options, "-cp", classpath(project), "FlowKt", env=env)


def classpath(project: Room) -> str:
    return f"{project.folder / 'target/classes'}:{(project.folder / 'classpath').read_text()}"


# The oldest compiler that may use it.
@pytest.mark.parametrize("kotlin", ["2.1.21"])
def test_a_fresh_maven_project_runs_the_readme(
    project: Callable[..., Room],
    kotlin: str,
    readme: dict[str, str],
    sandbox: dict[str, str],
    ran: Callable[..., None],
) -> None:
    made = project(kotlin, readme["kotlin"])
    assert java(made, env=sandbox) == "passed\n"
    ran("jar", f"Maven, kotlinc {kotlin}, this JVM and system")

    # Where programs may not write or execute in the usual folder for temporary files, another one
    # is named.
    folder = made.folder / "natives"
    folder.mkdir()
    options = ("-Djava.io.tmpdir=/nowhere", f"-Djna.tmpdir={folder}")
    assert java(made, *options, env=sandbox) == "passed\n"
    ran("jar", "java.io.tmpdir that is not there, with jna.tmpdir")

    # A jar that was repacked without what it is for.
    repacked = made.folder / "repacked.jar"
    [ours] = [path for path in classpath(made).split(":") if "/relaypass/relaypass/" in path]
    with zipfile.ZipFile(ours) as source, zipfile.ZipFile(repacked, "w") as copy:
        for name in source.namelist():
            if "relaypass_ffi." not in name:
                copy.writestr(name, source.read(name))
    refused = made.run(
        "java", "-cp", classpath(made).replace(ours, str(repacked)), "FlowKt", env=sandbox
    )
    assert refused.returncode != 0
    assert "relaypass has no native library for linux-" in refused.stderr
    ran("jar", "repacked without its library: the error says so")


def test_the_jar_has_the_libraries_and_what_a_reader_must_know(jar: Path, host: Target) -> None:
    names = zipfile.ZipFile(jar).namelist()
    assert f"{host.jar}/{host.ffi_library}" in names
    for name in ("LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY-NOTICES.txt", "sbom.cdx.json"):
        assert f"META-INF/{name}" in names
    assert "META-INF/native-image/dev.relaypass/relaypass/reachability-metadata.json" in names
    folders = {name.split("/")[0] for name in names}
    assert folders <= {"META-INF", "dev"} | {
        name for name in folders if re.match("linux|darwin|win32", name)
    }


def test_what_central_asks_for_is_there(artifacts: Path) -> None:
    for kind in (".jar", "-sources.jar", "-javadoc.jar", ".pom"):
        file = artifacts / f"relaypass-{current()}{kind}"
        assert file.is_file()
        assert file.with_name(file.name + ".sha1").is_file()
    pom = (artifacts / f"relaypass-{current()}.pom").read_text()
    for element in ("name", "description", "url", "licenses", "developers", "scm"):
        assert f"<{element}>" in pom


pytestmark = pytest.mark.usefixtures("maven")
