"""What every artifact carries beside the program: licences, third-party notices, and an SBOM."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from crates import Crate, licences, linked
from platforms import ROOT, Target
from version import current

NOTICES = "THIRD-PARTY-NOTICES.txt"
SBOM = "sbom.cdx.json"

_HEADER = """\
relaypass is under MIT OR Apache-2.0: see LICENSE-MIT and LICENSE-APACHE. Linked into it are the
following programs of others, each under its own licence. Where it lets one choose, either is meant.
"""
_RUST = "The Rust standard library (MIT OR Apache-2.0) https://github.com/rust-lang/rust"
# What the linker adds of C: packaging/natives lays their licences beside what it linked.
_OF_C = {
    "zig": "compiler-rt of Zig https://ziglang.org",
    "musl": "musl https://musl.libc.org",
    "glibc": "Start-up code of glibc https://sourceware.org/glibc",
    "mingw-w64": "mingw-w64 https://www.mingw-w64.org",
    "libunwind": "libunwind of LLVM https://github.com/llvm/llvm-project",
}


def carried(packages: Iterable[str], targets: Sequence[Target]) -> dict[str, bytes]:
    """The files, by name, for an artifact with these cargo packages for these platforms."""
    crates = sorted({c for p in packages for t in targets for c in linked(p, t)})
    return {
        "LICENSE-APACHE": (ROOT / "LICENSE-APACHE").read_bytes(),
        "LICENSE-MIT": (ROOT / "LICENSE-MIT").read_bytes(),
        NOTICES: notices(crates, targets).encode(),
        SBOM: sbom(crates).encode(),
    }


def notices(crates: Iterable[Crate], targets: Iterable[Target]) -> str:
    """One text, in which every licence stands once, after the names of those who use it."""
    users: dict[str, list[str]] = defaultdict(list)
    for crate in crates:
        line = f"{crate.name} {crate.version} ({crate.license}) {crate.repository or ''}".rstrip()
        for file in licences(crate):
            users[file.read_text(errors="replace").strip()].append(line)
    for name in ("packaging/licences/MIT.txt", "LICENSE-APACHE"):
        users[(ROOT / name).read_text().strip()].append(_RUST)
    for target in targets:
        for name, line in _OF_C.items():
            file = target.natives / f"licence-{name}.txt"
            if file.is_file():
                users[file.read_text(errors="replace").strip()].append(line)
    rule = "=" * 80
    sections = ["\n".join(sorted(set(names))) + f"\n\n{text}\n" for text, names in users.items()]
    return f"\n{rule}\n\n".join([_HEADER, *sorted(sections)])


def sbom(crates: Iterable[Crate]) -> str:
    """A bill of materials: CycloneDX 1.6, in JSON. It has no time, so it is the same every time."""
    crates = list(crates)
    ours = f"pkg:github/relaypass/relaypass@{current()}"
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": ours,
                "name": "relaypass",
                "version": current(),
                "purl": ours,
                "licenses": [{"expression": "MIT OR Apache-2.0"}],
            }
        },
        "components": [_component(crate) for crate in crates],
        "dependencies": [
            {"ref": ours, "dependsOn": [crate.purl for crate in crates]},
            *(
                {
                    "ref": crate.purl,
                    "dependsOn": [f"pkg:cargo/{n}@{v}" for n, v in crate.dependencies],
                }
                for crate in crates
            ),
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _component(crate: Crate) -> dict[str, Any]:
    # Some crates still write the slash of cargo's early days.
    expression = crate.license.replace("/", " OR ")
    return {
        "type": "library",
        "bom-ref": crate.purl,
        "name": crate.name,
        "version": crate.version,
        "purl": crate.purl,
        "licenses": [{"expression": expression}],
        "hashes": [{"alg": "SHA-256", "content": crate.sha256}],
    }
