"""A setting that cannot be right is refused at the start, by its name, and its value is not
repeated where it may be a secret."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from gateways import DoesNotStart, running_gateway

CANARY = "canary"

SEAL_KEY = base64.b64encode(bytes(32)).decode()

FLAGS = {
    "--listen": "nowhere",
    "--base-url": "http://example.com",
    "--store": f"mysql://user:{CANARY}@host/database",
    "--tls-cert": "missing.pem",
    "--tls-key": "missing.pem",
    "--ca": "garbage.pem",
    "--decryption-key-file": "garbage.pem",
    "--timeout-seconds": "0",
    "--retries": "11",
    "--pass-binding": "cookie",
    "--pass-pool": "1001",
    "--max-calls": "0",
    "--max-connections": "0",
    "--max-body": "0",
    "--head-seconds": "0",
    "--body-seconds": "-1",
    "--grace-seconds": "nan",
    "--log-format": "xml",
    "--log": "relaypass=loud",
}

SECRETS = {
    "RELAYPASS_SEAL_KEY": CANARY,
    "RELAYPASS_API_KEY": f"persona_production_{CANARY} x",
    "RELAYPASS_GATEWAY_TOKEN": CANARY,
    "RELAYPASS_ANONYMOUS_PROXY": f"socks5://user:{CANARY}@127.0.0.1:1",
    "RELAYPASS_IDENTIFIED_PROXY": f"socks5://user:{CANARY}@127.0.0.1:1",
}


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_is_named(flag: str, tmp_path: Path) -> None:
    (tmp_path / "garbage.pem").write_text(CANARY)
    value = FLAGS[flag]
    if value.endswith(".pem"):
        value = str(tmp_path / value)
    settings = {"--store": "memory", flag: value}
    said = refusal(tmp_path, settings, {"RELAYPASS_SEAL_KEY": SEAL_KEY})
    assert flag in said
    assert CANARY not in said


@pytest.mark.parametrize("variable", SECRETS)
def test_a_secret_is_named(variable: str, tmp_path: Path) -> None:
    said = refusal(tmp_path, {"--store": "memory"}, {variable: SECRETS[variable]})
    assert variable in said
    assert CANARY not in said


def test_a_secret_is_read_from_its_file_and_not_from_two_places(tmp_path: Path) -> None:
    name = "RELAYPASS_GATEWAY_TOKEN"
    file = tmp_path / "token"
    file.write_text(f"{CANARY}\n")
    from_file = {f"{name}_FILE": str(file)}
    # Too short: so it was read.
    assert name in refusal(tmp_path, {"--store": "memory"}, from_file)
    both = refusal(tmp_path, {"--store": "memory"}, {**from_file, name: CANARY})
    assert f"{name}_FILE" in both
    assert CANARY not in both


def test_a_database_is_not_used_without_a_seal_key(tmp_path: Path) -> None:
    store = {"--store": "postgres://user@127.0.0.1:9/database"}
    assert "RELAYPASS_SEAL_KEY" in refusal(tmp_path, store, {})


def refusal(folder: Path, settings: dict[str, str], environment: dict[str, str]) -> str:
    """What a gateway says that does not start with these settings."""
    log = folder / "gateway.log"
    log.unlink(missing_ok=True)
    flags = dict(settings)
    # Nothing is sent at the start, wherever Persona is.
    base_url = flags.pop("--base-url", "http://127.0.0.1:9")
    listen = flags.pop("--listen", "127.0.0.1:0")
    store = flags.pop("--store")
    rest = [f"{flag}={value}" for flag, value in flags.items()]
    gateway = running_gateway(
        base_url, *rest, store=store, listen=listen, environment=environment, log=log
    )
    with pytest.raises(DoesNotStart), gateway:
        pass
    return log.read_text()
