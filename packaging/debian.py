"""Packages of Debian, taken without installing them: the system's apt stays as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

UNRELEASED = ("forky", "sid")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Archive:
    """One suite for one architecture, with an apt of its own in a folder."""

    def __init__(
        self, folder: Path, suite: str, architecture: str = "amd64", kind: str = "deb"
    ) -> None:
        """`kind` is "deb", or "deb-src" for what packages are built from."""
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
            raise SystemExit("This needs the apt and dpkg of a Debian.")
        parts = ("etc/apt.conf.d", "etc/preferences.d", "lists/partial", "cache/archives/partial")
        for part in parts:
            (folder / part).mkdir(parents=True, exist_ok=True)
        # Nothing is installed, so that dependencies come along, too.
        (folder / "status").write_text("")
        source = f"{kind} [signed-by={KEYRING}] {mirror()} {suite} main\n"
        (folder / "etc" / "sources.list").write_text(source)
        (folder / "apt.conf").write_text(
            f'Dir "{folder}"; Dir::Etc "{folder}/etc"; Dir::State "{folder}";\n'
            f'Dir::State::Lists "{folder}/lists"; Dir::State::status "{folder}/status";\n'
            f'Dir::Cache "{folder}/cache"; Dir::Log "{folder}";\n'
            f'APT::Architecture "{architecture}"; APT::Architectures {{ "{architecture}"; }};\n'
            'APT::Install-Recommends "false"; APT::Sandbox::User "";\n'
            'Acquire::Languages "none"; Acquire::Retries "3";\n'
            # A mirror's copy of what is not released may be older than its lists say they last.
            # They are signed all the same.
            f'Acquire::Check-Valid-Until "{str(suite not in UNRELEASED).lower()}";\n'
        )
        self.folder = folder
        self.apt("update")

    def download(self, name: str, version: str) -> Path:
        """One package in one version."""
        self.apt("download", f"{name}={version}")
        # In the name of a file an epoch is left out, and a colon would not be one.
        (package,) = self.folder.glob(f"{name}_{version.split(':')[-1]}_*.deb")
        return package

    def source(self, name: str) -> Path:
        """What a package is built from, as its makers have it: without Debian's changes."""
        self.apt("--download-only", "source", name)
        (archive,) = self.folder.glob(f"{name}_*.orig.tar.*z")
        return archive

    def unpack(self, names: list[str], root: Path) -> None:
        """Packages, and all that they depend on, into a folder."""
        self.apt("-y", "--download-only", "install", *names)
        for package in sorted((self.folder / "cache" / "archives").glob("*.deb")):
            subprocess.run(["dpkg-deb", "--extract", package, root], check=True)

    def apt(self, *arguments: str) -> None:
        subprocess.run(
            ["apt-get", "-qq", *arguments],
            cwd=self.folder,
            env=os.environ | {"APT_CONFIG": str(self.folder / "apt.conf")},
            stdout=subprocess.DEVNULL,
            check=True,
        )


def mirror() -> str:
    """The one that the system's apt uses."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    for _ in range(2):
        answer = subprocess.run(asked, check=True, stdout=subprocess.PIPE, text=True).stdout
        mirrors = [it for it in answer.split() if "security" not in it]
        if mirrors:
            return mirrors[0]
        subprocess.run(["apt-get", "-qq", "update"], check=True)
    raise SystemExit("The sources of apt name no Debian mirror.")
