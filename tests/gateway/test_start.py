"""Settings by flag, by environment and by file. One that is wrong is named, and a secret among them
is not repeated.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import proofs
from loud import Say, missing
from proofs import Gateway, call
from sandbox import CLI, Sandbox

CANARY = "canary0123456789abcdef01"


def clean() -> dict[str, str]:
    """The environment without the settings of whoever runs the tests."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RELAYPASS_", "OTEL_"))
    }


def refused(folder: Path, *flags: str, **settings: str) -> str:
    """What a gateway says that does not start."""
    ended = subprocess.run(
        [CLI, "gateway", "--until-stdin-closes", *flags],
        env=clean() | settings,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert ended.returncode in (1, 2), ended.returncode
    assert ended.stdout == ""
    assert "panicked" not in ended.stderr
    return ended.stderr


@contextmanager
def started(folder: Path, *flags: str, **settings: str) -> Iterator[str]:
    """Where a gateway is that has these settings and no others."""
    with subprocess.Popen(
        [CLI, "gateway", "--until-stdin-closes", *flags],
        env=clean() | settings,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready, f"the gateway ended with {process.wait(timeout=30)}"
        yield json.loads(ready)["url"]
        process.stdin.close()
        assert process.wait(timeout=60) == 0


WRONG_FLAGS = [
    ("--listen", "nowhere"),
    ("--listen", "127.0.0.1"),
    ("--listen", "127.0.0.1:70000"),
    # An address of documentation, which this machine does not have.
    ("--listen", "192.0.2.1:0"),
    ("--base-url", "ftp://127.0.0.1"),
    ("--base-url", "nothing"),
    ("--base-url", "http://192.0.2.1"),
    ("--base-url", f"https://user:{CANARY}@127.0.0.1"),
    ("--store", "mysql://127.0.0.1/database"),
    ("--store", f"mysql://user:{CANARY}@127.0.0.1/database"),
    ("--store", f"postgres://user:{CANARY}@127.0.0.1:port/database"),
    ("--store", ""),
    ("--tls-cert", "nothing.pem"),
    ("--ca", "nothing.pem"),
    ("--decryption-key-file", "nothing.pem"),
    ("--timeout-seconds", "0"),
    ("--timeout-seconds", "-1"),
    ("--timeout-seconds", "NaN"),
    ("--timeout-seconds", "inf"),
    ("--timeout-seconds", "1e300"),
    ("--timeout-seconds", "soon"),
    ("--retries", "11"),
    ("--retries", "-1"),
    ("--retries", "many"),
    ("--pass-binding", "everything"),
    ("--pass-pool", "1001"),
    ("--pass-pool", "-1"),
    ("--max-calls", "0"),
    ("--max-calls", "-1"),
    ("--max-calls", "99999999999999999999"),
    ("--max-connections", "0"),
    ("--max-body", "0"),
    ("--max-body", "64k"),
    ("--head-seconds", "0"),
    ("--head-seconds", "3601"),
    ("--body-seconds", "-0.5"),
    ("--grace-seconds", "x"),
    ("--log-format", "xml"),
    ("--log", "relaypass=loud=louder"),
]

SEALED = {"RELAYPASS_SEAL_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}


@pytest.mark.parametrize(("flag", "value"), WRONG_FLAGS)
def test_a_wrong_flag_is_named(tmp_path: Path, flag: str, value: str) -> None:
    # With all that it would need otherwise.
    given = {"--listen": "127.0.0.1:0", "--store": "memory"} | {flag: value}
    if flag == "--tls-cert":
        given["--tls-key"] = value
    said = refused(tmp_path, *(f"{name}={it}" for name, it in given.items()), **SEALED)
    assert flag in said
    assert CANARY not in said


# A variable that is empty is one that is not set.
@pytest.mark.parametrize(("flag", "value"), [it for it in WRONG_FLAGS if it[1]])
def test_a_wrong_variable_is_named_as_the_flag_is(tmp_path: Path, flag: str, value: str) -> None:
    def variable(flag: str) -> str:
        name = flag.removeprefix("--").replace("-", "_").upper()
        return f"RELAYPASS_{name}"

    given = {"--listen": "127.0.0.1:0", "--store": "memory"} | {flag: value}
    if flag == "--tls-cert":
        given["--tls-key"] = value
    said = refused(tmp_path, **{variable(name): it for name, it in given.items()}, **SEALED)
    assert flag in said or variable(flag) in said
    assert CANARY not in said


SHORT = "canary-0123456"

WRONG_SECRETS: dict[str, tuple[str, str]] = {
    "a seal key that is too short": ("RELAYPASS_SEAL_KEY", "Y2FuYXJ5"),
    "a seal key that is too long": ("RELAYPASS_SEAL_KEY", "Y2FuYXJ5" * 8),
    "a seal key in hexadecimal": ("RELAYPASS_SEAL_KEY", "ca" * 32),
    "a second seal key that is none": (
        "RELAYPASS_SEAL_KEY",
        f"{SEALED['RELAYPASS_SEAL_KEY']},{CANARY}",
    ),
    "a token that is too short": ("RELAYPASS_GATEWAY_TOKEN", SHORT),
    "a token that is too long": ("RELAYPASS_GATEWAY_TOKEN", CANARY * 40),
    "a token with a space": ("RELAYPASS_GATEWAY_TOKEN", f"{CANARY} {CANARY}"),
    "a token with a line break": ("RELAYPASS_GATEWAY_TOKEN", f"{CANARY}\n{CANARY}"),
    "a token in other letters": ("RELAYPASS_GATEWAY_TOKEN", f"{CANARY}é"),
    "an API key with a space": ("RELAYPASS_API_KEY", f"persona_production_{CANARY} x"),
    "an API key with a line break": ("RELAYPASS_API_KEY", f"persona_production_{CANARY}\nx"),
    "an API key of nobody": ("RELAYPASS_API_KEY", f"{CANARY}é"),
    "a proxy of another kind": ("RELAYPASS_ANONYMOUS_PROXY", f"ftp://user:{CANARY}@127.0.0.1"),
    "a proxy that is none": ("RELAYPASS_IDENTIFIED_PROXY", CANARY),
}


@pytest.mark.parametrize(("name", "value"), WRONG_SECRETS.values(), ids=WRONG_SECRETS.keys())
@pytest.mark.parametrize("in_a_file", [False, True])
def test_a_wrong_secret_is_named_and_not_repeated(
    tmp_path: Path, name: str, value: str, in_a_file: bool
) -> None:
    (tmp_path / "secret").write_text(value + "\n")
    given = {f"{name}_FILE": "secret"} if in_a_file else {name: value}
    settings = SEALED | {"RELAYPASS_GATEWAY_TOKEN": CANARY} | given
    if in_a_file:
        settings.pop(name, None)
    said = refused(tmp_path, "--listen=127.0.0.1:0", "--store=memory", **settings)
    assert name in said
    for secret in (value, *value.split(","), CANARY, SHORT):
        assert secret not in said


HALVES = {
    "a token without an API key": (["RELAYPASS_GATEWAY_TOKEN"], [], "RELAYPASS_API_KEY"),
    "a pool without a token": (["RELAYPASS_API_KEY"], ["--pass-pool=1"], "RELAYPASS_GATEWAY_TOKEN"),
    "a pool without both": ([], ["--pass-pool=1"], "RELAYPASS_GATEWAY_TOKEN"),
}


@pytest.mark.parametrize(("given", "flags", "missing"), HALVES.values(), ids=HALVES.keys())
def test_half_of_what_the_verifications_need_is_refused(
    tmp_path: Path, given: list[str], flags: list[str], missing: str
) -> None:
    settings = dict.fromkeys(given, f"persona_production_{CANARY}")
    said = refused(tmp_path, "--listen=127.0.0.1:0", "--store=memory", *flags, **settings)
    assert missing in said
    assert CANARY not in said


def test_a_store_that_needs_a_seal_key_asks_for_it(tmp_path: Path) -> None:
    store = "postgres://tests@127.0.0.1:1/none"
    said = refused(tmp_path, "--listen=127.0.0.1:0", f"--store={store}")
    assert "RELAYPASS_SEAL_KEY" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["sqlite:a%20b.sqlite", " 'sqlite:a%20b.sqlite' "])
def test_the_key_lies_beside_the_file_that_is_meant(tmp_path: Path, url: str) -> None:
    with started(tmp_path, "--listen=127.0.0.1:0", f"--store={url}"):
        assert (tmp_path / "a b.sqlite.seal-key").exists()


NAMES = ["RELAYPASS_SEAL_KEY", "RELAYPASS_API_KEY", "RELAYPASS_GATEWAY_TOKEN"]


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_that_is_given_twice_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text(CANARY)
    settings = {name: CANARY, f"{name}_FILE": "secret"}
    said = refused(tmp_path, "--listen=127.0.0.1:0", "--store=memory", **settings)
    assert name in said
    assert f"{name}_FILE" in said
    assert CANARY not in said


def test_a_store_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_text(f"postgres://user:{CANARY}@127.0.0.1:1/d")
    settings = {"RELAYPASS_STORE": "memory:", "RELAYPASS_STORE_FILE": "store"}
    said = refused(tmp_path, "--listen=127.0.0.1:0", **settings)
    assert "RELAYPASS_STORE and RELAYPASS_STORE_FILE are both set" in said
    assert CANARY not in said


@pytest.mark.parametrize("file", ["nothing", "."])
@pytest.mark.parametrize("name", NAMES)
def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, file: str) -> None:
    settings = {f"{name}_FILE": file}
    said = refused(tmp_path, "--listen=127.0.0.1:0", "--store=memory", **settings)
    assert f"{name}_FILE" in said


@pytest.mark.parametrize("flag", ["--api-key", "--seal-key", "--gateway-token", "--token"])
def test_no_flag_takes_a_secret(tmp_path: Path, flag: str) -> None:
    assert flag in refused(tmp_path, f"{flag}={CANARY}")


def test_an_address_that_is_taken_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    with proofs.running_gateway(sandbox, tmp_path) as gateway:
        taken = gateway.url.removeprefix("http://")
        assert "--listen" in refused(tmp_path, f"--listen={taken}", "--store=memory")


def test_the_environment_is_as_good_as_flags(sandbox: Sandbox, tmp_path: Path) -> None:
    settings = {
        "RELAYPASS_LISTEN": "127.0.0.1:0",
        "RELAYPASS_BASE_URL": sandbox.url,
        "RELAYPASS_STORE": f"sqlite:{tmp_path / 'by-environment.sqlite'}",
        "RELAYPASS_MAX_BODY": "100",
    }
    body = {"claim-type": proofs.CLAIM_TYPE, "encryption-key-pem": "x" * 100}
    with started(tmp_path, **settings) as url:
        assert proofs.create(url).status == 201
        assert call(url, "POST", "/relays", body).status == 413
        assert (tmp_path / "by-environment.sqlite").exists()
    # The flag wins.
    with started(tmp_path, "--max-body=200", **settings) as url:
        assert call(url, "POST", "/relays", body).status == 400


def test_secrets_may_be_in_files(sandbox: Sandbox, tmp_path: Path) -> None:
    token, seal_key = proofs.random_token(), proofs.random_seal_key()
    files = {
        "RELAYPASS_API_KEY": sandbox.production_api_key,
        "RELAYPASS_GATEWAY_TOKEN": token,
        "RELAYPASS_SEAL_KEY": seal_key,
    }
    settings = {}
    for name, value in files.items():
        (tmp_path / name).write_text(f"{value}\n")
        settings[f"{name}_FILE"] = str(tmp_path / name)
    flags = ["--listen=127.0.0.1:0", f"--base-url={sandbox.url}", "--store=sqlite:of-files.sqlite"]
    body = {"claim-type": proofs.CLAIM_TYPE}
    operator = proofs.bearer(token)
    with started(tmp_path, *flags, **settings) as url:
        verification = call(url, "POST", "/verifications", body, operator)
        assert verification.status == 201
        proofs.visit(verification.json["hosted-url"])
        path = f"/verifications/{verification.json['id']}"
        assert call(url, "POST", f"{path}/complete", {}, operator).json["status"] == "passed"
    assert not (tmp_path / "of-files.sqlite.seal-key").exists()
    # The key was that of the file: with it alone, the record opens.
    others = {"RELAYPASS_SEAL_KEY": seal_key} | {
        name: value for name, value in files.items() if name != "RELAYPASS_SEAL_KEY"
    }
    with started(tmp_path, *flags, **others) as url:
        assert call(url, "GET", path, None, operator).json["status"] == "passed"
    others["RELAYPASS_SEAL_KEY"] = proofs.random_seal_key()
    with started(tmp_path, *flags, **others) as url:
        assert call(url, "GET", path, None, operator).status >= 400


@pytest.mark.parametrize("name", ["plain", "two words", "100%", "why?", "#1"])
def test_the_data_folder_holds_the_store_and_its_key(
    sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "made" / name
    flags = ["--listen=127.0.0.1:0", f"--base-url={sandbox.url}", f"--data=made/{name}"]
    with started(tmp_path, *flags) as url:
        relay, privacy_pass = proofs.ready_to_redeem(url, sandbox)
        assert proofs.read_claim(proofs.redeem(url, relay, privacy_pass)) == "passed"
    assert {it.name for it in folder.iterdir()} >= {"gateway.sqlite", "gateway.sqlite.seal-key"}
    assert list((tmp_path / "made").iterdir()) == [folder]
    with started(tmp_path, *flags) as url:
        assert proofs.read_claim(proofs.redeem(url, relay, privacy_pass)) == "passed"
    proofs.assert_billed_once_each(sandbox, 1)


def test_the_seal_key_beside_sqlite_is_private_and_found_again(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with proofs.running_gateway(sandbox, tmp_path) as gateway:
        relay, privacy_pass = proofs.ready_to_redeem(gateway.url, sandbox)
        first = proofs.redeem(gateway.url, relay, privacy_pass)
    file = tmp_path / "gateway.sqlite.seal-key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = file.read_text()
    with proofs.running_gateway(sandbox, tmp_path) as gateway:
        again = proofs.redeem(gateway.url, relay, privacy_pass)
    assert (again.status, again.body) == (first.status, first.body)
    assert file.read_text() == key
    proofs.assert_billed_once_each(sandbox, 1)


def test_a_seal_key_is_rotated_without_a_second_charge(sandbox: Sandbox, tmp_path: Path) -> None:
    old, new = proofs.random_seal_key(), proofs.random_seal_key()
    api_key = sandbox.production_api_key
    with proofs.running_gateway(sandbox, tmp_path, RELAYPASS_SEAL_KEY=old) as gateway:
        relay = proofs.read_relay(proofs.create(gateway.url))
        sandbox.finish(relay.token)
        privacy_pass = proofs.read_pass(proofs.issue(gateway.url, api_key, "order-1"))
        first = proofs.redeem(gateway.url, relay, privacy_pass)
    with proofs.running_gateway(sandbox, tmp_path, RELAYPASS_SEAL_KEY=f"{new}, {old}") as gateway:
        again = proofs.read_pass(proofs.issue(gateway.url, api_key, "order-1"))
        assert again == privacy_pass
        assert proofs.redeem(gateway.url, relay, privacy_pass).body == first.body
    proofs.assert_billed_once_each(sandbox, 1)


@pytest.fixture
def certificate(tmp_path: Path, say: Say) -> Path:
    """A folder with a certificate of this machine, its key, and the key of another."""
    if shutil.which("openssl") is None:
        missing("openssl is not installed", say)
    folder = tmp_path / "tls"
    folder.mkdir()
    proofs.make_certificate(folder, "certificate.pem", "key.pem")
    proofs.make_certificate(folder, "others.pem", "other.pem")
    return folder


def test_it_speaks_tls(sandbox: Sandbox, tmp_path: Path, certificate: Path) -> None:
    settings = {
        "RELAYPASS_TLS_CERT": str(certificate / "certificate.pem"),
        "RELAYPASS_TLS_KEY": str(certificate / "key.pem"),
    }
    trusting = ssl.create_default_context(cafile=settings["RELAYPASS_TLS_CERT"])
    with proofs.running_gateway(sandbox, tmp_path, **settings) as gateway:
        assert gateway.url.startswith("https://")
        assert get(f"{gateway.url}/healthz", trusting) == {"status": "ok"}
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            get(f"{gateway.url}/healthz", ssl.create_default_context())
        with pytest.raises((OSError, http.client.HTTPException)):
            get(gateway.url.replace("https:", "http:") + "/healthz", None)
        assert get(f"{gateway.url}/readyz", trusting) == {"status": "ok"}
        assert_is_bounded(gateway)


def assert_is_bounded(gateway: Gateway) -> None:
    """Versions of TLS before 1.2 are refused."""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError, match=r"(?i)ssl|tls|reset|closed"):
        get(f"{gateway.url}/healthz", old)


def get(url: str, context: ssl.SSLContext | None) -> object:
    handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)]
    with urllib.request.build_opener(*handlers).open(url, timeout=30) as answer:
        return json.load(answer)


