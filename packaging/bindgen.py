"""What uniffi generates for Kotlin and Swift from a built archive."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from platforms import ROOT
from staging import present
from stamp import is_debug

_BUILD = ["cargo", "build", "-p", "relaypass-bindgen", "-p", "relaypass-test-features"]


def generate(language: str, folder: Path) -> None:
    """Writes the generated sources into a folder. They are the same for every platform."""
    folder.mkdir(parents=True, exist_ok=True)
    # The shared library is stripped and has lost its interface. Any platform's archive has it.
    target = present("librelaypass_ffi.a")[0]
    archive = target.natives / "librelaypass_ffi.a"
    # As cargo, which is started in the root, understands a relative one.
    built = ROOT / (os.environ.get("CARGO_TARGET_DIR") or "target")
    program = built / "debug/relaypass-bindgen"
    # `make build` has built it beside what is packed then.
    if not (is_debug(target) and program.exists()):
        subprocess.run([*_BUILD, "--locked", "--quiet"], cwd=ROOT, check=True)
    # From the root: the generator finds uniffi.toml through cargo.
    subprocess.run([program, language, archive.resolve(), folder.resolve()], cwd=ROOT, check=True)
