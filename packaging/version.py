"""The version: the workspace's, in Cargo.toml. Everything else that says it is written from there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from platforms import ROOT

# As cargo, npm, Maven and PyPI all take it.
FORM = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Place:
    """Where a file says the version: what the group of the pattern matches."""

    file: str
    pattern: str
    # How many times it is there.
    times: int = 1

    @property
    def path(self) -> Path:
        return ROOT / self.file


_OURS = r'name = "relaypass[\w-]*"\nversion = "([^"]+)"'

PLACES = [
    Place("Cargo.toml", r'(?m)^version = "([^"]+)"'),
    Place("Cargo.toml", r'(?m)^relaypass[\w-]* = \{ path = "[^"]+", version = "([^"]+)"', 3),
    Place("Cargo.lock", _OURS, 9),
    Place("node/package.json", r'"name": "relaypass",\n  "version": "([^"]+)"'),
    Place("node/package-lock.json", r'"name": "relaypass",\n +"version": "([^"]+)"', 2),
    Place("python/pyproject.toml", r'"relaypass-cli==([^"]+)"'),
    Place("kotlin/pom.xml", r"<artifactId>relaypass</artifactId>\n  <version>([^<]+)<"),
    Place("kotlin/README.md", r"<artifactId>relaypass</artifactId>\n  <version>([^<]+)<"),
    Place("deploy/Dockerfile", r"relaypass-gateway:([\d.]+\d)"),
    Place("deploy/README.md", r"relaypass-gateway:([\d.]+\d)", 2),
    Place("deploy/compose.yaml", r"relaypass-gateway:([\d.]+\d)"),
    Place("deploy/kubernetes.yaml", r"relaypass-gateway:([\d.]+\d)", 2),
    Place("docs/deploying.md", r"relaypass-gateway:([\d.]+\d)", 2),
    Place("docs/installing.md", r"/relaypass(?:-linux-x64-gnu)?-([\d.]+\d)\.tgz", 2),
]


def current() -> str:
    """What the workspace says."""
    place = PLACES[0]
    found = re.search(place.pattern, place.path.read_text())
    assert found, "Cargo.toml names a version"
    return found[1]


def found() -> list[tuple[Place, list[str]]]:
    """What each place says."""
    return [(place, re.findall(place.pattern, place.path.read_text())) for place in PLACES]


def write(version: str) -> None:
    """Says it everywhere."""
    for place in PLACES:
        text = place.path.read_text()
        place.path.write_text(re.sub(place.pattern, lambda m: _replaced(m, version), text))


def _replaced(match: re.Match[str], version: str) -> str:
    start, end = (position - match.start() for position in match.span(1))
    return match[0][:start] + version + match[0][end:]
