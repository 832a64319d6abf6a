"""`relaypass health` on a machine without certificates, and the reason for whatever fails."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import proofs
from loud import Say, missing
from sandbox import CLI, Sandbox
from test_start import clean, get

# What an image from scratch has.
NO_CERTIFICATES = {"SSL_CERT_FILE": "/dev/null", "SSL_CERT_DIR": "/nonexistent"}


def health(*arguments: str, **settings: str) -> tuple[int, str]:
    ended = subprocess.run(
        [CLI, "health", *arguments],
        env=clean() | NO_CERTIFICATES | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "panicked" not in ended.stderr
    return ended.returncode, ended.stderr


def test_no_certificates_are_needed(sandbox: Sandbox, tmp_path: Path) -> None:
    with proofs.running_gateway(sandbox, tmp_path) as gateway:
        assert health(gateway.url) == (0, "")
        assert health("--ready", gateway.url) == (0, "")
        # Without a scheme, from the environment, and with blanks around.
        assert health(gateway.url.removeprefix("http://")) == (0, "")
        assert health(RELAYPASS_URL=f" {gateway.url}\r") == (0, "")
        # Empty is not set. Nobody need listen at the usual place.
        said = health(RELAYPASS_URL="")
        assert said == (0, "") or "http://127.0.0.1:8480/healthz" in said[1]


def test_the_demonstration_needs_none_either() -> None:
    ended = subprocess.run(
        [CLI, "demo"],
        env=clean() | NO_CERTIFICATES,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "rust passed" in ended.stdout


def test_a_refused_port_is_called_that() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    status, said = health(f"http://127.0.0.1:{port}")
    assert status == 1
    assert "nothing listens there (connection refused)" in said
    status, said = health("not a URL")
    assert (status, "the address has a blank in it" in said) == (1, True)


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that says the same to everybody."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(4096)
                        connection.sendall(answer)
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def test_another_protocol_is_called_that() -> None:
    with answering(b"SSH-2.0-OpenSSH_9.2\r\n") as address:
        status, said = health(f"http://{address}")
        assert (status, "does not speak HTTP" in said) == (1, True), said
        status, said = health(f"https://{address}")
        assert (status, "does not speak TLS" in said) == (1, True), said
    with answering(b"HTTP/1.1 301 Moved\r\nlocation: http://127.0.0.1:1/\r\n\r\n") as address:
        status, said = health(f"http://{address}")
        assert (status, "answered 301" in said) == (1, True), said


def make(folder: Path, name: str, *options: str, san: str = "IP:127.0.0.1") -> tuple[Path, Path]:
    """A certificate that vouches for itself, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    new = ["req", "-x509", *curve, "-nodes", "-subj", "/CN=it"]
    named = ["-addext", f"subjectAltName={san}", "-keyout", str(key), "-out", str(certificate)]
    command = ["openssl", *new, *named, *options]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


OWN = ["-days", "2", "-addext", "basicConstraints=critical,CA:FALSE"]


@pytest.fixture
def folder(tmp_path: Path, say: Say) -> Path:
    if shutil.which("openssl") is None:
        missing("openssl is not installed", say)
    made = tmp_path / "certificates"
    made.mkdir()
    return made


def with_tls(sandbox: Sandbox, folder: Path, pair: tuple[Path, Path]) -> proofs.Running:
    files = {"RELAYPASS_TLS_CERT": str(pair[0]), "RELAYPASS_TLS_KEY": str(pair[1])}
    return proofs.running_gateway(sandbox, folder, **files)


