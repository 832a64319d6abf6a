"""The source distribution: what pip builds where no wheel fits. It takes Rust, cmake and a C compiler.

dist/sdist/relaypass-….tar.gz has the crates that the module is made of, and the lock file.
"""

from __future__ import annotations

import os
import subprocess

from archives import EPOCH
from platforms import DIST, ROOT
from staging import fresh

OUT = DIST / "sdist"


def main() -> None:
    fresh(OUT)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)}
    command = ["maturin", "sdist", "--out", OUT]
    asked = subprocess.run(
        command, cwd=ROOT / "python", check=False, env=environment, capture_output=True, text=True
    )
    if asked.returncode != 0:
        raise SystemExit(f"maturin sdist failed:\n{asked.stdout}{asked.stderr}")
    for file in OUT.iterdir():
        print(file.relative_to(DIST))


if __name__ == "__main__":
    main()
