"""The npm packages, installed from a registry that has nothing else."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from platforms import ROOT, Target, targets

from room import Room

# Pretends, before the package is loaded, to be another system.
_PRETEND = {
    "riscv64": "Object.defineProperty(process, 'arch', { value: 'riscv64' });",
    "musl": "process.report.getReport = () => ({ header: {} });",
}


def node_version(project: Room) -> str:
    return f"Node {project.check('node', '--version').strip().lstrip('v')}"


def test_npm_installs_it_and_the_readme_runs(
    project: Room,
    host: Target,
    readme: dict[str, str],
    sandbox: dict[str, str],
    ran: Callable[..., None],
) -> None:
    project.check("npm", "install", "relaypass")
    installed = sorted(path.name for path in (project.folder / "node_modules/@relaypass").iterdir())
    assert installed == [host.npm]
    project.write("flow.mjs", readme["js"])
    assert project.check("node", "flow.mjs", env=sandbox) == "passed\n"
    # From the lock file, as on a server.
    project.check("npm", "ci")
    assert project.check("node", "flow.mjs", env=sandbox) == "passed\n"
    ran("npm", f"{node_version(project)}, npm, this system")


def test_the_command_runs_by_npx(project: Room, ran: Callable[..., None]) -> None:
    said = project.check("npx", "--yes", "@relaypass/cli", "--version")
    assert said.startswith("relaypass ")
    ran("npm @relaypass/cli", f"{node_version(project)}, npx, this system")


def test_the_command_ends_with_the_signal_that_npx_was_sent(project: Room) -> None:
    """A sandbox that outlived its starter would keep the port."""
    project.check("npm", "install", "@relaypass/cli")
    script = """
      const { spawn } = require('node:child_process');
      const command = 'node_modules/@relaypass/cli/relaypass.js';
      const child = spawn(process.execPath, [command, 'sandbox']);
      child.stdout.once('data', () => child.kill('SIGTERM'));
      child.on('exit', (code, signal) => console.log(code ?? signal));
    """
    assert project.check("node", "-e", script).strip() in {"0", "SIGTERM"}


def test_without_optional_dependencies_the_error_names_platform_and_package(
    project: Room, host: Target, dist: Path
) -> None:
    project.check("npm", "install", "--omit=optional", "relaypass")
    said = failure(project)
    assert f"the package @relaypass/{host.npm} is not installed" in said
    assert "--omit=optional" in said
    assert re.search(rf"npm install @relaypass/{host.npm}@\d", said)
    # It was good advice.
    advice = re.search(r"npm install (@relaypass/\S+\d)", said)
    assert advice
    project.check("npm", "install", advice[1])
    project.check("node", "-e", "require('relaypass')")


def test_another_processor_is_named_and_what_there_is(project: Room) -> None:
    project.check("npm", "install", "relaypass")
    said = failure(project, _PRETEND["riscv64"])
    assert "no native addon for linux on riscv64" in said
    assert all(target.npm in said for target in targets())
    assert "gateway" in said


def test_musl_without_its_package_is_told_from_glibc(project: Room, host: Target) -> None:
    if host.libc != "gnu":
        pytest.skip("NOT RUN: it pretends to be another C library than glibc")
    project.check("npm", "install", "--omit=optional", "relaypass")
    said = failure(project, _PRETEND["musl"])
    assert f"@relaypass/linux-{host.npm.split('-')[1]}-musl is not installed" in said


def test_an_addon_that_does_not_load_is_told_from_one_that_is_absent(
    project: Room, host: Target
) -> None:
    project.check("npm", "install", "relaypass")
    addon = project.folder / "node_modules/@relaypass" / host.npm / "relaypass.node"
    addon.write_text("no addon")
    said = failure(project)
    assert "cannot load its native addon" in said
    assert "is not installed" not in said


def test_two_versions_live_in_one_process(project: Room, dist: Path) -> None:
    """As when a library brings another one than the program has."""
    project.check("npm", "install", "relaypass")
    project.check("cp", "-r", "node_modules", "library_modules")
    project.check("mkdir", "-p", "node_modules/library")
    project.check("mv", "library_modules", "node_modules/library/node_modules")
    project.write(
        "node_modules/library/index.js", "exports.RelayPass = require('relaypass').RelayPass;"
    )
    script = """
      const ours = require('relaypass').RelayPass;
      const theirs = require('library').RelayPass;
      new ours({ baseUrl: 'http://127.0.0.1:1' });
      new theirs({ baseUrl: 'http://127.0.0.1:1' });
      console.log(ours === theirs);
    """
    assert project.check("node", "-e", script) == "false\n"


def test_the_list_of_platforms_is_the_one_of_packaging() -> None:
    """The loader has it once more, as literals that bundlers can read."""
    source = (ROOT / "node/src/addon.ts").read_text()
    literals = re.findall(r"require\('@relaypass/([^']+)'\)", source)
    assert sorted(literals) == sorted(target.npm for target in targets())


def test_where_both_c_libraries_are_installed_musls_is_tried_first(
    room: Callable[..., Room],
) -> None:
    """glibc refuses what is for musl; musl may load what is for glibc, and crash later."""
    source = (ROOT / "node/src/addon.ts").read_text()
    listed = re.search(r"const PLATFORMS = \[(.*?)\]", source, re.DOTALL)
    assert listed
    order = re.findall(r"'([^']+)'", listed[1])
    assert sorted(order) == sorted(target.npm for target in targets())
    for processor in ("x64", "arm64"):
        assert order.index(f"linux-{processor}-musl") < order.index(f"linux-{processor}-gnu")

    made = room("node")
    made.write("relaypass.js", (ROOT / "packaging/cli/relaypass.js").read_text())
    processor = made.check("node", "-p", "process.arch").strip()
    for libc in ("gnu", "musl"):
        package = f"node_modules/@relaypass/cli-linux-{processor}-{libc}"
        made.write(f"{package}/relaypass", f"#!/bin/sh\necho {libc}\n").chmod(0o755)
    assert made.check("node", "relaypass.js") == "musl\n"


def test_each_package_is_for_its_platform_alone(dist: Path) -> None:
    for target in targets():
        for archive in (dist / "npm").glob(f"relaypass-{target.npm}-[0-9]*.tgz"):
            with tarfile.open(archive) as files:
                manifest = files.extractfile("package/package.json")
                assert manifest
                said = json.loads(manifest.read())
            system, processor, *libc = target.npm.split("-")
            assert said["os"] == [system]
            assert said["cpu"] == [processor]
            assert said.get("libc") == (
                [{"gnu": "glibc", "musl": "musl"}[libc[0]]] if libc else None
            )


def failure(project: Room, before: str = "") -> str:
    ran = project.run("node", "-e", f"{before}require('relaypass')")
    assert ran.returncode != 0
    return ran.stderr