def test_every_failure_of_tls_has_its_reason(sandbox: Sandbox, folder: Path) -> None:
    good, other = make(folder, "good", *OWN), make(folder, "other", *OWN)
    with with_tls(sandbox, folder, good) as gateway:
        assert health("--ca", str(good[0]), gateway.url) == (0, "")
        for trusted in [[], ["--ca", str(other[0])]]:
            status, said = health(*trusted, gateway.url)
            assert status == 1
            assert "UnknownIssuer" in said or "signature" in said
            assert "--ca" in said or trusted
        status, said = health(gateway.url.replace("https:", "http:"))
        assert status == 1
        assert "https" in said.split("healthz: ")[1]
        by_name = gateway.url.replace("127.0.0.1", "localhost")
        status, said = health("--ca", str(good[0]), by_name)
        assert (status, "not for localhost" in said) == (1, True), said
    authority = make(folder, "authority", "-days", "2")
    with with_tls(sandbox, folder, authority) as gateway:
        status, said = health("--ca", str(authority[0]), gateway.url)
        assert status == 1
        assert "cannot be a server's own" in said
        assert "CA:FALSE" in said


def test_a_chain_without_line_ends_is_served_whole(sandbox: Sandbox, folder: Path) -> None:
    one, other = make(folder, "one", *OWN), make(folder, "other", *OWN)
    glued = folder / "glued.pem"
    for text in [
        one[0].read_text().rstrip("\n") + other[0].read_text(),
        "".join(f"  {line}\n" for it in (one, other) for line in it[0].read_text().splitlines()),
        "\ufeff" + (one[0].read_text() + other[0].read_text()).replace("\n", "\r\n"),
    ]:
        glued.write_text(text, encoding="utf-8", newline="")
        with with_tls(sandbox, folder, (glued, one[1])) as gateway:
            host, port = gateway.address
            shown = subprocess.run(
                ["openssl", "s_client", "-showcerts", "-connect", f"{host}:{port}"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            ).stdout
        assert shown.count("BEGIN CERTIFICATE") == 2


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a signal of Unix")
def test_a_hangup_reads_the_certificate_again_and_ends_no_call(
    sandbox: Sandbox, folder: Path
) -> None:
    old, new = make(folder, "old", *OWN), make(folder, "new", *OWN)
    used = folder / "used.pem", folder / "used.key"

    def use(pair: tuple[Path, Path]) -> None:
        for source, target in zip(pair, used, strict=True):
            shutil.copy(source, target)

    use(old)
    with with_tls(sandbox, folder, used) as gateway:
        host, port = gateway.address
        trusting = ssl.create_default_context(cafile=old[0])
        open_one = trusting.wrap_socket(
            socket.create_connection((host, port)), server_hostname=host
        )
        with open_one:
            # Half a certificate changes nothing.
            used[0].write_text(new[0].read_text()[:100])
            gateway.process.send_signal(signal.SIGHUP)
            proofs.eventually(lambda: "the certificate in use stays" in gateway.log())
            assert health("--ca", str(old[0]), gateway.url) == (0, "")
            use(new)
            gateway.process.send_signal(signal.SIGHUP)
            proofs.eventually(lambda: "were read again" in gateway.log())
            assert health("--ca", str(new[0]), gateway.url) == (0, "")
            assert health("--ca", str(old[0]), gateway.url)[0] == 1
            # The connection that was open is served to its end.
            open_one.sendall(b"GET /healthz HTTP/1.1\r\nhost: it\r\n\r\n")
            assert open_one.recv(4096).startswith(b"HTTP/1.1 200")
        fresh = ssl.create_default_context(cafile=new[0])
        assert get(f"{gateway.url}/healthz", fresh) == {"status": "ok"}


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a signal of Unix")
def test_a_hangup_kills_no_call(sandbox: Sandbox, tmp_path: Path) -> None:
    with proofs.running_gateway(sandbox, tmp_path) as gateway:
        sandbox.faults({"step": "create", "fault": "delay", "milliseconds": 1500})

        def hang_up() -> None:
            gateway.process.send_signal(signal.SIGHUP)

        hangup = threading.Timer(0.5, hang_up)
        hangup.start()
        assert proofs.create(gateway.url).status == 201
        hangup.join()
        proofs.eventually(lambda: "SIGHUP" in gateway.log())
        assert gateway.call("GET", "/healthz").status == 200
