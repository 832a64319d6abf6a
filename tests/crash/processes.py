"""Worker processes: what they are asked and answer, and how they are killed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any

from sandbox import ROOT, Sandbox

WORKERS = Path(__file__).resolve().parent / "workers"

COMMANDS = {
    "python": [sys.executable, str(WORKERS / "worker.py")],
    "node": ["node", str(WORKERS / "worker.mjs")],
    "swift": [str(ROOT / "swift" / "run.sh"), "worker"],
}

Answer = dict[str, Any]


class WorkerEnded(Exception):
    """The worker ended before it answered."""


class Worker:
    """A process of one language on one store. It ends with the block."""

    def __init__(
        self, language: str, sandbox: Sandbox, store: str, seal_key: bytes | None = None
    ) -> None:
        environment = {
            "RELAYPASS_BASE_URL": sandbox.url,
            "RELAYPASS_API_KEY": sandbox.production_api_key,
            "RELAYPASS_STORE": store,
            "RELAYPASS_SEAL_KEY": "" if seal_key is None else seal_key.hex(),
        }
        self.ready = threading.Event()
        self._lock = threading.Lock()
        self._ended = False
        self._killed = False
        self._asked = 0
        self._waiting: dict[int, Future[Answer]] = {}
        self._process = subprocess.Popen(
            COMMANDS[language],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, do: str, **command: Any) -> Future[Answer]:
        """Has something done, and does not wait for it. It fails with :class:`WorkerEnded`."""
        answer: Future[Answer] = Future()
        with self._lock:
            if not self._ended:
                self._asked += 1
                self._waiting[self._asked] = answer
                line = json.dumps({"number": self._asked, "do": do, **command})
                assert self._process.stdin is not None
                # If it is gone, the reader is about to notice, and fails what waits.
                with contextlib.suppress(BrokenPipeError):
                    self._process.stdin.write(f"{line}\n".encode())
                    self._process.stdin.flush()
                return answer
        answer.set_exception(WorkerEnded())
        return answer

    def tell(self, do: str, **command: Any) -> Answer:
        """Has something done, and waits for it."""
        return self.ask(do, **command).result(timeout=60)

    def kill(self) -> None:
        """SIGKILL. What was asked and not answered fails."""
        self._killed = True
        self._process.kill()
        self._reader.join()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exception is not None:
            self._process.kill()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        status = self._process.wait(timeout=60)
        self._reader.join()
        self._process.stdout.close()
        assert exception is not None or self._killed or status == 0, f"the worker ended: {status}"

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                told = json.loads(line)
            except ValueError:  # cut short by the kill
                break
            if "ready" in told:
                self.ready.set()
                continue
            with self._lock:
                waiting = self._waiting.pop(told.pop("number"))
            waiting.set_result(told)
        with self._lock:
            self._ended = True
            left, self._waiting = list(self._waiting.values()), {}
        self.ready.set()
        for waiting in left:
            waiting.set_exception(WorkerEnded())
