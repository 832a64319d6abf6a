"""What every artifact says and carries: the version, and the licences."""

from __future__ import annotations

import tomllib
from archives import Entry
from platforms import DIST, ROOT


def version() -> str:
    """The version of the workspace, which is that of every package."""
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]
    return workspace["package"]["version"]


def licences(folder: str = "") -> list[Entry]:
    """Our own, and the notices of what is linked in, if they have been made."""
    files = [ROOT / "LICENSE-APACHE", ROOT / "LICENSE-MIT", *sorted(DIST.glob("THIRD-PARTY*"))]
    return [Entry.of(file, folder + file.name) for file in files]
