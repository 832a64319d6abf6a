"""What files of variables leave in the environment: empty values, blanks, line ends, quotes."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import proofs
from proofs import call
from sandbox import CLI, Sandbox
from test_start import CANARY, clean, refused, started

# Every variable of `relaypass gateway --help`, but the four that these tests set themselves.
VARIABLES = [
    "RELAYPASS_DATA",
    "RELAYPASS_TLS_CERT",
    "RELAYPASS_TLS_KEY",
    "RELAYPASS_CA",
    "RELAYPASS_DECRYPTION_KEY_FILE",
    "RELAYPASS_ENCRYPTION_FORM",
    "RELAYPASS_TIMEOUT_SECONDS",
    "RELAYPASS_RETRIES",
    "RELAYPASS_PASS_BINDING",
    "RELAYPASS_PURCHASE_WINDOW_SECONDS",
    "RELAYPASS_PASS_POOL",
    "RELAYPASS_MAX_CALLS",
    "RELAYPASS_MAX_CONNECTIONS",
    "RELAYPASS_MAX_BODY",
    "RELAYPASS_HEAD_SECONDS",
    "RELAYPASS_BODY_SECONDS",
    "RELAYPASS_GRACE_SECONDS",
    "RELAYPASS_LOG_FORMAT",
    "RELAYPASS_LOG",
    "RELAYPASS_SEAL_KEY",
    "RELAYPASS_SEAL_KEY_FILE",
    "RELAYPASS_API_KEY",
    "RELAYPASS_API_KEY_FILE",
    "RELAYPASS_GATEWAY_TOKEN",
    "RELAYPASS_GATEWAY_TOKEN_FILE",
    "RELAYPASS_ANONYMOUS_PROXY",
    "RELAYPASS_ANONYMOUS_PROXY_FILE",
    "RELAYPASS_IDENTIFIED_PROXY",
    "RELAYPASS_IDENTIFIED_PROXY_FILE",
    "RELAYPASS_PRIVACY",
    "RELAYPASS_ISOLATION",
    "RELAYPASS_STORE_FILE",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
]
SET_HERE = {"RELAYPASS_LISTEN", "RELAYPASS_BASE_URL", "RELAYPASS_STORE", "RELAYPASS_URL"}


def test_every_variable_is_tried() -> None:
    shown = subprocess.run(
        [CLI, "gateway", "--help"], capture_output=True, text=True, check=True, env=clean()
    ).stdout
    words = {word.strip("[]=,:.") for word in shown.replace("env: ", " ").split()}
    named = {word for word in words if word.startswith("RELAYPASS_") and word.isupper()}
    assert named <= {*VARIABLES, *SET_HERE}, named - {*VARIABLES, *SET_HERE}
    assert len(named) > 20


@pytest.mark.parametrize("empty", ["", " ", "\r", '""', "''", '" "'])
def test_what_is_empty_is_not_set(sandbox: Sandbox, tmp_path: Path, empty: str) -> None:
    settings = {
        **dict.fromkeys(VARIABLES, empty),
        "RELAYPASS_LISTEN": "127.0.0.1:0",
        "RELAYPASS_BASE_URL": sandbox.url,
        "RELAYPASS_STORE": "memory",
    }
    with started(tmp_path, **settings) as url:
        assert proofs.create(url).status == 201


def test_an_empty_store_address_and_place_are_the_usual_ones(tmp_path: Path) -> None:
    # The usual address of Persona, to which nothing is sent at the start.
    empty = dict.fromkeys([*VARIABLES, "RELAYPASS_BASE_URL", "RELAYPASS_STORE"], "")
    with started(tmp_path, RELAYPASS_LISTEN="127.0.0.1:0", **empty) as url:
        assert call(url, "GET", "/readyz").status == 200
    assert (tmp_path / "relaypass-data" / "gateway.sqlite").exists()


@pytest.mark.parametrize("name", ["API_KEY", "GATEWAY_TOKEN", "SEAL_KEY"])
def test_a_name_of_a_file_that_is_empty_is_not_in_the_way(
    sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    secrets = {
        "API_KEY": sandbox.production_api_key,
        "GATEWAY_TOKEN": proofs.random_token(),
        "SEAL_KEY": proofs.random_seal_key(),
    }
    settings = {f"RELAYPASS_{it}": value for it, value in secrets.items()}
    settings[f"RELAYPASS_{name}_FILE"] = ""
    flags = ["--listen=127.0.0.1:0", f"--base-url={sandbox.url}", "--store=memory"]
    with started(tmp_path, *flags, **settings) as url:
        assert call(url, "GET", "/readyz").status == 200


@pytest.mark.parametrize("around", ["{}\r", " {} ", '"{}"', "'{}'", '" {}"\r\n', "\ufeff{}"])
def test_what_stands_around_a_value_is_no_part_of_it(
    sandbox: Sandbox, tmp_path: Path, around: str
) -> None:
    token = proofs.random_token()
    (tmp_path / "token").write_text(around.format(token), encoding="utf-8", newline="")
    values = {
        "RELAYPASS_LISTEN": "127.0.0.1:0",
        "RELAYPASS_BASE_URL": sandbox.url,
        "RELAYPASS_STORE": "sqlite:around.sqlite",
        "RELAYPASS_RETRIES": "2",
        "RELAYPASS_LOG": "warn",
        "RELAYPASS_API_KEY": sandbox.production_api_key,
        "RELAYPASS_SEAL_KEY": proofs.random_seal_key(),
    }
    settings = {name: around.format(value) for name, value in values.items()}
    settings["RELAYPASS_GATEWAY_TOKEN_FILE"] = "token"
    with started(tmp_path, **settings) as url:
        started_one = call(
            url, "POST", "/verifications", {"claim-type": proofs.CLAIM_TYPE}, proofs.bearer(token)
        )
        assert started_one.status == 201
    assert (tmp_path / "around.sqlite").exists()


def test_a_secret_where_the_name_of_its_file_belongs_is_not_repeated(tmp_path: Path) -> None:
    for name in ["API_KEY", "SEAL_KEY", "GATEWAY_TOKEN", "STORE"]:
        wrong = {f"RELAYPASS_{name}_FILE": CANARY}
        said = refused(tmp_path, "--listen=127.0.0.1:0", **wrong)
        assert f"RELAYPASS_{name}_FILE" in said
        assert CANARY not in said
    key = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"
    for name in ["TLS_KEY", "TLS_CERT", "CA", "DECRYPTION_KEY_FILE"]:
        other = {"RELAYPASS_TLS_KEY": "key.pem", "RELAYPASS_TLS_CERT": "certificate.pem"}
        settings = {**(other if name.startswith("TLS") else {}), f"RELAYPASS_{name}": key}
        said = refused(tmp_path, "--listen=127.0.0.1:0", "--store=memory", **settings)
        assert CANARY not in said


def test_a_log_of_nothing_is_called_off(tmp_path: Path) -> None:
    assert "--log" in refused(tmp_path, "--listen=127.0.0.1:0", "--store=memory", "--log=")


def test_listening_is_logged_though_the_level_is_empty(sandbox: Sandbox, tmp_path: Path) -> None:
    with proofs.running_gateway(sandbox, tmp_path, RELAYPASS_LOG="") as gateway:
        proofs.eventually(lambda: "listening" in gateway.log())


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this system has no IPv6")
def test_the_unspecified_address_of_ipv6_is_every_address(tmp_path: Path) -> None:
    with started(tmp_path, "--listen=[::]:0", "--store=memory") as url:
        port = urlsplit(url).port
        for host in ["127.0.0.1", "[::1]"]:
            assert call(f"http://{host}:{port}", "GET", "/healthz").status == 200


@pytest.mark.skipif(os.name != "posix", reason="permissions of Unix")
def test_a_database_is_for_its_owner_alone(sandbox: Sandbox, tmp_path: Path) -> None:
    with proofs.running_gateway(sandbox, tmp_path, store=f"sqlite:{tmp_path}/a.sqlite") as gateway:
        assert gateway.call("GET", "/readyz").status == 200
        modes = {it.name: it.stat().st_mode & 0o777 for it in tmp_path.glob("a.sqlite*")}
    assert {"a.sqlite", "a.sqlite-wal", "a.sqlite-shm"} <= set(modes)
    assert set(modes.values()) == {0o600}
