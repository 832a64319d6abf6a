"""The search of saved output finds what it is there for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from relaypass import EncryptionKey

import scan_output
from sandbox import CLI

# In two parts, so that this file itself holds nothing to be found.
API_KEY = "persona_" + "production_" + "4Nf0unDkEy" * 2


def _scan(*files: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, scan_output.__file__, *map(str, files)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_a_private_key_is_found(bits: int) -> None:
    key = EncryptionKey.generate(bits)
    lines = key.private_key_pem.splitlines()
    found = list(scan_output.findings(key.private_key_pem))
    assert found == [(1, "a private key"), (2, "the body of a private key")]
    assert list(scan_output.findings("".join(lines[1:-1]))), "without its line breaks"
    assert list(scan_output.findings(key.public_key_pem)) == []


def test_a_private_jwk_is_found(tmp_path: Path) -> None:
    command = [str(CLI), "keygen", "--jwk", "--private", "private.jwk", "--public", "public.jwk"]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    private, public = ((tmp_path / f"{half}.jwk").read_text() for half in ("private", "public"))
    jwk = json.loads(private)
    assert EncryptionKey.from_jwk(private).public_jwk == json.loads(public)
    for shown in (private, str(jwk), json.dumps(jwk, indent=2), json.dumps(private)):
        assert "a private JWK" in {what for _, what in scan_output.findings(shown)}
    assert list(scan_output.findings(public)) == []


def test_an_api_key_is_found(tmp_path: Path) -> None:
    clean, dirty = tmp_path / "clean.log", tmp_path / "dirty.log"
    clean.write_text("persona_sandbox_… persona_production_[redacted]\n")
    dirty.write_bytes(f"1\n2 {API_KEY}\n".encode() + b"\xff\n")
    assert _scan(clean).returncode == 0
    done = _scan(clean, dirty)
    assert done.returncode == 1
    assert f"{dirty}:2: an API key" in done.stdout
    assert API_KEY not in done.stdout + done.stderr


def test_nothing_to_scan_is_not_clean(tmp_path: Path) -> None:
    assert _scan().returncode == 2
    assert _scan(tmp_path / "missing.log").returncode == 2
