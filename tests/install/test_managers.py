"""The npm packages with other package managers than npm, and in a bundle."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from platforms import ROOT, Target

from room import Room

MANAGERS = ROOT / "tests/install/managers"
BIN = MANAGERS / "node_modules/.bin"


@pytest.fixture(scope="session", autouse=True)
def _managers() -> None:
    """They come from their own registry, once."""
    if not BIN.is_dir():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(command, cwd=MANAGERS, check=True)


def flow(project: Room, readme: dict[str, str]) -> None:
    project.write("flow.mjs", readme["js"])


def test_pnpm_installs_it_strictly(
    project: Room,
    host: Target,
    readme: dict[str, str],
    sandbox: dict[str, str],
    ran: Callable[..., None],
) -> None:
    """Only what is asked for can be required from the project; the rest is linked elsewhere."""
    pnpm = MANAGERS / "node_modules/pnpm/bin/pnpm.mjs"
    project.check("node", pnpm, "add", "relaypass", "--store-dir", project.folder / "store")
    assert not (project.folder / "node_modules/@relaypass").exists()
    flow(project, readme)
    assert project.check("node", "flow.mjs", env=sandbox) == "passed\n"
    ran("npm", "pnpm 12, strict")


@pytest.mark.parametrize("linker", ["node-modules", "pnp"])
def test_yarn_installs_it(
    project: Room,
    registry: str,
    linker: str,
    readme: dict[str, str],
    sandbox: dict[str, str],
    ran: Callable[..., None],
) -> None:
    project.write(
        ".yarnrc.yml",
        f"npmRegistryServer: '{registry}'\nnodeLinker: {linker}\n"
        "unsafeHttpWhitelist: ['127.0.0.1']\nnpmMinimalAgeGate: 0\n"
        "pnpEnableEsmLoader: true\nenableTelemetry: false\nenableGlobalCache: false\n",
    )
    project.write("yarn.lock", "")
    project.check(BIN / "yarn", "add", "relaypass")
    flow(project, readme)
    assert project.check(BIN / "yarn", "node", "flow.mjs", env=sandbox) == "passed\n"
    ran("npm", f"Yarn 4, {linker}")


def test_esbuild_bundles_it_and_finds_the_addon(
    project: Room,
    readme: dict[str, str],
    sandbox: dict[str, str],
    ran: Callable[..., None],
    tmp_path: Path,
) -> None:
    project.check("npm", "install", "relaypass")
    # A bundle in CommonJS has no `await` outside of functions.
    imports, code = readme["js"].split("\n", 1)
    project.write("flow.mjs", f"{imports}\nasync function main() {{{code}}}\nmain();\n")
    out = tmp_path / "bundle"
    project.check(
        *(BIN / "esbuild", "flow.mjs", "--bundle", "--platform=node", "--format=cjs"),
        *("--loader:.node=copy", f"--outdir={out}", "--out-extension:.js=.cjs"),
    )
    # Nothing of the project is needed any more.
    (project.folder / "node_modules").rename(tmp_path / "gone")
    assert project.check("node", out / "flow.cjs", env=sandbox) == "passed\n"
    ran("npm", "esbuild bundle")
