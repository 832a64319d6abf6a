"""Code blocks of the documentation, and how to run one as a reader would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox import CLI, ROOT

# Only what is marked is run: other blocks are parts of something, or go on for ever.
MARK = "<!-- run: sandbox -->"

_BLOCK = r"\s*\n(?P<fence>```+)(?P<language>\w+)[^\n]*\n(?P<code>.*?)^(?P=fence)\s*$"


@dataclass(frozen=True)
class Snippet:
    """A block that is to be run, and where it stands."""

    place: str
    language: str
    code: str


def snippets_of(file: Path, mark: str = MARK) -> Iterator[Snippet]:
    """The blocks of a page that have this mark."""
    text = file.read_text(encoding="utf-8")
    pattern = rf"^{re.escape(mark)}{_BLOCK}"
    blocks = list(re.finditer(pattern, text, re.MULTILINE | re.DOTALL))
    if len(blocks) != text.count(mark):
        raise ValueError(f"{file.name}: a mark without a code block after it")
    for block in blocks:
        line = text.count("\n", 0, block.start("code"))
        place = f"{os.path.relpath(file, ROOT)}:{line}"
        yield Snippet(place, block["language"], block["code"])


def run_snippet(
    language: str, code: str, env: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Runs code as printed, in an empty folder where the packages and the command are installed."""
    if language in _PROGRAMS:
        return _run(_program(language, code), env, folder)
    file = folder / f"snippet.{_SUFFIXES[language]}"
    file.write_text(code, encoding="utf-8")
    if file.suffix == ".mjs":
        (folder / "node_modules").mkdir()
        (folder / "node_modules" / "relaypass").symlink_to(ROOT / "node")
    return _run([*_COMMANDS[file.suffix], str(file)], env, folder)


def _run(
    command: list[str], env: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(CLI.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **env, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        # The first program of a compiled language brings its standard library along.
        timeout=300,
        check=False,
    )


def _program(language: str, code: str) -> list[str]:
    """What runs a block of a compiled language: it is a file that was compiled, word for word."""
    for file, command in _PROGRAMS[language].items():
        text = (ROOT / file).read_text(encoding="utf-8")
        # Where a file of Kotlin lies is no part of the example.
        if re.sub(r"^package .*\n\n", "", text) == code:
            return command
    raise ValueError(f"the block is in none of {', '.join(_PROGRAMS[language])}:\n{code}")


_KOTLIN = str(ROOT / "kotlin" / "run.sh")
_SWIFT = str(ROOT / "swift" / "run.sh")

_PROGRAMS = {
    "kotlin": {
        "kotlin/src/test/kotlin/docs/Readme.kt": [_KOTLIN, "docs.readme.ReadmeKt"],
        "kotlin/src/test/kotlin/docs/Storage.kt": [_KOTLIN, "docs.storage.StorageKt"],
    },
    "swift": {
        "swift/Programs/Sources/docs-readme/main.swift": [_SWIFT, "docs-readme"],
        "swift/Programs/Sources/docs-storage/main.swift": [_SWIFT, "docs-storage"],
    },
}

_SUFFIXES = {
    "python": "py",
    "py": "py",
    "javascript": "mjs",
    "js": "mjs",
    "sh": "sh",
    "bash": "sh",
    "shell": "sh",
    "go": "go",
}

_COMMANDS = {
    ".py": [sys.executable, "-W", "error"],
    ".mjs": ["node"],
    ".sh": ["bash", "-euo", "pipefail"],
    ".go": ["go", "run"],
}
