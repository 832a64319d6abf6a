"""What docs/deploying.md adds to the files of `deploy/`, against those who judge it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

import blocks
import deploy_files as files
from loud import Say, missing
from sandbox import CLI

OF_THE_POD = ("runAsUser", "runAsGroup", "fsGroup")


def kustomized() -> dict[str, Any]:
    """The objects of the manifest after the patches of the page, by their kinds."""
    (kustomization,) = files.documents(blocks.block("openshift"))
    assert kustomization["resources"] == [files.KUBERNETES.name]
    objects = {one["kind"]: one for one in files.documents(files.KUBERNETES.read_text())}
    for patch in kustomization["patches"]:
        for operation in yaml.safe_load(patch["patch"]):
            _patch(objects[patch["target"]["kind"]], operation)
    return objects


def _patch(document: Any, operation: dict[str, Any]) -> None:
    """An operation of JSON Patch (RFC 6902), of the two that are needed."""
    *parents, last = operation["path"].split("/")[1:]
    for name in parents:
        document = document[int(name) if isinstance(document, list) else name]
    if operation["op"] == "remove":
        del document[last]
    else:
        assert (operation["op"], last) == ("add", "-")
        document.append(operation["value"])


def test_on_openshift_no_pod_names_its_user_and_name_servers_are_reached() -> None:
    objects = kustomized()
    for kind in ("Deployment", "Job"):
        before = files.pod(kind)["securityContext"]
        after = objects[kind]["spec"]["template"]["spec"]["securityContext"]
        assert set(before) - set(after) == set(OF_THE_POD)
        assert after["runAsNonRoot"] is True
    ports = [
        (port["protocol"], port["port"])
        for rule in objects["NetworkPolicy"]["spec"]["egress"]
        for port in rule["ports"]
    ]
    assert {("UDP", 53), ("TCP", 53), ("UDP", 5353), ("TCP", 5353), ("TCP", 443)} <= set(ports)
    for document in objects.values():
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_kubectl_makes_the_same_of_it(tmp_path: Path, say: Say) -> None:
    # No package of Debian 12 brings one that is new enough, so that it is never required.
    if shutil.which("kubectl") is None:
        say("SKIPPED: kubectl is not installed")
        pytest.skip("kubectl is not installed")
    shutil.copy(files.KUBERNETES, tmp_path)
    (tmp_path / "kustomization.yaml").write_text(blocks.block("openshift"))
    made = subprocess.run(
        ["kubectl", "kustomize", tmp_path], capture_output=True, text=True, check=True
    ).stdout
    assert {one["kind"]: one for one in files.documents(made)} == kustomized()


@pytest.mark.parametrize(("version", "is_known"), [("1.28", False), ("1.29", True)])
def test_the_pause_before_a_stop_is_known_from_its_version_on(version: str, is_known: bool) -> None:
    document = files.kubernetes("Deployment")
    assert "sleep" in files.container("Deployment")["lifecycle"]["preStop"]
    if is_known:
        kubernetes_validate.validate(document, version, strict=True)
    else:
        with pytest.raises(kubernetes_validate.ValidationError, match="sleep"):
            kubernetes_validate.validate(document, version, strict=True)
        # Without it, which the page says to leave out there.
        del document["spec"]["template"]["spec"]["containers"][0]["lifecycle"]
        kubernetes_validate.validate(document, version, strict=True)


def test_systemd_understands_the_unit_with_a_certificate(tmp_path: Path, say: Say) -> None:
    if shutil.which("systemd-analyze") is None:
        missing("systemd-analyze is not installed", say)
    block = blocks.block("systemd")
    name = block.splitlines()[0].rpartition("/")[2]
    unit = tmp_path / files.UNIT.name
    text = files.UNIT.read_text()
    unit.write_text(text.replace("ExecStart=/usr/local/bin/relaypass ", f"ExecStart={CLI} "))
    folder = tmp_path / f"{unit.name}.d"
    folder.mkdir()
    (folder / name).write_text(block)
    assert _verify(unit) == ""
    # The judge reads this file, too.
    (folder / name).write_text(block.replace("LoadCredential=", "LoadCredentials="))
    assert "LoadCredentials" in _verify(unit)
    # Both parts of the pair are handed over under the names that the settings say.
    handed = {line.split(":")[0] for line in _values(block, "LoadCredential")}
    named = {line.partition("=%d/")[2] for line in _values(block, "Environment") if "%d" in line}
    assert handed == named == {"certificate", "certificate-key"}


def _verify(unit: Path) -> str:
    command: list[str | Path] = ["systemd-analyze", "verify", "--man=no", unit]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    # It also reads what this machine has installed.
    return "\n".join(line for line in done.stderr.splitlines() if str(unit) in line)


def _values(block: str, name: str) -> list[str]:
    prefix = f"{name}="
    return [line.removeprefix(prefix) for line in block.splitlines() if line.startswith(prefix)]
