"""Where the time of a flow goes: instructions of the core's own process, which do not drift with the machine.

valgrind counts them, by function, over many flows and over few; the difference is theirs. What the kernel does
for sockets is not counted. Run alone, it prints its table.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from running import RUST, environment_with, sandbox, table

FEW, MANY = 100, 500
# The first that fits a function's name is what it is counted as.
PARTS = (
    ("cryptography: blinding and its factors", r"relaypass::pass::"),
    ("cryptography: AWS-LC (verification, hashes)", r"aws_lc|^OPENSSL|^sha\d|^bn_|^BN_|^RSA|^EVP"),
    (
        "memory: allocator, copies",
        r"^_?(int_)?(malloc|free|realloc|calloc|cfree)|mem(move|cpy|set|cmp)",
    ),
    ("JSON, base64, texts", r"serde|base64|core::str|core::fmt|alloc::string|itoa|time::"),
    (
        "HTTP library: reqwest, hyper, http, url",
        r"reqwest|hyper|https?::|httparse|tower|url::|idna|percent|bytes::",
    ),
    ("runtime: tokio, mio", r"tokio|mio::|std::sync|std::sys|parking_lot"),
    ("relaypass itself", r"relaypass|zeroize|subtle"),
)
REST = "everything else"


def measure_instructions(env: dict[str, str]) -> str:
    if shutil.which("valgrind") is None:
        return "Instructions of a flow were not counted: there is no valgrind."
    many, few = (count(flows, env) for flows in (MANY, FEW))
    each = {part: (many[part] - few[part]) / (MANY - FEW) for part in many}
    whole = sum(each.values())
    rows = []
    for part in (*(name for name, _ in PARTS), REST):
        share = each.get(part, 0) / whole
        rows.append([part, f"{each.get(part, 0) / 1e3:,.0f}", f"{share:.0%}".replace("%", " %")])
        rows[-1].append("█" * round(50 * share))
    rows.append(["together", f"{whole / 1e3:,.0f}", "", ""])
    head = ["one flow of the core, in its own process", "thousand instructions", "share", ""]
    return table(head, rows)


def count(flows: int, env: dict[str, str]) -> Counter[str]:
    """Instructions by part."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "callgrind.out"
        tool = ["valgrind", "--tool=callgrind", "--compress-strings=no", "--compress-pos=no"]
        tool += [f"--callgrind-out-file={written}"]
        program = [*RUST, "flows", str(flows), "1", "0"]
        subprocess.run(
            [*tool, *program], env=environment_with(env), check=True, capture_output=True
        )
        counted: Counter[str] = Counter()
        for function, instructions in costs(written.read_text()):
            counted[part_of(function)] += instructions
        return counted


def costs(text: str) -> list[tuple[str, int]]:
    """Functions and what they cost without those that they call."""
    found = []
    function, is_call = "", False
    for line in text.splitlines():
        if line.startswith("fn="):
            function = line.removeprefix("fn=")
        elif line.startswith("calls="):
            is_call = True
        elif re.match(r"\d", line):
            # The line after a call is what the called one costs.
            if not is_call:
                found.append((function, int(line.split()[1])))
            is_call = False
    return found


def part_of(function: str) -> str:
    return next((name for name, pattern in PARTS if re.search(pattern, function)), REST)


if __name__ == "__main__":
    with sandbox() as asked:
        sys.stdout.write(measure_instructions(asked) + "\n")
