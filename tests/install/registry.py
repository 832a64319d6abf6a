"""A registry that speaks npm's protocol and has nothing but the tarballs of a folder."""

from __future__ import annotations

import base64
import hashlib
import json
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote


@contextmanager
def serve(folder: Path, elsewhere: Sequence[dict[str, Any]] = ()) -> Iterator[str]:
    """Serves the folder on loopback, and gives the address.

    `elsewhere`: what packages for other systems say of themselves. Nobody here may fetch them.
    """
    tarballs = {file.name: file.read_bytes() for file in folder.glob("*.tgz")}
    packages = {manifest["name"]: ("absent.tgz", manifest) for manifest in elsewhere}
    packages |= {manifest["name"]: (name, manifest) for name, manifest in _manifests(folder)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(self.path.split("?")[0]).lstrip("/")
            if path.startswith("-/"):
                self._answer(tarballs.get(path[2:]), "application/octet-stream")
            elif path in packages:
                file, manifest = packages[path]
                self._answer(
                    json.dumps(_document(url, file, manifest, tarballs.get(file, b""))).encode()
                )
            else:
                self._answer(None)

        def _answer(self, body: bytes | None, content_type: str = "application/json") -> None:
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield url
        finally:
            server.shutdown()
            thread.join()


def _manifests(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in folder.glob("*.tgz"):
        with tarfile.open(file) as archive:
            member = archive.extractfile("package/package.json")
            assert member is not None
            yield file.name, json.load(member)


def _document(url: str, file: str, manifest: dict[str, Any], tarball: bytes) -> dict[str, Any]:
    version = manifest["version"]
    integrity = base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    dist = {
        "tarball": f"{url}/-/{file}",
        "integrity": f"sha512-{integrity}",
        "shasum": hashlib.sha1(tarball, usedforsecurity=False).hexdigest(),
    }
    return {
        "name": manifest["name"],
        "dist-tags": {"latest": version},
        "versions": {version: {**manifest, "dist": dist}},
    }
