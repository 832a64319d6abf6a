"""What all kinds of packages are made from: the platforms that were built, and files laid into folders."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from platforms import DIST, ROOT, Target, targets
from stamp import is_debug, must_be_fresh

REPOSITORY = "https://github.com/relaypass/relaypass"


def present(*files: str) -> list[Target]:
    """The platforms for which one of these files was built."""
    built = [t for t in targets() if any((t.natives / file).is_file() for file in files)]
    if not built:
        raise SystemExit(
            f"{DIST}/natives has no {' or '.join(files)} for any platform: run packaging/natives first"
        )
    for target in built:
        must_be_fresh(target)
    return built


def wheel_platforms(target: Target) -> str:
    """What a wheel is for. What asks for this machine's glibc is no manylinux."""
    return f"linux_{target.machine}" if is_debug(target) else target.wheel


def absolute_links(page: str, folder: Path) -> str:
    """A page of a package, with links into the repository that lead there from anywhere."""

    def absolute(match: re.Match[str]) -> str:
        path = (folder / match[1]).resolve().relative_to(ROOT)
        return f"]({REPOSITORY}/blob/main/{path}{match[2] or ''})"

    return re.sub(r"\]\((?!\w+:|#)([^)#]+)(#[^)]*)?\)", absolute, page)


def fresh(folder: Path) -> Path:
    """The folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def lay(folder: Path, files: dict[str, bytes]) -> None:
    """Writes files into a folder, by their paths in it."""
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
