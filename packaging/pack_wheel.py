"""Wheels: the Python package around the native module, and the command as a package of its own.

dist/wheel/relaypass-…-cp310-abi3-PLATFORM.whl      for CPython 3.10 and later
dist/wheel/relaypass_cli-…-py3-none-PLATFORM.whl    the command alone: `pip install relaypass[cli]`
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipInfo

import tomllib
from archives import EPOCH, ZIP_TIME
from notices import SBOM, carried
from platforms import DIST, ROOT, Target
from pyproject_metadata import StandardMetadata
from staging import absolute_links, fresh, present, wheel_platforms
from version import current
from wheel.wheelfile import WheelFile

OUT = DIST / "wheel"


def main() -> None:
    fresh(OUT)
    os.environ["SOURCE_DATE_EPOCH"] = str(EPOCH)
    for target in present("_native.abi3.so", "_native.pyd"):
        print(package(target).relative_to(DIST))
    for target in present("relaypass", "relaypass.exe"):
        print(command(target).relative_to(DIST))


def package(target: Target) -> Path:
    """The wheel that people import."""
    project = tomllib.loads((ROOT / "python/pyproject.toml").read_text())
    sources = sorted((ROOT / "python/relaypass").iterdir())
    files = {
        f"relaypass/{file.name}": file.read_bytes()
        for file in sources
        if file.suffix in (".py", ".pyi") or file.name == "py.typed"
    }
    module = target.python_module
    files[f"relaypass/{module}"] = (target.natives / module).read_bytes()
    return _write(
        "relaypass",
        project,
        f"cp310-abi3-{wheel_platforms(target)}",
        files,
        "relaypass-python",
        target,
    )


def command(target: Target) -> Path:
    """The wheel with nothing but the command."""
    project = tomllib.loads((ROOT / "packaging/cli/pyproject.toml").read_text())
    files = {f"{{data}}/scripts/{target.command}": (target.natives / target.command).read_bytes()}
    return _write(
        "relaypass_cli",
        project,
        f"py3-none-{wheel_platforms(target)}",
        files,
        "relaypass-cli",
        target,
    )


def _write(
    name: str,
    project: dict[str, Any],
    tag: str,
    files: dict[str, bytes],
    cargo_package: str,
    target: Target,
) -> Path:
    """Writes the files, and those about the package. Every entry has the same time."""
    folder = ROOT / ("python" if name == "relaypass" else "packaging/cli")
    beside = carried([cargo_package], [target])
    metadata = StandardMetadata.from_pyproject(project, folder)
    metadata.version = current()
    metadata.dynamic = []
    metadata.readme = replace(metadata.readme, text=absolute_links(metadata.readme.text, folder))
    metadata.license_files = [Path(path) for path in beside if path != SBOM]
    full = f"{name}-{current()}"
    about = f"{full}.dist-info"
    files = {path.format(data=f"{full}.data"): content for path, content in files.items()}
    files[f"{about}/METADATA"] = bytes(metadata.as_rfc822())
    files[f"{about}/WHEEL"] = _wheel_file(tag).encode()
    for path, content in beside.items():
        # PEP 639's folder for licences, PEP 770's for bills of materials.
        kept = "sboms" if path == SBOM else "licenses"
        files[f"{about}/{kept}/{path}"] = content
    out = OUT / f"{full}-{tag}.whl"
    with WheelFile(out, "w") as wheel:
        for path, content in sorted(files.items()):
            entry = ZipInfo(path, ZIP_TIME)
            entry.compress_type = ZIP_DEFLATED
            # Installers make scripts executable by this.
            entry.external_attr = (0o100755 if "/scripts/" in path else 0o100644) << 16
            wheel.writestr(entry, content)
    return out


def _wheel_file(tag: str) -> str:
    python, abi, platforms = tag.split("-")
    tags = "".join(f"Tag: {python}-{abi}-{platform}\n" for platform in platforms.split("."))
    return f"Wheel-Version: 1.0\nGenerator: relaypass {current()}\nRoot-Is-Purelib: false\n{tags}"


if __name__ == "__main__":
    main()
