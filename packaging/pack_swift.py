"""The Swift package as a repository of its own, which others depend on by its URL.

dist/swift/relaypass-swift-….bundle is a git repository in one file: one commit with the version's tag.
In it are the sources, with what is generated among them, and the static library of every platform in
binary targets. Pushing that commit and that tag is all that a release does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from archives import EPOCH, universal
from bindgen import generate
from notices import carried
from platforms import DIST, ROOT, STAGE, Target
from staging import absolute_links, fresh, lay, present
from stamp import is_debug
from version import current

OUT = STAGE / "swift" / "relaypass-swift"
SWIFT = ROOT / "swift"
MODULE = "relaypass_ffiFFI"
LARGEST = 100 * 1024 * 1024


def main() -> None:
    fresh(OUT)
    built = [target for target in present("librelaypass_ffi.a") if target.swift != "-"]
    linux = [target for target in built if target.system == "linux"]
    macos = [target for target in built if target.system == "macos"]
    if not linux:
        raise SystemExit("The Swift package is for Linux with glibc, too: build its library first.")
    sources(built)
    generated = fresh(STAGE / "swift" / "generated")
    generate("swift", generated)
    lay(
        OUT,
        {
            "Sources/RelayPassGenerated/RelayPassGenerated.swift": (
                generated / "RelayPassGenerated.swift"
            ).read_bytes()
        },
    )
    artifact_bundle(linux, generated)
    if macos:
        xcframework(macos, generated)
    (OUT / "Package.swift").write_text(manifest(bool(macos)))
    commit()
    bundle = fresh(DIST / "swift") / f"relaypass-swift-{current()}.bundle"
    # One thread, so that the same commit makes the same bytes.
    _git("-c", "pack.threads=1", "bundle", "create", "--quiet", bundle, "main", current())
    print(bundle.relative_to(DIST))


def sources(built: list[Target]) -> None:
    """What is written by hand, and what every package carries."""
    shutil.copytree(SWIFT / "Sources/RelayPass", OUT / "Sources/RelayPass")
    readme = absolute_links((SWIFT / "README.md").read_text(), SWIFT)
    lay(OUT, {"README.md": readme.encode(), **carried(["relaypass-uniffi"], built)})


def manifest(has_macos: bool) -> str:
    """The package's, without the flags that bar a dependency by version."""
    text = (ROOT / "packaging/swift/Package.swift").read_text()
    # Without slices for it there is nothing to name.
    return text if has_macos else text.replace(_MACOS_TARGET, "").replace(_MACOS_DEPENDENCY, "")


_MACOS_TARGET = f"""    .binaryTarget(name: "{MODULE}Apple", path: "{MODULE}.xcframework"),
"""
_MACOS_DEPENDENCY = f"""        .target(name: "{MODULE}Apple", condition: .when(platforms: [.macOS])),
"""


def artifact_bundle(built: list[Target], generated: Path) -> None:
    """The static libraries for Linux (SE-0482)."""
    folder = OUT / f"{MODULE}.artifactbundle"
    variants = []
    for target in built:
        library = f"{target.swift}/librelaypass_ffi.a"
        lay(folder, {library: _hostable([target], _library(target), folder / library)})
        variants.append({
            "path": library,
            # The second one is what the Swift of Debian calls itself.
            "supportedTriples": [target.swift, target.swift.replace("unknown", "pc")],
            "staticLibraryMetadata": {
                "headerPaths": ["include"],
                "moduleMapPath": "include/module.modulemap",
            },
        })  # fmt: skip
    _headers(generated, folder / "include")
    artifact = {"type": "staticLibrary", "version": current(), "variants": variants}
    info = {"schemaVersion": "1.0", "artifacts": {MODULE: artifact}}
    (folder / "info.json").write_text(json.dumps(info, indent=2) + "\n")


def xcframework(built: list[Target], generated: Path) -> None:
    """The static library for macOS, with all processors in one file, as Xcode lays them out."""
    folder = OUT / f"{MODULE}.xcframework"
    slices = sorted(target.machine.replace("aarch64", "arm64") for target in built)
    name = f"macos-{'_'.join(slices)}"
    library = folder / name / "librelaypass_ffi.a"
    library.parent.mkdir(parents=True)
    libraries = {target.machine: _library(target) for target in built}
    library.write_bytes(_hostable(built, universal(libraries), library))
    _headers(generated, folder / name / "Headers")
    listed = "".join(f"<string>{each}</string>" for each in slices)
    (folder / "Info.plist").write_text(_INFO_PLIST.format(name=name, slices=listed))


_INFO_PLIST = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>AvailableLibraries</key>
  <array>
    <dict>
      <key>BinaryPath</key><string>librelaypass_ffi.a</string>
      <key>HeadersPath</key><string>Headers</string>
      <key>LibraryIdentifier</key><string>{name}</string>
      <key>LibraryPath</key><string>librelaypass_ffi.a</string>
      <key>SupportedArchitectures</key><array>{slices}</array>
      <key>SupportedPlatform</key><string>macos</string>
    </dict>
  </array>
  <key>CFBundlePackageType</key><string>XFWK</string>
  <key>XCFrameworkFormatVersion</key><string>1.0</string>
</dict>
</plist>
"""


def _library(target: Target) -> bytes:
    """As it was laid, without what only a debugger reads."""
    return (target.natives / "librelaypass_ffi.a").read_bytes()


def _hostable(targets: list[Target], content: bytes, path: Path) -> bytes:
    """Hosts of git repositories refuse the push of a file over 100 MiB; then all was for nothing.

    What is not optimised (packaging/debug-natives) goes nowhere, and may be larger.
    """
    if len(content) > LARGEST and not any(map(is_debug, targets)):
        raise SystemExit(
            f"{path.relative_to(OUT)} has {len(content) / 2**20:.0f} MiB; hosts of git "
            f"repositories take at most {LARGEST / 2**20:.0f} MiB in a file"
        )
    return content


def _headers(generated: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (f"{MODULE}.h", "module.modulemap"):
        shutil.copy(generated / name, folder)


def commit() -> None:
    """One commit, of the same hash whenever it is made from the same sources, with the version's tag."""
    moment = f"{EPOCH} +0000"
    identity = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                for what, value in (("NAME", "relaypass"), ("EMAIL", "relaypass@localhost"), ("DATE", moment))}  # fmt: skip
    for command in (
        ["init", "--quiet", "--initial-branch", "main"],
        ["add", "--all", "--force"],
        ["commit", "--quiet", "--message", f"relaypass {current()}"],
        ["tag", current()],
    ):
        _git(*command, **identity)


def _git(*arguments: str | Path, **environment: str) -> None:
    # What somebody has set for himself (a signature, a hook) would make another commit.
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(
        ["git", *arguments], cwd=OUT, check=True, env={**os.environ, **alone, **environment}
    )


if __name__ == "__main__":
    main()
