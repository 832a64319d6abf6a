"""Holds the dependency tree against deny.toml: licences, bans and sources.

cargo-deny reads the same file and checks more (`make audit`: known vulnerabilities), but takes minutes to
compile. This needs only `cargo metadata`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from license_expression import AND, OR, ExpressionError, get_spdx_licensing

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"

SPDX = get_spdx_licensing()


def main() -> int:
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    metadata = json.loads(cargo("metadata", "--locked", "--all-features", "--format-version", "1"))
    used = used_packages()
    packages = [it for it in metadata["packages"] if (it["name"], it["version"]) in used]
    faults = [fault for package in packages for fault in faults_of(package, rules)]
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{len(packages)} packages held against deny.toml: {len(faults)} faults")
    return 1 if faults else 0


def cargo(*arguments: str) -> str:
    """What cargo prints."""
    run = subprocess.run(
        ["cargo", *arguments], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True
    )
    return run.stdout


def used_packages() -> set[tuple[str, str]]:
    """Names and versions of all packages that any feature on any platform compiles.

    `cargo metadata` lists more: what a feature names that is only on if something else is.
    """
    tree = ["tree", "--locked", "--workspace", "--all-features", "--target", "all"]
    lines = cargo(*tree, "--edges", "all", "--prefix", "none", "--format", "{p}").splitlines()
    # Edges to features are shown as lines of their own, without a version.
    named = [line.split() for line in lines]
    return {(words[0], words[1].removeprefix("v")) for words in named if len(words) > 1}


def faults_of(package: dict[str, Any], rules: dict[str, Any]) -> Iterator[str]:
    """What is wrong with one package of `cargo metadata`, in words."""
    name = f"{package['name']} {package['version']}"
    expression = package["license"]
    if not expression:
        yield f"{name}: names no licence"
    elif not is_allowed(expression, set(rules["licenses"]["allow"])):
        yield f"{name}: {expression} is not among the licences of deny.toml"
    if package["name"] in {banned["crate"] for banned in rules["bans"]["deny"]}:
        yield f"{name}: is banned by deny.toml"
    # Our own are told apart by having no source.
    if package["source"] not in (None, CRATES_IO):
        yield f"{name}: comes from {package['source']}, which is not the registry"
    for dependency in package["dependencies"]:
        if dependency["req"] == "*" and "path" not in dependency:
            yield f"{name}: takes any version of {dependency['name']}"


def is_allowed(expression: str, allowed: set[str]) -> bool:
    """Whether somebody who may use these licences may use what has this SPDX expression.

    >>> is_allowed("MIT OR GPL-3.0-only", {"MIT"}), is_allowed("MIT AND GPL-3.0-only", {"MIT"})
    (True, False)
    >>> is_allowed("Apache-2.0 WITH LLVM-exception OR GPL-2.0-only", {"Apache-2.0"})
    False
    >>> is_allowed("MIT/Apache-2.0", {"Apache-2.0"})
    True
    """
    try:
        # Before SPDX expressions, crates wrote a slash for "or".
        parsed = SPDX.parse(expression.replace("/", " OR "))
    except ExpressionError:
        return False

    def holds(part: Any) -> bool:
        if isinstance(part, OR):
            return any(holds(each) for each in part.args)
        if isinstance(part, AND):
            return all(holds(each) for each in part.args)
        return str(part) in allowed

    return holds(parsed)


if __name__ == "__main__":
    sys.exit(main())
