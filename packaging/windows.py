"""What the linker needs for Windows that neither the compiler's folder nor zig has."""

from __future__ import annotations

import subprocess
from pathlib import Path

from platforms import CACHE, ROOT

OBJECTS = CACHE / "windows"
TARGET = "x86_64-pc-windows-gnu"
# What node.exe exports to addons.
NODE_SYMBOLS = ROOT / "packaging" / "windows" / "node.def"


def lay_windows_objects(folder: Path) -> None:
    """Rust's start-up objects, and node.exe's import library."""
    folder.mkdir()
    rust = CACHE / "rust" / "bin" / "rustc"
    for name in ("rsbegin", "rsend"):
        source = CACHE / "rust-src" / "library" / "rtstartup" / f"{name}.rs"
        subprocess.run(
            [rust, "--edition=2024", f"--target={TARGET}", "--emit=obj", "--cap-lints=allow"]
            + ["-o", folder / f"{name}.o", source],
            check=True,
            env={"RUSTC_BOOTSTRAP": "1"},
        )
    python = CACHE / "python" / "bin" / "python"
    subprocess.run(
        [python, "-m", "ziglang", "dlltool", "-m", "i386:x86-64", "-D", "node.exe"]
        + ["-d", NODE_SYMBOLS, "-l", folder / "libnode.a"],
        check=True,
    )
    # napi-build looks for this name; what is linked is the import library beside it.
    (folder / "libnode.dll").touch()
