"""What the files of `deploy/` start, started here: their command, their variables, their secrets.

Only what belongs to another machine is put in its place: paths lie in a folder of this run, the
port is a free one, Persona is the sandbox, the database is a real one. It runs as the user that
the image says, who owns nothing but the data folder.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

import deploy_files as files
from loud import Say, missing
from sandbox import CLI, Sandbox, send
from stores import running_services

TOKEN = secrets.token_hex(32)


@dataclass
class Machine:
    """A folder in place of the machine that a file is for."""

    folder: Path
    sandbox: Sandbox
    postgres: str | None
    user: int
    # What is in the file with the store's URL.
    store: str = ""
    written: dict[str, Path] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def as_user(self) -> dict[str, Any]:
        """Only root can run a program as somebody else."""
        if os.getuid() != 0:
            return {}
        return {"user": self.user, "group": self.user, "extra_groups": []}

    def secret(self, path: str) -> str:
        """The file that stands in for the secret at this path."""
        name = path.rpartition("/")[2]
        contents = {
            "seal-key": base64.b64encode(secrets.token_bytes(32)).decode(),
            "api-key": self.sandbox.api_key,
            "gateway-token": TOKEN,
            "store": self.store,
        }
        if path not in self.written:
            file = self.folder / f"secret-{name}"
            # As `openssl … > file` leaves it.
            file.write_text(contents[name] + "\n")
            if os.getuid() == 0:
                os.chown(file, self.user, self.user)
            file.chmod(0o400)
            self.written[path] = file
        return str(self.written[path])

    def database(self, query: str) -> str:
        """An empty database, by a URL with the parameters of the file's own."""
        assert self.postgres is not None
        name = f"deploy_{random.getrandbits(64):x}"
        with psycopg.connect(self.postgres, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return urlsplit(self.postgres)._replace(path=f"/{name}", query=query).geturl()


@dataclass
class Deployment:
    """What a file has the program do, as it can be done here."""

    command: list[str]
    environment: dict[str, str]
    # What is run once before, to create the store.
    creation: list[str] | None = None


@pytest.fixture(scope="module")
def postgres() -> Iterator[str | None]:
    with running_services() as services:
        yield services["postgres"]


@pytest.fixture
def machine(sandbox: Sandbox, postgres: str | None) -> Iterator[Machine]:
    folder = Path(tempfile.mkdtemp(prefix="deploy-"))
    try:
        folder.chmod(0o755)
        # The folder that the program was built in may be closed to others.
        shutil.copy(CLI, folder / "relaypass")
        user = int(files.image("USER").value.split(":")[0])
        machine = Machine(folder, sandbox, postgres, user)
        machine.data.mkdir(mode=0o700)
        if os.getuid() == 0:
            os.chown(machine.data, user, user)
        yield machine
    finally:
        shutil.rmtree(folder)


def image(machine: Machine) -> Deployment:
    """`docker run` without anything else: a store in the data folder, and a seal key beside it."""
    return Deployment(
        _program(machine, files.image("ENTRYPOINT").listed) + files.image("CMD").listed,
        _image_environment(machine),
    )


def systemd(machine: Machine) -> Deployment:
    (command,) = files.service("ExecStart")
    environment = {}
    for line in files.service("Environment"):
        name, value = line.split("=", 1)
        if value.startswith("%d/"):
            value = machine.secret(value)
        environment[name] = value.replace("%S/relaypass", str(machine.data))
    assert files.service("StateDirectory") == ["relaypass"]
    # The port is a free one here; there it is the default.
    return Deployment(
        _program(machine, command.split()), {**environment, "RELAYPASS_LISTEN": "127.0.0.1:0"}
    )


def compose(machine: Machine) -> Deployment:
    services = files.compose()["services"]
    # The page says what is in the file with the URL.
    (named,) = re.findall(r'echo "(postgres://\S+)" > deploy/secrets/store', files.README.read_text())
    named = urlsplit(re.sub(r"\$\([^)]*\)", "password", named))
    database = services["postgres"]["environment"]
    assert named.hostname == "postgres"
    assert (named.username, named.path) == (
        database["POSTGRES_USER"],
        f"/{database['POSTGRES_DB']}",
    )
    machine.store = machine.database(named.query)
    environment = _image_environment(machine)
    for name, value in services["gateway"]["environment"].items():
        environment[name] = machine.secret(value) if name.endswith("_FILE") else value
    program = _program(machine, files.image("ENTRYPOINT").listed)
    (creates,) = services["store"]["environment"].items()
    assert creates in services["gateway"]["environment"].items()
    return Deployment(
        program + services["gateway"]["command"],
        environment,
        program + services["store"]["command"],
    )


def kubernetes(machine: Machine) -> Deployment:
    gateway, store = files.container("Deployment"), files.container("Job")
    (creates,) = store["env"]
    # Both take the URL from the same place, which is whole.
    assert creates in gateway["env"]
    url = machine.database("")
    environment = _image_environment(machine)
    for variable in gateway["env"]:
        if variable == creates:
            environment[variable["name"]] = url
        else:
            environment[variable["name"]] = machine.secret(variable["value"])
    program = _program(machine, files.image("ENTRYPOINT").listed)
    return Deployment(program + gateway["args"], environment, program + store["args"])


def _program(machine: Machine, command: list[str]) -> list[str]:
    assert Path(command[0]).name == "relaypass"
    return [str(machine.folder / "relaypass"), *command[1:]]


def _image_environment(machine: Machine) -> dict[str, str]:
    environment = files.image_environment()
    assert environment["RELAYPASS_DATA"] == files.image("WORKDIR").value == "/data"
    assert files.image("VOLUME").listed == ["/data"]
    return environment | {
        "RELAYPASS_DATA": str(machine.data),
        "RELAYPASS_LISTEN": "127.0.0.1:0",
    }


@contextmanager
def running(machine: Machine, deployment: Deployment) -> Iterator[str]:
    """The gateway, which must end well when it is asked to."""
    process = subprocess.Popen(
        deployment.command,
        env=deployment.environment | {"RELAYPASS_BASE_URL": machine.sandbox.url},
        cwd=machine.data,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **machine.as_user,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        ready = process.stdout.readline()
        if not ready:
            pytest.fail(f"It does not start: {process.stderr.read().decode()}")
        yield json.loads(ready)["url"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("deployed", [image, systemd, compose, kubernetes])
def test_what_a_file_says_starts_a_gateway(machine: Machine, deployed: Any, say: Say) -> None:
    if deployed in (compose, kubernetes) and machine.postgres is None:
        missing("PostgreSQL is not installed", say)
    deployment: Deployment = deployed(machine)
    with running(machine, deployment) as url:
        assert send(f"{url}/healthz", None)[0] == 200
        if deployment.creation is not None:
            # Not before the table is there.
            assert send(f"{url}/readyz", None)[0] == 503
            for _ in range(2):
                subprocess.run(
                    deployment.creation, env=deployment.environment, check=True, capture_output=True, **machine.as_user
                )
        assert send(f"{url}/readyz", None)[0] == 200
        _use(url, machine.sandbox, has_secrets=bool(machine.written))
    # Nothing is written but a store in the data folder, where it is SQLite.
    written = {path.name for path in machine.data.iterdir()}
    if deployment.creation is not None:
        assert written == set()
    else:
        assert "gateway.sqlite" in written
        assert all(name.startswith("gateway.sqlite") for name in written)
        has_own_key = "gateway.sqlite.seal-key" in written
        assert has_own_key == ("RELAYPASS_SEAL_KEY_FILE" not in deployment.environment)


def _use(url: str, sandbox: Sandbox, *, has_secrets: bool) -> None:
    """Token, API key and store, as callers see them."""
    body = json.dumps({"claim-type": "age_over18_verified"}).encode()
    status, _ = send(f"{url}/verifications", body, {"authorization": f"Bearer {TOKEN}"})
    assert (status == 201) == has_secrets
    status, _ = send(f"{url}/verifications", body, {"authorization": "Bearer 0123456789abcdef"})
    assert status in (401, 404)
    body = json.dumps({"claim-type": "age_over18_verified", "sandbox": True}).encode()
    headers = {"authorization": f"Bearer {sandbox.api_key}", "idempotency-key": "order-1"}
    passes = {send(f"{url}/relays/privacy-passes", body, headers) for _ in range(2)}
    assert {status for status, _ in passes} == {201}
    # From the store.
    assert len(passes) == 1


def test_the_check_of_the_image_sees_a_gateway_and_its_end(machine: Machine) -> None:
    program = _program(machine, files.image("HEALTHCHECK").listed)

    def check(url: str) -> int:
        command = [*program[:-1], url]
        done = subprocess.run(command, check=False, capture_output=True, env={}, timeout=30)
        return done.returncode

    with running(machine, image(machine)) as url:
        assert check(url) == 0
        assert check(f"{url}/nowhere") != 0
    assert check(url) != 0


def test_a_seal_key_is_rotated_as_the_page_says(machine: Machine) -> None:
    """Whichever step two gateways are at, a call that is repeated at the other is found again."""
    page = files.README.read_text()
    assert page.index("gets `OLD,NEW`") < page.index("gets `NEW,OLD`") < page.index("`NEW` alone")
    old, new = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))

    def under(*seal_keys: str) -> AbstractContextManager[str]:
        deployment = image(machine)
        deployment.environment["RELAYPASS_SEAL_KEY"] = ",".join(seal_keys)
        return running(machine, deployment)

    def ask(url: str, order: str) -> tuple[int, bytes]:
        body = json.dumps({"claim-type": "age_over18_verified", "sandbox": True}).encode()
        headers = {"authorization": f"Bearer {machine.sandbox.api_key}", "idempotency-key": order}
        return send(f"{url}/relays/privacy-passes", body, headers)

    def buy(url: str, order: str) -> bytes:
        status, answer = ask(url, order)
        assert status == 201
        return answer

    with under(old) as before, under(old, new) as first:
        sold_before = buy(before, "at-first")
        assert buy(first, "at-first") == sold_before
        assert buy(before, "first-step") == buy(first, "first-step")
    with under(old, new) as first, under(new, old) as second:
        assert buy(second, "at-first") == sold_before
        sold_under_old = buy(first, "by-first")
        assert buy(second, "by-first") == sold_under_old
        sold_under_new = buy(second, "by-second")
        assert buy(first, "by-second") == sold_under_new
    with under(new) as last:
        assert buy(last, "by-second") == sold_under_new
        # This is why the last step has to wait.
        assert ask(last, "by-first")[0] == 502
