"""The packages of a dist folder, installed as others install them.

RELAYPASS_DIST names the folder; without it, `dist`. What ran is printed at the end as a matrix.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from platforms import DIST, ROOT, Target, chosen, targets

[HOST] = chosen("host")
# The sandbox is the command that is packed, too.
os.environ["RELAYPASS_CLI"] = str(HOST.natives / HOST.command)

from loud import missing  # noqa: E402
from pack_npm import addon_manifest, command_manifest  # noqa: E402
from sandbox import running_sandbox  # noqa: E402
from snippets import snippets_of  # noqa: E402

from registry import serve  # noqa: E402
from room import Room  # noqa: E402

Record = Callable[[str, str, str], None]
_matrix: dict[tuple[str, str], str] = {}


@pytest.fixture(scope="session")
def host() -> Target:
    """The platform of this machine."""
    return HOST


@pytest.fixture(scope="session")
def dist() -> Path:
    """The folder with the packages."""
    return DIST


@pytest.fixture(scope="session")
def swift_repository(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of what is pushed as the Swift package."""
    [bundle] = (dist / "swift").glob("relaypass-swift-*.bundle")
    # SwiftPM takes a package's name from its folder.
    clone = tmp_path_factory.mktemp("swift") / "relaypass-swift"
    subprocess.run(["git", "clone", "--quiet", "--branch", "main", bundle, clone], check=True)
    return clone


@pytest.fixture
def ran(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Notes for the matrix that an artifact ran in a room; kept only if the test passes."""
    noted: list[tuple[str, str]] = []
    request.node.stash[_NOTED] = noted
    return lambda artifact, room: noted.append((artifact, room))


_NOTED = pytest.StashKey[list[tuple[str, str]]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    report = yield
    if call.when == "call" and report.passed:
        for artifact, room in item.stash.get(_NOTED, []):
            _matrix[artifact, room] = "ran"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _matrix:
        terminalreporter.section("what was installed and ran")
        for (artifact, room), state in sorted(_matrix.items()):
            terminalreporter.write_line(f"{artifact:<28} {room:<48} {state}")


@pytest.fixture(scope="session")
def maven() -> None:
    """What builds and fetches jars."""
    if shutil.which("mvn") is None:
        missing("NOT RUN: this system has no Maven", print)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[dict[str, str]]:
    """The environment that the README's examples read."""
    with running_sandbox() as sandbox:
        yield {"RELAYPASS_BASE_URL": sandbox.url, "RELAYPASS_API_KEY": sandbox.api_key}


@pytest.fixture(scope="session")
def readme() -> dict[str, str]:
    """The first block of the README in each language: its ten lines."""
    blocks: dict[str, str] = {}
    for snippet in snippets_of(ROOT / "README.md"):
        blocks.setdefault(snippet.language, snippet.code)
    return blocks


@pytest.fixture
def room(tmp_path: Path) -> Callable[..., Room]:
    """Makes a room with the programs that are named."""

    def make(*programs: str, **environment: str) -> Room:
        return Room(tmp_path, programs, environment)

    return make


@pytest.fixture(scope="session")
def registry(dist: Path) -> Iterator[str]:
    others = [make(target) for target in targets() for make in (addon_manifest, command_manifest)]
    with serve(dist / "npm", others) as url:
        yield url


@pytest.fixture
def project(room: Callable[..., Room], registry: str) -> Room:
    """A fresh project; npm knows no registry but ours."""
    made = room("node", "npm", "npx")
    made.write("package.json", '{ "name": "fresh", "private": true }\n')
    made.write(".npmrc", f"registry={registry}\naudit=false\nfund=false\nupdate-notifier=false\n")
    return made
