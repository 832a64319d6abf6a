"""No room of a crate and no file of a package needs itself by way of others.

A room of a crate is what stands directly in its ``src``: a file, or a folder. Within a folder, a
module and its children belong together. Tests may use everything.

    tests/circles.py        prints every circle, and fails if there is one
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

Graph = dict[str, set[str]]

ROOT = Path(__file__).resolve().parent.parent


def circles(graph: Graph) -> list[list[str]]:
    """The groups whose members all reach each other.

    >>> circles({"plain": set(), "whole": {"plain", "room"}, "room": {"plain"}})
    []
    >>> circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})
    [['a', 'b', 'c']]
    >>> circles({"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"c"}})
    [['a', 'b'], ['c', 'd']]
    """
    reached = {start: _reachable(graph, start) for start in graph}
    groups = {
        tuple(sorted(other for other in reached[start] if start in reached.get(other, ())))
        for start in graph
    }
    return sorted(list(group) for group in groups if len(group) > 1)


def _reachable(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph.get(waiting.pop(), ()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


def rust_uses(source: str) -> set[str]:
    """The rooms of its crate that a source names. Comments, strings and tests do not count.

    >>> sorted(rust_uses("use crate::error::Error;\\nfn f() -> crate::wire::Head {}"))
    ['error', 'wire']
    >>> sorted(rust_uses("use crate::{client::Client, http::{Gate, Lane}, pass};"))
    ['client', 'http', 'pass']
    >>> rust_uses("//! See [`crate::call`].\\n#[cfg(test)]\\nmod tests { use crate::store::Store; }")
    set()
    >>> sorted(rust_uses("#[cfg(test)]\\npub use crate::a::Test;\\nuse crate::b::Real;"))
    ['b']
    """
    source = re.sub(r"//[^\n]*", "", source)
    source = re.sub(r'"(?:\\.|[^"\\])*"', '""', source)
    source = re.sub(r"#\[cfg\(test\)\]\s*mod \w+ \{.*\Z", "", source, flags=re.DOTALL)
    source = re.sub(r"#\[cfg\(test\)\]\s*[^{;]*;", "", source)
    found = set(re.findall(r"(?<![\w$])crate::(\w+)", source))
    for group in re.findall(r"(?<![\w$])crate::\{([^;]*)\}\s*;", source):
        depth = 0
        for part in re.split(r"([{},])", group):
            depth += {"{": 1, "}": -1}.get(part, 0)
            name = re.match(r"\s*(\w+)", part)
            if depth == 0 and name and part not in "{},":
                found.add(name[1])
    return found


def python_uses(source: str, package: str) -> set[str]:
    """The modules of its package that a source imports.

    >>> sorted(python_uses("from p.keys import K\\nfrom p import _native, events\\nimport p.x", "p"))
    ['_native', 'events', 'keys', 'x']
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            head, _, rest = node.module.partition(".")
            if head == package:
                found.update([rest] if rest else [alias.name for alias in node.names])
        elif isinstance(node, ast.Import):
            names = (alias.name.partition(".") for alias in node.names)
            found.update(rest for head, _, rest in names if head == package and rest)
    return found


def node_uses(source: str) -> set[str]:
    """The files beside it that a source imports, types included.

    >>> sorted(node_uses("import type { A } from './a.js';\\nexport * from './b.js';\\nimport 'fs';"))
    ['a', 'b']
    """
    return set(re.findall(r"""from '\./(\w+)\.m?js'""", source))


def graph_of(files: Iterable[tuple[str, Path]], uses: Callable[[str], set[str]]) -> Graph:
    graph: Graph = {}
    for name, path in files:
        graph.setdefault(name, set()).update(uses(path.read_text()) - {name})
    return {name: used & graph.keys() for name, used in graph.items()}


def crate_files(src: Path) -> Iterable[tuple[str, Path]]:
    for path in sorted(src.rglob("*.rs")):
        parts = path.relative_to(src).with_suffix("").parts
        is_test = any(part.endswith("tests") or part == "simulation" for part in parts)
        if parts[0] not in ("lib", "main") and not is_test:
            yield parts[0], path


def every_graph() -> Iterable[tuple[str, Graph]]:
    for manifest in sorted(ROOT.glob("**/Cargo.toml")):
        src = manifest.parent / "src"
        # What others wrote, and was fetched, is below `.cache`.
        if {"target", ".cache"}.isdisjoint(manifest.relative_to(ROOT).parts) and src.is_dir():
            yield str(src.relative_to(ROOT)), graph_of(crate_files(src), rust_uses)
    package = ROOT / "python/relaypass"
    modules = [(path.stem, path) for path in sorted(package.glob("*.py*"))]
    yield (
        "python/relaypass",
        graph_of(
            [(name, path) for name, path in modules if name != "__init__"],
            lambda source: python_uses(source, "relaypass"),
        ),
    )
    sources = [(path.stem, path) for path in sorted((ROOT / "node/src").glob("*.ts"))]
    yield (
        "node/src",
        graph_of([(name, path) for name, path in sources if name != "index"], node_uses),
    )


def main() -> int:
    rooms, found = 0, 0
    for where, graph in every_graph():
        rooms += len(graph)
        for circle in circles(graph):
            found += 1
            print(f"{where}: a circle of {len(circle)}: {', '.join(circle)}")
    print(f"circles: {found} among {rooms} rooms")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
