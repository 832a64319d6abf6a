"""The README's first example, and the sandbox that it talks to."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The example prints it, and nothing else.
EXPECTED = "passed"
_README = Path(__file__).resolve().parent.parent / "README.md"


def example(language: str) -> str:
    """The README's first code in a language."""
    readme = _README.read_text(encoding="utf-8")
    found = re.search(rf"^```{language}\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert found, f"README.md has an example in {language}"
    return found[1]


@contextmanager
def running_sandbox(command: Path) -> Iterator[dict[str, str]]:
    """The sandbox of a command, for as long as the block runs; gives what the example reads."""
    sandbox = subprocess.Popen(
        [command, "sandbox", "--until-stdin-closes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with sandbox:
        assert sandbox.stdin and sandbox.stdout
        ready = json.loads(sandbox.stdout.readline())
        yield {"RELAYPASS_API_KEY": ready["api_key"], "RELAYPASS_BASE_URL": ready["url"]}
        sandbox.stdin.close()
