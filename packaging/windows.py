"""What the linker needs for Windows that neither the compiler's folder nor zig has."""

from __future__ import annotations

import subprocess

from platforms import CACHE, ROOT

OBJECTS = CACHE / "windows"
TARGET = "x86_64-pc-windows-gnu"


def lay_windows_objects() -> None:
    """Into .cache/packaging/windows: Rust's start-up objects, and node.exe's import library."""
    if (OBJECTS / "libnode.dll").exists():
        return
    OBJECTS.mkdir(parents=True, exist_ok=True)
    rust = CACHE / "rust" / "bin" / "rustc"
    for name in ("rsbegin", "rsend"):
        source = CACHE / "rust-src" / "library" / "rtstartup" / f"{name}.rs"
        subprocess.run(
            [rust, "--edition=2024", f"--target={TARGET}", "--emit=obj", "--cap-lints=allow"]
            + ["-o", OBJECTS / f"{name}.o", source],
            check=True,
            env={"RUSTC_BOOTSTRAP": "1"},
        )
    definition = ROOT / "packaging" / "windows" / "node.def"
    python = CACHE / "python" / "bin" / "python"
    subprocess.run(
        [python, "-m", "ziglang", "dlltool", "-m", "i386:x86-64", "-D", "node.exe"]
        + ["-d", definition, "-l", OBJECTS / "libnode.a"],
        check=True,
    )
    # napi-build looks for this name; what is linked is the import library beside it.
    (OBJECTS / "libnode.dll").touch()