WRONG_PAIRS = {
    "no certificate file": ("nothing.pem", "key.pem"),
    "no key file": ("certificate.pem", "nothing.pem"),
    "the key of another": ("certificate.pem", "other.pem"),
    "a key for a certificate": ("key.pem", "key.pem"),
    "a certificate for a key": ("certificate.pem", "certificate.pem"),
    "no PEM": ("noise", "key.pem"),
    "a folder": (".", "key.pem"),
}


@pytest.mark.parametrize(("chain", "key"), WRONG_PAIRS.values(), ids=WRONG_PAIRS.keys())
def test_wrong_tls_files_are_named(certificate: Path, chain: str, key: str) -> None:
    (certificate / "noise").write_bytes(bytes(range(256)))
    flags = [f"--tls-cert={chain}", f"--tls-key={key}"]
    said = refused(certificate, "--listen=127.0.0.1:0", "--store=memory", *flags)
    assert ("--tls-key" if key == "nothing.pem" else "--tls-cert") in said
    body = "".join((certificate / "key.pem").read_text().splitlines()[1:-1])
    assert body[:32] not in said
    assert "PRIVATE KEY" not in said


def test_a_certificate_without_a_key_is_refused(certificate: Path) -> None:
    assert "--tls-key" in refused(certificate, "--tls-cert=certificate.pem")
