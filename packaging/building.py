"""The source distribution, built where there is nothing of this project: a folder with Debian's Python, C
compiler and cmake, and the Rust of this machine. It needs the registries of Python and of Rust."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from debian import Archive
from example import EXPECTED, example
from place import ROOMS, whole
from platforms import DIST
from running import Failed

PACKAGES = [
    "base-files",
    "bash",
    "cmake",
    "coreutils",
    "dash",
    "gcc",
    "libc6-dev",
    "make",
    "python3",
    "python3-pip",
]
# Mounts what the words before `--` name, as FROM TO, and becomes the rest, in the folder.
ENTER = """
while [[ $1 != -- ]]; do
  if [[ -d $1 ]]; then mkdir -p "$ROOM$2"; else mkdir -p "$ROOM${2%/*}"; touch "$ROOM$2"; fi
  mount --rbind "$1" "$ROOM$2"
  shift 2
done
shift
exec env PATH="$PATH:/usr/sbin:/sbin" chroot "$ROOM" /usr/bin/env -i "$@"
"""
PATH = "/opt/rust/bin:/usr/bin:/bin"


def build_sdist(environment: dict[str, str]) -> str:
    """What came of it, for the page; `environment` is that of the README's example."""
    found = list((DIST / "sdist").glob("*.tar.gz"))
    if len(found) != 1:
        raise Failed(f"dist/sdist has {len(found)} files: run packaging/packages sdist")
    root = whole(ROOMS / "building", make_room)
    for folder in ("tmp", "root"):
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / folder).mkdir()
    shutil.copy(found[0], root / "tmp")
    began = time.monotonic()
    install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--break-system-packages",
        "--target",
        "/tmp/installed",
    ]
    inside(root, {}, [*install, f"/tmp/{found[0].name}"])
    seconds = time.monotonic() - began
    said = inside(root, {**environment, "PYTHONPATH": "/tmp/installed"}, ["-c", example("python")])
    if said.strip() != EXPECTED:
        raise Failed(f"what was built of the sdist says {said!r}, not {EXPECTED!r}")
    return f"The sdist: pip built it in {seconds / 60:.0f} minutes on {os.cpu_count()} cores, and it ran."


def make_room(root: Path) -> None:
    Archive(ROOMS / "building.apt", "bookworm").unpack(PACKAGES, root)
    # Debian's scripts would make the links of these.
    for name, program in (("cc", "gcc"), ("sh", "dash"), ("awk", "mawk")):
        link = root / "usr/bin" / name
        if not link.is_symlink() and not link.exists():
            link.symlink_to(program)


def inside(root: Path, environment: dict[str, str], arguments: list[str]) -> str:
    """What Python prints in the room, which sees of this machine its Rust, its certificates and its network."""
    rust = subprocess.run(
        ["rustc", "--print", "sysroot"], check=True, stdout=subprocess.PIPE, text=True
    )
    mounts = [(rust.stdout.strip(), "/opt/rust"), ("/proc", "/proc"), ("/dev", "/dev")]
    mounts += [
        (it, it) for it in ("/etc/resolv.conf", "/etc/ssl", "/etc/hosts") if Path(it).exists()
    ]
    private = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        private += ["--user", "--map-root-user"]
    variables = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **environment}
    # Where a network has an authority of its own, pip is told of it, which brings its own authorities.
    variables["PIP_CERT"] = "/etc/ssl/certs/ca-certificates.crt"
    ran = subprocess.run(
        [
            *private,
            "bash",
            "-euc",
            ENTER,
            "room",
            *(word for mount in mounts for word in mount),
            "--",
        ]
        + [f"{name}={value}" for name, value in variables.items()]
        + ["/usr/bin/python3", *arguments],
        env=os.environ | {"ROOM": str(root)},
        check=False,
        capture_output=True,
        text=True,
        timeout=3600,
    )
    if ran.returncode != 0:
        raise Failed(f"{' '.join(arguments)[:80]} failed in the room:\n{ran.stderr[-4000:]}")
    return ran.stdout
