"""A room without Rust, compilers and this checkout: a folder, and programs by name."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from platforms import ROOT


class Room:
    """An empty folder in which only the programs that are named can be found."""

    def __init__(
        self, folder: Path, programs: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        # The shell and what scripts of package managers call; no compiler is among them.
        for name in {*programs, *_BASICS}:
            if found := shutil.which(name):
                (bin_folder / name).symlink_to(found)
        self._environment = {
            "PATH": str(bin_folder),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
            **environment,
        }
        for compiler in ("cargo", "rustc", "cc", "gcc", "clang", "cmake"):
            assert shutil.which(compiler, path=str(bin_folder)) is None

    def write(self, name: str, text: str) -> Path:
        """A file of the project."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def run(
        self, *command: str | Path, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program in the folder, whatever comes of it."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**self._environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def check(self, *command: str | Path, env: Mapping[str, str] | None = None) -> str:
        """Runs a program that must succeed, and gives what it printed."""
        ran = self.run(*command, env=env)
        assert ran.returncode == 0, f"{command[0]}: {ran.stdout[-3000:]}{ran.stderr[-3000:]}"
        return ran.stdout


def local_repository() -> Path:
    """Maven's, which is kept, for what others publish; ours must come from a folder of packages."""
    local = ROOT / ".cache/packaging/maven"
    shutil.rmtree(local / "dev/relaypass", ignore_errors=True)
    return local


_BASICS = (
    *("bash", "sh", "env", "cat", "cp", "mv", "rm", "mkdir", "ln", "ls", "sed", "grep", "uname"),
    *("dirname", "basename", "readlink", "realpath", "tr", "which", "head", "expr", "ldd", "git"),
)
