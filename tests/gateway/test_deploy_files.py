"""The files of `deploy/` against their linters, the gateway's settings, and each other."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import compose_spec
import kubernetes_validate  # type: ignore[import-untyped]
import pytest

import deploy_files as files
from loud import Say, missing
from sandbox import CLI, ROOT, Sandbox, send

# Settings of others, by the names that they have for them.
FOREIGN_VARIABLES = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD_FILE"}

YAMLLINT = """
extends: default
rules:
  document-start: disable
  line-length: {max: 120}
"""


@pytest.fixture(scope="module")
def help_text() -> str:
    command: list[str | Path] = [CLI, "gateway", "--help"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


@pytest.fixture(scope="module")
def variables(help_text: str) -> set[str]:
    """Every variable that the gateway reads."""
    secrets = set(re.findall(r"^  (RELAYPASS_\w+) ", help_text, re.MULTILINE))
    assert {"RELAYPASS_SEAL_KEY", "RELAYPASS_API_KEY", "RELAYPASS_GATEWAY_TOKEN"} <= secrets
    plain = set(re.findall(r"\[env: (\w+)", help_text))
    assert "RELAYPASS_LISTEN" in plain
    return plain | secrets | {f"{secret}_FILE" for secret in secrets}


@pytest.fixture(scope="module")
def grace(help_text: str) -> float:
    read = re.search(r"--grace-seconds .*?\[default: ([0-9.]+)\]", help_text, re.DOTALL)
    assert read is not None
    return float(read[1])


@pytest.fixture(scope="module")
def paths(running: Sandbox) -> set[str]:
    """Every path of the OpenAPI document that can be asked without a body."""
    settings = ["--listen=127.0.0.1:0", "--store=memory", f"--base-url={running.url}"]
    process = subprocess.Popen(
        [CLI, "gateway", "--until-stdin-closes", *settings],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = json.loads(process.stdout.readline())["url"]
        document = json.loads(send(f"{url}/openapi.json", None)[1])
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(timeout=30)
    return {path for path, methods in document["paths"].items() if "get" in methods}


# Linters


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    lint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([lint, files.DOCKERFILE], capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_yamllint_finds_nothing() -> None:
    command = [sys.executable, "-m", "yamllint", "--strict", "--config-data", YAMLLINT]
    done = subprocess.run(
        [*command, files.COMPOSE, files.KUBERNETES], capture_output=True, check=False, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_compose_file_keeps_the_compose_specification() -> None:
    parsed = compose_spec.PyCompose.from_json(json.dumps(files.compose()))
    parsed.validate()
    parsed.to_spec()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("read_only:", "read_onlyy:", "`read_onlyy`"),
        ("service_healthy", "service_done", "`service_done`"),
        ("[store, seal-key,", "[store, seal-keyy,", "`seal-keyy`"),
    ],
)
def test_the_judge_of_compose_files_sees_a_mistake(old: str, new: str, complaint: str) -> None:
    text = files.COMPOSE.read_text()
    assert old in text
    (document,) = files.documents(text.replace(old, new))
    with pytest.raises(ValueError, match=complaint):
        compose_spec.PyCompose.from_json(json.dumps(document)).validate()


def test_the_manifest_keeps_the_schemas_of_kubernetes() -> None:
    for document in files.documents(files.KUBERNETES.read_text()):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_the_judge_of_manifests_sees_a_mistake() -> None:
    document = files.kubernetes("Deployment")
    document["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@pytest.fixture
def installed_unit(tmp_path: Path, say: Say) -> Path:
    """The unit, as if its program were installed."""
    if shutil.which("systemd-analyze") is None:
        missing("systemd-analyze is not installed", say)
    path = tmp_path / files.UNIT.name
    text = files.UNIT.read_text()
    assert "ExecStart=/usr/local/bin/relaypass " in text
    path.write_text(text.replace("ExecStart=/usr/local/bin/relaypass ", f"ExecStart={CLI} "))
    return path


def test_systemd_understands_the_unit(installed_unit: Path) -> None:
    assert _systemd_says(installed_unit) == ""
    installed_unit.write_text(installed_unit.read_text().replace("LockPersonality", "LockPerson"))
    assert "LockPerson" in _systemd_says(installed_unit)


def _systemd_says(unit: Path) -> str:
    command: list[str | Path] = ["systemd-analyze", "verify", "--man=no", unit]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    # It also reads what this machine has installed.
    return "\n".join(line for line in done.stderr.splitlines() if unit.name in line)


def test_systemd_finds_the_unit_well_confined(installed_unit: Path) -> None:
    """Out of 100, of which a unit without any of it has 96."""
    command = ["systemd-analyze", "security", "--offline=yes", "--threshold=15"]
    done = subprocess.run([*command, installed_unit], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stdout[-300:]


# What the gateway knows


def test_every_variable_is_one_that_the_gateway_reads(variables: set[str]) -> None:
    for path in files.everything():
        named = set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", path.read_text()))
        ours = {name for name in named if name.startswith("RELAYPASS_")}
        assert ours <= variables, path.name
    for environment in _environments().values():
        assert set(environment) - FOREIGN_VARIABLES <= variables


def test_every_flag_is_one_that_the_gateway_has(help_text: str) -> None:
    flags = set(re.findall(r"^\s+(?:-\w, )?(--[a-z-]+)", help_text, re.MULTILINE))
    assert "--grace-seconds" in flags
    # Those of the gateway in comments and pages: other programs' flags stand in code blocks.
    for path in files.everything():
        named = set(re.findall(r"(?<![\w-])--[a-z-]+(?= <|,|\b)", _prose(path)))
        assert named <= flags, path.name
    for words in _commands().values():
        assert {word.split("=")[0] for word in words if word.startswith("--")} <= flags


def _prose(path: Path) -> str:
    """What a file says to people about the gateway."""
    text = path.read_text()
    if path.suffix == ".md":
        return re.sub(r"```.*?```|`--no-healthcheck`", "", text, flags=re.DOTALL)
    comments = [line for line in text.splitlines() if line.lstrip().startswith("# ")]
    return "\n".join(line for line in comments if "#   " not in line)


def test_every_path_is_one_that_the_gateway_answers(paths: set[str]) -> None:
    container = files.container("Deployment")
    probes = {name: container[name]["httpGet"]["path"] for name in _PROBES}
    assert probes == {"livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    assert set(probes.values()) <= paths
    for path in files.everything():
        assert set(re.findall(r"`(/[a-z.]+z)`", path.read_text())) <= paths


_PROBES = ("livenessProbe", "readinessProbe")


# The files among each other


def test_every_port_is_the_one_that_is_listened_on(help_text: str) -> None:
    host, port = files.image_environment()["RELAYPASS_LISTEN"].rsplit(":", 1)
    assert host == "[::]"
    assert f"[default: 127.0.0.1:{port}]" in help_text
    assert files.image("EXPOSE").value == port
    assert files.image("HEALTHCHECK").listed[-1] == f"http://127.0.0.1:{port}"
    gateway = files.compose()["services"]["gateway"]
    (published,) = gateway["ports"]
    assert str(published["target"]) == port
    first, last = published["published"].split("-")
    assert int(last) - int(first) + 1 == gateway["deploy"]["replicas"]
    container = files.container("Deployment")
    assert container["ports"] == [{"name": "http", "containerPort": int(port)}]
    assert all(container[probe]["httpGet"]["port"] == "http" for probe in _PROBES)
    assert files.kubernetes("Service")["spec"]["ports"][0]["targetPort"] == "http"
    ingress = files.kubernetes("NetworkPolicy")["spec"]["ingress"]
    assert [rule["ports"] for rule in ingress] == [[{"port": "http"}]]


def test_every_stop_leaves_the_gateway_its_grace(grace: float) -> None:
    (systemd,) = files.service("TimeoutStopSec")
    compose = files.compose()["services"]["gateway"]["stop_grace_period"]
    pause = files.container("Deployment")["lifecycle"]["preStop"]["sleep"]["seconds"]
    kubernetes = files.pod("Deployment")["terminationGracePeriodSeconds"] - pause
    for name, given in [
        ("systemd", files.seconds(systemd)),
        ("compose", files.seconds(compose)),
        ("kubernetes", kubernetes),
    ]:
        assert given >= grace + 5, name


def test_nobody_is_root_and_nothing_can_be_written() -> None:
    user, group = map(int, files.image("USER").value.split(":"))
    assert user > 0
    assert group > 0
    # Any user that is made up for it is in group 0.
    owned = f"--chown={user}:0 --chmod=0770 /image/data /data\n"
    assert owned in files.DOCKERFILE.read_text()
    for name in ("gateway", "store"):
        service = files.compose()["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    for kind in ("Deployment", "Job"):
        pod, container = files.pod(kind), files.container(kind)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == user
        # Otherwise it could not read its secrets.
        assert pod["securityContext"]["fsGroup"] == group
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert files.service("DynamicUser") == ["yes"]


def test_the_image_has_no_shell_to_run_anything_with() -> None:
    assert files.dockerfile()[-1][0].value == "scratch"
    in_image = [one for one in files.dockerfile()[-1] if one.name in ("RUN", "CMD", "ENTRYPOINT")]
    for instruction in [*in_image, files.image("HEALTHCHECK")]:
        assert all(instruction.listed)


def test_secrets_are_files_or_references_and_nowhere_else(variables: set[str]) -> None:
    secrets = {name.removesuffix("_FILE") for name in variables if name.endswith("_FILE")}
    assert "RELAYPASS_SEAL_KEY" in secrets
    for environment in _environments().values():
        assert not secrets & set(environment)
    assert not any(one.name == "ARG" for stage in files.dockerfile() for one in stage)
    # Each file that a setting names is one that is put there.
    compose = files.compose()
    gateway = compose["services"]["gateway"]
    mounted = {f"/run/secrets/{name}" for name in gateway["secrets"]}
    assert _files_named(gateway["environment"]) == mounted
    ids = {line.split(":")[0] for line in files.service("LoadCredential")}
    assert _files_named(_environments()["systemd"]) == {f"%d/{name}" for name in ids}
    (volume,) = files.pod("Deployment")["volumes"]
    (mount,) = files.container("Deployment")["volumeMounts"]
    assert mount["name"] == volume["name"]
    mounted = {f"{mount['mountPath']}/{item['path']}" for item in volume["secret"]["items"]}
    assert _files_named(_environments()["kubernetes"]) == mounted


def _files_named(environment: dict[str, Any]) -> set[str]:
    files_of_secrets = {
        value
        for name, value in environment.items()
        if name.endswith("_FILE") and name != "RELAYPASS_DECRYPTION_KEY_FILE"
    }
    assert files_of_secrets
    return files_of_secrets


def test_the_selectors_find_the_gateways_and_only_them() -> None:
    labels = files.kubernetes("Deployment")["spec"]["template"]["metadata"]["labels"]
    for kind, path in [
        ("Deployment", ("selector", "matchLabels")),
        ("Service", ("selector",)),
        ("PodDisruptionBudget", ("selector", "matchLabels")),
        ("NetworkPolicy", ("podSelector", "matchLabels")),
    ]:
        selector = files.kubernetes(kind)["spec"]
        for name in path:
            selector = selector[name]
        assert selector == labels, kind
    assert files.kubernetes("Job")["spec"]["template"]["metadata"]["labels"] != labels
    budget = files.kubernetes("PodDisruptionBudget")["spec"]["minAvailable"]
    assert budget < files.kubernetes("Deployment")["spec"]["replicas"]


def test_the_image_is_built_with_the_projects_toolchain_and_version() -> None:
    toolchain = (ROOT / "rust-toolchain.toml").read_text()
    version = re.search(r'channel = "(.+?)"', toolchain)
    assert version is not None
    assert files.dockerfile()[0][0].value == f"rust:{version[1]}-alpine AS build"
    assert f"RUSTUP_TOOLCHAIN={version[1]}" in files.DOCKERFILE.read_text()
    ours = re.search(r'^version = "(.+?)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert ours is not None
    images = {files.container(kind)["image"] for kind in ("Deployment", "Job")}
    images |= {files.compose()["services"][name]["image"] for name in ("gateway", "store")}
    assert images == {f"relaypass-gateway:{ours[1]}"}


def test_what_is_sent_to_the_builder_can_be_built_and_holds_nothing_else(tmp_path: Path) -> None:
    lines = files.DOCKERIGNORE.read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    allowed = [line.removeprefix("!") for line in patterns if line.startswith("!")]
    refused = [line.removeprefix("**/") for line in patterns[1:] if not line.startswith("!")]

    def is_refused(_: str, names: list[str]) -> list[str]:
        return [name for name in names if any(fnmatch(name, pattern) for pattern in refused)]

    for name in allowed:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=is_refused)
        else:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    assert not {".git", "deploy", "target", "tests", "node_modules"} & set(allowed)
    # Cargo reads every manifest and looks for the sources that they name.
    command = ["cargo", "metadata", "--quiet", "--locked", "--offline", "--format-version=1"]
    command.append("--filter-platform=x86_64-unknown-linux-musl")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    packages = {package["name"] for package in json.loads(done.stdout)["packages"]}
    assert {"relaypass", "relaypass-cli", "relaypass-gateway", "relaypass-sandbox"} <= packages
    # What the program takes in at compile time.
    for source in tmp_path.glob("*/src/**/*.rs"):
        for name in re.findall(r': &\S+ = include_(?:str|bytes)!\("(.+?)"\)', source.read_text()):
            assert (source.parent / name).is_file(), f"{source.name} includes {name}"


def _environments() -> dict[str, dict[str, Any]]:
    """What each file sets, by name."""
    container = files.container("Deployment")
    return {
        "image": dict(files.image_environment()),
        "systemd": dict(line.split("=", 1) for line in files.service("Environment")),
        "postgres": files.compose()["services"]["postgres"]["environment"],
        "compose": files.compose()["services"]["gateway"]["environment"],
        "kubernetes": {one["name"]: one.get("value", one) for one in container["env"]},
    }


def _commands() -> dict[str, list[str]]:
    """What each file has the program do."""
    (command,) = files.service("ExecStart")
    return {
        "image": files.image("CMD").listed,
        "systemd": command.split()[1:],
        "compose": files.compose()["services"]["gateway"]["command"],
        "kubernetes": files.container("Deployment")["args"],
    }
