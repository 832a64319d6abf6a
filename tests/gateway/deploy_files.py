"""The files of `deploy/`, read as strictly as those who run them read them, or more so."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox import ROOT

DEPLOY = ROOT / "deploy"
DOCKERFILE = DEPLOY / "Dockerfile"
DOCKERIGNORE = DEPLOY / "Dockerfile.dockerignore"
COMPOSE = DEPLOY / "compose.yaml"
KUBERNETES = DEPLOY / "kubernetes.yaml"
UNIT = DEPLOY / "relaypass-gateway.service"
README = DEPLOY / "README.md"


class BadFile(Exception):
    """A file is not what its readers expect."""


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile, its lines joined."""

    name: str
    value: str

    @property
    def listed(self) -> list[str]:
        """The exec form: no shell reads it."""
        array = json.loads(self.value[self.value.index("[") :])
        assert all(isinstance(word, str) for word in array)
        return list(array)


def dockerfile() -> list[list[Instruction]]:
    """The instructions of each stage."""
    stages: list[list[Instruction]] = []
    lines = DOCKERFILE.read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if not line.strip():
            continue
        read = re.fullmatch(r"([A-Z]+) (\S.*)", line)
        if read is None:
            raise BadFile(f"{DOCKERFILE.name}: {line}")
        if read[1] == "FROM":
            stages.append([])
        stages[-1].append(Instruction(read[1], read[2]))
    return stages


def image(name: str) -> Instruction:
    """The one instruction of this name in the last stage, the image itself."""
    found = [instruction for instruction in dockerfile()[-1] if instruction.name == name]
    if len(found) != 1:
        raise BadFile(f"{DOCKERFILE.name} has {len(found)} times {name} in its image")
    return found[0]


def image_environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in image("ENV").value.split())


def unit() -> dict[str, list[tuple[str, str]]]:
    """The sections of the systemd unit. A name may come several times in one."""
    sections: dict[str, list[tuple[str, str]]] = {}
    settings: list[tuple[str, str]] | None = None
    for line in UNIT.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if head := re.fullmatch(r"\[([A-Z][A-Za-z]+)\]", line):
            settings = sections.setdefault(head[1], [])
        elif (setting := re.fullmatch(r"([A-Z][A-Za-z]+)=(.*)", line)) and settings is not None:
            settings.append((setting[1], setting[2]))
        else:
            raise BadFile(f"{UNIT.name}: {line}")
    return sections


def service(name: str) -> list[str]:
    """What the unit says under this name, each time."""
    return [value for key, value in unit()["Service"] if key == name]


class _StrictLoader(yaml.SafeLoader):
    """Refuses a member that is there twice, of which readers keep one silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := {name for name in names if names.count(name) > 1}:
            raise BadFile(f"{node.start_mark}: {twice} is there twice")
        return super().construct_mapping(node, deep)


def documents(text: str) -> list[Any]:
    """The documents of a YAML text."""
    return list(yaml.load_all(text, _StrictLoader))


def compose() -> dict[str, Any]:
    (document,) = documents(COMPOSE.read_text())
    assert isinstance(document, dict)
    return document


def kubernetes(kind: str) -> dict[str, Any]:
    """The one object of this kind."""
    found = [one for one in documents(KUBERNETES.read_text()) if one["kind"] == kind]
    if len(found) != 1:
        raise BadFile(f"{KUBERNETES.name} has {len(found)} of {kind}")
    assert isinstance(found[0], dict)
    return found[0]


def pod(kind: str) -> dict[str, Any]:
    """The pod that a Job or a Deployment makes."""
    spec = kubernetes(kind)["spec"]["template"]["spec"]
    assert isinstance(spec, dict)
    return spec


def container(kind: str) -> dict[str, Any]:
    """Its one container."""
    (found,) = pod(kind)["containers"]
    assert isinstance(found, dict)
    return found


def seconds(text: str) -> float:
    """A time as Compose and systemd write it, in seconds alone."""
    return float(text.removesuffix("s"))


def everything() -> list[Path]:
    """All of them, with the page that explains them."""
    return [DOCKERFILE, DOCKERIGNORE, COMPOSE, KUBERNETES, UNIT, README]
