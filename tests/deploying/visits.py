"""Visitors of the shop on the page: each is sent to Persona, finishes there, and comes back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from http.client import HTTPMessage
from typing import IO
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import pytest

from sandbox import Sandbox


class _StayHere(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


_BROWSER = build_opener(_StayHere, ProxyHandler({}))


def assert_all_pass(url: str, sandbox: Sandbox, visitors: int = 12) -> None:
    """So many at once: none has an answer before he has finished, each has it after, and each is
    billed and redeemed once."""
    before = sandbox.ledger()
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(_visit, [url] * visitors))
    assert seen == [["pending", "passed", "passed"]] * visitors
    after = sandbox.ledger()
    assert after["billed"] - before["billed"] == visitors
    assert after["redeemed"] - before["redeemed"] == visitors
    assert after["double_spends"] == 0


def _visit(url: str) -> list[str]:
    sent = _redirection(f"{url}/verify")
    # Persona refuses whoever says where he comes from.
    assert sent["referrer-policy"] == "no-referrer"
    cookie = sent["set-cookie"].split(";")[0]

    def ask() -> str:
        with _BROWSER.open(Request(f"{url}/status", headers={"cookie": cookie}), timeout=60) as it:
            text: bytes = it.read()
        return text.decode()

    seen = [ask()]
    _BROWSER.open(sent["location"], data=b"result=passed", timeout=60).close()
    return [*seen, ask(), ask()]


def _redirection(url: str) -> Message:
    with pytest.raises(HTTPError) as answered:
        _BROWSER.open(url, timeout=60).close()
    with answered.value as answer:
        assert answer.code == 303
        return answer.headers
