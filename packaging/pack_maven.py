"""Maven artifacts: one jar with the libraries of all platforms that were built.

dist/maven is a repository in Maven's layout: jar, sources, javadoc, pom, and their checksums.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import platforms
from archives import ZIP_TIME
from bindgen import generate
from notices import carried
from platforms import DIST, ROOT, Target
from staging import fresh, lay, present
from version import current

OUT = DIST / "maven"
STAGE = platforms.STAGE / "maven"
KOTLIN = ROOT / "kotlin"
GROUP, ARTIFACT = "dev.relaypass", "relaypass"
_LIBRARIES = ("librelaypass_ffi.so", "librelaypass_ffi.dylib", "relaypass_ffi.dll")


def main() -> None:
    fresh(OUT)
    fresh(STAGE)
    built = present(*_LIBRARIES)
    stage(built)
    compile_and_deploy()
    for file in sorted(OUT.rglob(f"{ARTIFACT}-{current()}*.[jp]*[rm]")):
        print(file.relative_to(DIST))


def stage(built: list[Target]) -> None:
    """The module as Maven takes it: sources, what is generated, and the libraries."""
    shutil.copytree(
        KOTLIN / "src/main",
        STAGE / "src/main",
        ignore=shutil.ignore_patterns("linux-*", "darwin-*", "win32-*"),
    )
    shutil.copy(KOTLIN / "pom.xml", STAGE)
    generate("kotlin", STAGE / "target/generated-sources/uniffi")
    resources = STAGE / "src/main/resources"
    for target in built:
        folder = resources / target.jar
        folder.mkdir(parents=True)
        shutil.copyfile(target.natives / target.ffi_library, folder / target.ffi_library)
    lay(resources / "META-INF", carried(["relaypass-uniffi"], built))


def reachability() -> None:
    """What GraalVM's native-image must keep: the libraries, and what JNA reads by reflection."""
    classes = sorted(
        str(file.relative_to(STAGE / "target/classes").with_suffix("")).replace("/", ".")
        for file in (STAGE / "target/classes/dev/relaypass/generated").glob("*.class")
    )
    everything = {f"allDeclared{kind}": True for kind in ("Constructors", "Fields", "Methods")}
    metadata = {
        "reflection": [{"type": name, "jniAccessible": True, **everything} for name in classes],
        "resources": [{"glob": f"*/{library}"} for library in _LIBRARIES],
    }
    path = f"META-INF/native-image/{GROUP}/{ARTIFACT}/reachability-metadata.json"
    lay(STAGE / "src/main/resources", {path: json.dumps(metadata, indent=1).encode()})


def compile_and_deploy() -> None:
    """Compiles, and puts all artifacts into the repository: what Central asks for, but signatures."""
    _mvn("compile")
    reachability()
    _mvn("package")
    target = STAGE / "target"
    sources = target / f"{ARTIFACT}-{current()}-sources.jar"
    _jar(sources, [STAGE / "src/main/kotlin", target / "generated-sources/uniffi"])
    # Central wants the file; the documentation is in the sources.
    javadoc = target / f"{ARTIFACT}-{current()}-javadoc.jar"
    fresh(target / "javadoc")
    shutil.copy(KOTLIN / "README.md", target / "javadoc")
    _jar(javadoc, [target / "javadoc"])
    _mvn(
        "org.apache.maven.plugins:maven-deploy-plugin:3.1.4:deploy-file",
        f"-Dfile={target / f'{ARTIFACT}-{current()}.jar'}",
        f"-Dsources={sources}",
        f"-Djavadoc={javadoc}",
        "-DpomFile=pom.xml",
        f"-Durl=file://{OUT}",
        "-DrepositoryId=dist",
    )
    # When it was put there differs every time, and Central writes its own.
    for file in OUT.rglob("maven-metadata.xml*"):
        file.unlink()


def _jar(out: Path, folders: list[Path]) -> None:
    """An archive of the folders' files, with the licences, every entry of the same time."""
    files = {
        str(file.relative_to(folder)): file.read_bytes()
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file()
    }
    for name in ("LICENSE-APACHE", "LICENSE-MIT"):
        files[f"META-INF/{name}"] = (ROOT / name).read_bytes()
    with zipfile.ZipFile(out, "w") as archive:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(path, ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)


def _mvn(*arguments: str) -> None:
    command = [
        "mvn",
        "-q",
        "-B",
        "-ntp",
        "-Dstyle.color=never",
        "-Dmaven.test.skip=true",
        *arguments,
    ]
    subprocess.run(command, cwd=STAGE, check=True)


if __name__ == "__main__":
    main()
