"""The gateway as in its image, which holds nothing else; and packages on a machine whose folder for
temporary files runs nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import deploy_files as files
from loud import Say, missing
from sandbox import CLI, ROOT, Sandbox, send

# A user as OpenShift makes it up, in the group in which it puts it.
MADE_UP = (1_000_620_000, 0)


@pytest.fixture
def root(say: Say) -> Iterator[Path]:
    """What the image has at `/`: the program, and the folder of its data with the owner that the
    Dockerfile says. A build for tests needs libraries, which are there too."""
    if sys.platform != "linux" or os.getuid() != 0:
        missing("only root of a Linux can mount and change its root", say)
    root = Path(tempfile.mkdtemp(prefix="image-"))
    try:
        root.chmod(0o755)
        shutil.copy(CLI, root / "relaypass")
        linked = subprocess.run(["ldd", CLI], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(/\S+) \(0x", linked):
            (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, root / library[1:])
        copied = re.search(
            r"--chown=(\d+):(\d+) --chmod=(\d+) \S+ /data$",
            files.DOCKERFILE.read_text(),
            re.MULTILINE,
        )
        assert copied is not None
        (root / "data").mkdir()
        os.chown(root / "data", int(copied[1]), int(copied[2]))
        (root / "data").chmod(int(copied[3], 8))
        yield root
    finally:
        shutil.rmtree(root)
        _log_of(root).unlink(missing_ok=True)


ENTER = """
mount --bind "$1" "$1"
mount --bind "$1/data" "$1/data"
mount -o remount,ro,bind "$1"
user=$2 root=$1
shift 2
exec chroot --userspec="$user" --groups= "$root" "$@"
"""


@contextmanager
def running(root: Path, user: tuple[int, int], sandbox: Sandbox, **settings: str) -> Iterator[str]:
    """The gateway in there, as this user and in no other group; only the folder of its data can be
    written to. What it prints instead of an address raises an error."""
    command = [*files.image("ENTRYPOINT").listed, *files.image("CMD").listed]
    variables = {
        **files.image_environment(),
        "RELAYPASS_LISTEN": "127.0.0.1:0",
        "RELAYPASS_BASE_URL": sandbox.url,
        **settings,
    }
    with _log_of(root).open("wb") as log:
        process = subprocess.Popen(
            [
                *("unshare", "--mount", "--propagation", "private", "bash", "-euc", ENTER, "enter"),
                *(str(root), f"{user[0]}:{user[1]}", *command, "--until-stdin-closes"),
            ],
            env={"PATH": os.environ["PATH"], **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        ready = process.stdout.readline()
        if ready:
            yield json.loads(ready)["url"]
    finally:
        process.communicate(timeout=60)
    if not ready:
        raise RuntimeError(_log_of(root).read_text())


def _log_of(root: Path) -> Path:
    return root.with_suffix(".log")


def image_user() -> tuple[int, int]:
    user, group = files.image("USER").value.split(":")
    return int(user), int(group)


@pytest.mark.parametrize("user", [image_user(), MADE_UP, (12_345, 0)], ids=str)
def test_it_runs_as_any_user_and_writes_nowhere_but_to_its_data(
    user: tuple[int, int], root: Path, sandbox: Sandbox
) -> None:
    before = {path for path in root.rglob("*") if "data" not in path.parts}
    with running(root, user, sandbox) as url:
        for path in ("/healthz", "/readyz"):
            assert send(url + path, None)[0] == 200
        body = b'{"claim-type": "age_over18_verified"}'
        assert send(f"{url}/relays", body)[0] == 201
    assert {path for path in root.rglob("*") if "data" not in path.parts} == before
    written = list((root / "data").iterdir())
    assert (root / "data" / "gateway.sqlite") in written
    assert {(path.stat().st_uid, path.stat().st_mode & 0o077) for path in written} == {(user[0], 0)}


def test_a_user_who_may_not_write_is_told_where(root: Path, sandbox: Sandbox) -> None:
    nobody = (MADE_UP[0], 12_345)
    with (
        pytest.raises(RuntimeError, match=r"/data/gateway\.sqlite\.seal-key .*Permission denied"),
        running(root, nobody, sandbox),
    ):
        pass
    with running(root, nobody, sandbox, RELAYPASS_SEAL_KEY="A" * 43 + "=") as url:
        assert send(f"{url}/healthz", None)[0] == 200
        assert send(f"{url}/readyz", None)[0] == 503
    assert "/data/gateway.sqlite" in _log_of(root).read_text()


def test_with_postgresql_it_writes_to_no_file(
    root: Path, sandbox: Sandbox, services: dict[str, str | None], say: Say
) -> None:
    postgres = services["postgres"]
    if postgres is None:
        missing("PostgreSQL is not installed", say)
    nobody = (MADE_UP[0], 12_345)
    store = {
        "RELAYPASS_STORE": f"{postgres}?sslmode=disable&create_table=true",
        "RELAYPASS_SEAL_KEY": "A" * 43 + "=",
    }
    with running(root, nobody, sandbox, **store) as url:
        assert send(f"{url}/readyz", None)[0] == 200
    assert list((root / "data").iterdir()) == []


# Only what a store needs is on a disk; the addon and the module are where they were installed.
PROGRAMS = {
    "python": [
        sys.executable,
        "-c",
        "import os, relaypass\n"
        "client = relaypass.RelayPass(api_key=os.environ['RELAYPASS_API_KEY'],\n"
        "    base_url=os.environ['RELAYPASS_BASE_URL'], store='memory:')\n"
        "id = client.verifications.start(claim_type='age_over18_verified').id\n"
        "print(client.verifications.complete(id).status)",
    ],
    "node": [
        "node",
        "-e",
        f"const {{ RelayPass }} = require({json.dumps(str(ROOT / 'node'))});\n"
        "const { RELAYPASS_API_KEY: apiKey, RELAYPASS_BASE_URL: baseUrl } = process.env;\n"
        "const { verifications } = new RelayPass({ apiKey, baseUrl, store: 'memory:' });\n"
        "verifications.start({ claimType: 'age_over18_verified' })\n"
        "  .then(({ id }) => verifications.complete(id))\n"
        "  .then(({ status }) => console.log(status));",
    ],
}


@pytest.fixture
def noexec(tmp_path: Path, say: Say) -> Path:
    if sys.platform != "linux" or os.getuid() != 0:
        missing("only root of a Linux can mount a folder", say)
    return tmp_path


IN_NOEXEC = """
mount -t tmpfs -o noexec none "$TMPDIR"
cp /bin/true "$TMPDIR"
if "$TMPDIR/true"; then exit 9; fi
rm "$TMPDIR/true"
"$@"
[[ -z $(ls -A "$TMPDIR") ]]
"""


@pytest.mark.parametrize("language", PROGRAMS)
def test_nothing_is_unpacked_where_nothing_may_run(
    language: str, noexec: Path, sandbox: Sandbox
) -> None:
    done = subprocess.run(
        [
            *("unshare", "--mount", "--propagation", "private", "bash", "-euc", IN_NOEXEC, "enter"),
            *PROGRAMS[language],
        ],
        env={
            **os.environ,
            "TMPDIR": str(noexec),
            "RELAYPASS_API_KEY": sandbox.api_key,
            "RELAYPASS_BASE_URL": sandbox.url,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "passed\n"), done.stderr
    assert "Permission denied" in done.stderr
