"""Looks for API keys and private keys in saved output: ``python scan_output.py FILE...``

Ends with 1 when it finds one, and says where, but not what it is; with 2 when there is nothing to
search.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

PATTERNS = {
    "an API key": re.compile(r"persona_(sandbox|production)_[A-Za-z0-9]{16,}"),
    "a private key": re.compile(r"-----BEGIN ([A-Z]+ )*PRIVATE KEY"),
    # How RSA private keys of 2048 to 4096 bits begin in base64, PKCS#8 and PKCS#1.
    # Its private members, as JSON and as Python or JavaScript print them.
    "a private JWK": re.compile(r"""\b(d|p|q|dp|dq|qi)\b\\?["']?:\s*\\?["'][\w-]{120}"""),
    "the body of a private key": re.compile(r"MII[\w+/-]{3}IBA[\w+/-]{40}"),
}


def findings(text: str) -> Iterator[tuple[int, str]]:
    """Line numbers, counted from 1, and what stands there."""
    for number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in PATTERNS.items():
            if pattern.search(line):
                yield number, what


def main(files: list[str]) -> int:
    if not files or not all(Path(file).is_file() for file in files):
        print("usage: scan_output.py FILE...   (files that exist)", file=sys.stderr)
        return 2
    found = 0
    for file in files:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
        for number, what in findings(text):
            print(f"{file}:{number}: {what}")
            found += 1
    print(f"{len(files)} file(s) scanned, {found} secret(s) found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
