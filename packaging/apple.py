"""What the linker must know of macOS: which symbols its libraries have.

No part of Apple's SDK is here. zig brings the symbols of libSystem; those of the frameworks
that dependencies call (rustls-platform-verifier, though relaypass asks only its own list of
authorities; whoami, for the name of PostgreSQL's user) are in packaging/macos. Their names are those that the
crates core-foundation-sys, security-framework-sys (both MIT OR Apache-2.0) and objc2-system-configuration (Zlib OR
Apache-2.0 OR MIT) declare. A symbol that is not listed fails the link, with its name.
"""

from __future__ import annotations

import re
from pathlib import Path

from platforms import CACHE, ROOT

# lld refuses a file with a platform that it does not know: the others are left out.
KNOWN = {
    "x86_64-macos": "x86_64-macos",
    "arm64-macos": "arm64-macos",
    "arm64e-macos": "arm64-macos",
}
LIBRARIES = ("System", "c", "m", "iconv", "charset")
STUBS = CACHE / "macos"


def lay_macos_stubs() -> None:
    """Into .cache/packaging/macos: text stubs of libraries, and of frameworks in `frameworks`."""
    (packages,) = (CACHE / "python" / "lib").glob("python*/site-packages")
    system = (packages / "ziglang" / "lib" / "libc" / "darwin" / "libSystem.tbd").read_text()
    system = re.sub(r"targets:(\s*)\[([^]]*)\]", known_targets, system)
    for name in LIBRARIES:
        write(STUBS / f"lib{name}.tbd", system)
    for symbols in sorted((ROOT / "packaging" / "macos").glob("*.symbols")):
        framework = symbols.stem
        stub = framework_stub(framework, symbols.read_text().split())
        write(STUBS / "frameworks" / f"{framework}.framework" / f"{framework}.tbd", stub)


def known_targets(found: re.Match[str]) -> str:
    names = [name.strip() for name in found[2].split(",")]
    known = sorted({KNOWN[name] for name in names if name in KNOWN})
    return f"targets:{found[1]}[ {', '.join(known)} ]"


def framework_stub(name: str, symbols: list[str]) -> str:
    return f"""--- !tapi-tbd
tbd-version: 4
targets: [ x86_64-macos, arm64-macos ]
install-name: '/System/Library/Frameworks/{name}.framework/Versions/A/{name}'
current-version: 1.0
compatibility-version: 1.0
exports:
  - targets: [ x86_64-macos, arm64-macos ]
    symbols: [ {", ".join(symbols)} ]
...
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
