"""The wheel that people install: built as it is released, used in an empty environment."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support import PACKAGE, REPOSITORY, Sandbox


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # The variable says what `.cargo/config.toml` says, and the feature what the workspace's tests
    # say: cargo then compiles nothing twice.
    run([
        sys.executable, "-m", "maturin", "build", "--quiet", "--locked",
        "--profile", "dev", "--features", "test-features",
        "--interpreter", sys.executable, "--out", folder,
    ], PYO3_CONFIG_FILE=str(REPOSITORY / "bindings/python/pyo3-config.txt"))  # fmt: skip
    [wheel] = folder.glob("*.whl")
    return wheel


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    assert "-cp310-abi3-" in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    package = {name for name in names if ".dist-info/" not in name}
    assert package == {
        "relaypass/_native.abi3.so",
        *(
            f"relaypass/{file.name}"
            for file in (PACKAGE / "relaypass").iterdir()
            if file.suffix in {".py", ".pyi"} or file.name == "py.typed"
        ),
    }


def test_the_module_is_not_linked_to_a_python(wheel: Path, tmp_path: Path) -> None:
    module = zipfile.ZipFile(wheel).extract("relaypass/_native.abi3.so", tmp_path)
    assert b"libpython" not in Path(module).read_bytes()


def test_the_wheel_has_no_hooks_of_tests(wheel: Path, tmp_path: Path) -> None:
    module = zipfile.ZipFile(wheel).extract("relaypass/_native.abi3.so", tmp_path)
    assert b"_example_failures" not in Path(module).read_bytes()


def test_the_wheel_works_in_an_empty_environment(
    wheel: Path, tmp_path: Path, sandbox: Sandbox
) -> None:
    run([sys.executable, "-m", "venv", tmp_path / "venv"])
    python = tmp_path / "venv/bin/python"
    run([python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel])
    code = """
import sys, relaypass
assert sys.prefix in relaypass.__file__
with relaypass.RelayPass(api_key=sys.argv[2], base_url=sys.argv[1]) as client:
    relay = client.relays.create(claim_type="age_over18_verified")
    ticket = client.relays.issue_privacy_pass(claim_type="age_over18_verified")
    answer = client.relays.generate_claim(
        relay_token=relay.relay_token,
        relay_secret=relay.relay_secret,
        privacy_pass_token=ticket.privacy_pass_token,
    )
print(relaypass.__version__, answer.claim.passed)
"""
    version = wheel.name.split("-")[1]
    printed = run([python, "-I", "-c", code, sandbox.url, sandbox.api_key])
    assert printed == f"{version} True\n"


def run(command: list[Any], **environment: str) -> str:
    ran = subprocess.run(
        command,
        cwd=PACKAGE,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
