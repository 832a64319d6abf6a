"""What must be in dist/ for the platforms that were built, by name and at most so large."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from platforms import Target
from staging import wheel_platforms
from version import current

# In bytes: goals of the project, which docs/installing.md has the sizes beside.
LARGEST_WHEEL = 5_000_000


def expected(built: Sequence[Target]) -> set[str]:
    """The files of dist/ that are published, without the checksums of Maven."""
    version = current()
    jar = f"maven/dev/relaypass/relaypass/{version}/relaypass-{version}"
    files = {f"sdist/relaypass-{version}.tar.gz", f"swift/relaypass-swift-{version}.bundle"}
    files |= {f"{jar}{end}" for end in (".jar", "-sources.jar", "-javadoc.jar", ".pom")}
    files |= {f"npm/relaypass-{version}.tgz", f"npm/relaypass-cli-{version}.tgz"}
    for target in built:
        tag = wheel_platforms(target)
        files.add(f"wheel/relaypass-{version}-cp310-abi3-{tag}.whl")
        files.add(f"wheel/relaypass_cli-{version}-py3-none-{tag}.whl")
        files.add(f"npm/relaypass-{target.npm}-{version}.tgz")
        files.add(f"npm/relaypass-cli-{target.npm}-{version}.tgz")
        # The one for musl is static: Linux needs no other.
        if target.libc != "gnu":
            end = "zip" if target.system == "windows" else "tar.gz"
            files.add(f"command/relaypass-{version}-{target.triple}.{end}")
        if target.libc == "musl":
            files.add(f"image/relaypass-{version}-oci.tar")
    return files


def faults_of_dist(
    dist: Path, looked_at: Sequence[Target], built: Sequence[Target]
) -> Iterator[str]:
    """What is missing of the platforms that are looked at, left over beside all that were built, or too
    large, each in a sentence."""
    for name in sorted(expected(looked_at)):
        if not (dist / name).is_file():
            yield f"{name} is missing"
    known = expected(built)
    for kind in ("wheel", "sdist", "npm", "swift", "command", "image"):
        for file in sorted((dist / kind).glob("*")):
            if f"{kind}/{file.name}" not in known:
                yield f"{kind}/{file.name} is of no platform in dist/natives, or of another version"
    for wheel in sorted((dist / "wheel").glob("relaypass-*.whl")):
        if wheel.stat().st_size > LARGEST_WHEEL:
            yield f"wheel/{wheel.name} is larger than {LARGEST_WHEEL:,} bytes"
