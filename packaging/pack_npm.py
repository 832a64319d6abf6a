"""npm packages: JavaScript alone, and one for each platform with a native addon or the command.

dist/npm/relaypass-….tgz                    JavaScript and types; needs one of the next, by platform
dist/npm/relaypass-linux-x64-gnu-….tgz      @relaypass/linux-x64-gnu: the addon; and the others
dist/npm/relaypass-cli-….tgz                @relaypass/cli: starts the command of one of the next
dist/npm/relaypass-cli-linux-x64-….tgz      @relaypass/cli-linux-x64-gnu: the command; and the others
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import platforms
from notices import carried
from platforms import DIST, ROOT, Target, targets
from staging import REPOSITORY, absolute_links, fresh, lay, present
from version import current

OUT = DIST / "npm"
STAGE = platforms.STAGE / "npm"
NODE = ROOT / "node"


def main() -> None:
    fresh(OUT)
    fresh(STAGE)
    addons = present("relaypass.node")
    for target in addons:
        pack(platform_package(target))
    pack(package())
    commands = present("relaypass", "relaypass.exe")
    for target in commands:
        pack(command_package(target))
    pack(command(commands))


def package() -> Path:
    """`relaypass`: what `tsc` makes of the sources, and nothing native."""
    folder = STAGE / "relaypass"
    compiler = NODE / "node_modules/.bin/tsc"
    if not compiler.exists():
        subprocess.run([NODE / "develop.sh", "fetch"], check=True)
    subprocess.run(
        [compiler, "--project", NODE / "tsconfig.json", "--outDir", folder / "dist"], check=True
    )
    manifest = json.loads((NODE / "package.json").read_text())
    del manifest["scripts"], manifest["devDependencies"]
    manifest["files"] = ["LICENSE-*", "dist"]
    # All of them, whatever was built here: a release is of all platforms.
    manifest["optionalDependencies"] = {name(target): current() for target in targets()}
    lay(folder, {
        "package.json": _json(manifest),
        "README.md": absolute_links((NODE / "README.md").read_text(), NODE).encode(),
        "LICENSE-APACHE": (ROOT / "LICENSE-APACHE").read_bytes(),
        "LICENSE-MIT": (ROOT / "LICENSE-MIT").read_bytes(),
    })  # fmt: skip
    return folder


def platform_package(target: Target) -> Path:
    """The addon of one platform."""
    readme = (
        f"The native addon of [relaypass]({REPOSITORY}) for {target.npm}. Install `relaypass`.\n"
    )
    manifest = addon_manifest(target)
    return _stage(target, manifest, target.node_addon, readme, "relaypass-node")


def command_package(target: Target) -> Path:
    """The command of one platform."""
    readme = (
        f"The command of [relaypass]({REPOSITORY}) for {target.npm}. Install `@relaypass/cli`.\n"
    )
    manifest = command_manifest(target)
    return _stage(target, manifest, target.command, readme, "relaypass-cli")


def command(built: list[Target]) -> Path:
    """`@relaypass/cli`: finds the command and becomes it."""
    source = ROOT / "packaging/cli"
    folder = STAGE / "cli"
    manifest = {
        **_about(
            "@relaypass/cli",
            "The command relaypass: a sandbox for Persona Relay, the gateway, keys and stores",
        ),
        "bin": {"relaypass": "relaypass.js"},
        "optionalDependencies": {command_name(target): current() for target in targets()},
        "files": ["LICENSE-*", "relaypass.js"],
    }
    lay(folder, {
        "package.json": _json(manifest),
        "README.md": (source / "README.md").read_bytes(),
        "relaypass.js": (source / "relaypass.js").read_bytes(),
        "LICENSE-APACHE": (ROOT / "LICENSE-APACHE").read_bytes(),
        "LICENSE-MIT": (ROOT / "LICENSE-MIT").read_bytes(),
    })  # fmt: skip
    (folder / "relaypass.js").chmod(0o755)
    return folder


def addon_manifest(target: Target) -> dict[str, Any]:
    """The package.json of a platform's addon."""
    manifest = _manifest(target, name(target), f"relaypass for {target.npm}")
    return {**manifest, "main": target.node_addon}


def command_manifest(target: Target) -> dict[str, Any]:
    """The package.json of a platform's command."""
    return _manifest(target, command_name(target), f"The command relaypass for {target.npm}")


def name(target: Target) -> str:
    """What the package with a platform's addon is called."""
    return f"@relaypass/{target.npm}"


def command_name(target: Target) -> str:
    """What the package with a platform's command is called."""
    return f"@relaypass/cli-{target.npm}"


def pack(folder: Path) -> None:
    """npm's own packing, which gives every file the same time."""
    command = [
        "npm",
        "pack",
        "--silent",
        "--ignore-scripts",
        "--pack-destination",
        str(OUT),
        str(folder),
    ]
    packed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    print(f"npm/{packed}")


def _about(package_name: str, description: str) -> dict[str, Any]:
    manifest = json.loads((NODE / "package.json").read_text())
    return {
        "name": package_name,
        "version": current(),
        "description": description,
        **{key: manifest[key] for key in ("license", "repository", "engines")},
    }


def _manifest(target: Target, package_name: str, description: str) -> dict[str, Any]:
    system, processor, *libc = target.npm.split("-")
    only = {"os": [system], "cpu": [processor]}
    if libc:
        only["libc"] = [{"gnu": "glibc", "musl": "musl"}[libc[0]]]
    # Not packed into an archive by Yarn: the loader needs a file.
    return {**_about(package_name, description), **only, "preferUnplugged": True}


def _stage(
    target: Target, manifest: dict[str, Any], file: str, readme: str, cargo_package: str
) -> Path:
    folder = STAGE / str(manifest["name"]).split("/")[1]
    lay(folder, {
        "package.json": _json(manifest),
        "README.md": readme.encode(),
        **carried([cargo_package], [target]),
    })  # fmt: skip
    shutil.copyfile(target.natives / file, folder / file)
    (folder / file).chmod(0o755)
    return folder


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


if __name__ == "__main__":
    main()
