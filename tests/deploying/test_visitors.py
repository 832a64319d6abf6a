"""What docs/visitor.md and docs/errors.md say of the way to Persona and back, and of its cost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from threading import Lock
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
import relaypass

from sandbox import ROOT, Sandbox
from snippets import snippets_of

PAGE = ROOT / "docs" / "visitor.md"
CLAIM_TYPE = "age_over18_verified"

_BROWSER = build_opener(ProxyHandler({}))


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[relaypass.RelayPass]:
    with make_client(sandbox.production_api_key, sandbox) as client:
        yield client


def make_client(key: str, sandbox: Sandbox, **options: Any) -> relaypass.RelayPass:
    options = {"store": "memory:", "retries": 0, **options}
    # The pass is bought when the answer is asked for, and not at some moment before.
    return relaypass.RelayPass(api_key=key, base_url=sandbox.url, purchase_window=1200, **options)


def start(client: relaypass.RelayPass, *, finished: bool = False) -> relaypass.Verification:
    started = client.verifications.start(claim_type=CLAIM_TYPE)
    assert started.hosted_url is not None
    if finished:
        _BROWSER.open(started.hosted_url, data=b"result=passed", timeout=30).close()
    return started


def test_only_with_the_production_key_a_click_decides(
    client: relaypass.RelayPass, sandbox: Sandbox
) -> None:
    with make_client(sandbox.api_key, sandbox) as other:
        assert other.verifications.complete(start(other).id).status == "passed"
    started = start(client)
    assert client.verifications.complete(started.id).status == "pending"
    assert started.hosted_url is not None
    _BROWSER.open(started.hosted_url, data=b"result=failed", timeout=30).close()
    assert client.verifications.complete(started.id).status == "failed"


def test_the_page_refuses_whoever_says_where_he_comes_from(client: relaypass.RelayPass) -> None:
    hosted_url = start(client).hosted_url
    assert hosted_url is not None
    with pytest.raises(HTTPError) as refused:
        _BROWSER.open(Request(hosted_url, headers={"referer": "https://shop.example/"}))
    with refused.value as answer:
        assert answer.code == 403
        assert "no-referrer" in answer.read().decode()
    with _BROWSER.open(hosted_url) as page:
        assert page.status == 200


def steps(sandbox: Sandbox) -> list[str]:
    """The requests to Persona's calls since the last time."""
    asked = [it.step for it in sandbox.exchanges() if it.path.startswith("/api/")]
    sandbox.control_delete("requests")
    return asked


def test_what_a_visitor_costs(client: relaypass.RelayPass, sandbox: Sandbox) -> None:
    for _ in range(2):
        started = start(client)
        client.verifications.complete(started.id)
        assert sorted(steps(sandbox)) == ["challenge", "create", "redeem", "sign"]
        for _ in range(3):
            assert client.verifications.complete(started.id).status == "pending"
            assert steps(sandbox) == ["redeem"]
        assert started.hosted_url is not None
        _BROWSER.open(started.hosted_url, data=b"result=passed", timeout=30).close()
        assert client.verifications.complete(started.id).status == "passed"
        assert steps(sandbox) == ["redeem"]
        assert client.verifications.complete(started.id).status == "passed"
        assert client.verifications.get(started.id).status == "passed"
        assert steps(sandbox) == []


def test_the_numbers_of_visitors_follow() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) seconds \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    assert len(rows) == 3
    for every, requests, visitors in rows:
        assert int(requests) == 2 + 120 // int(every)
        assert int(visitors) == 300 // int(requests)


def test_beyond_the_limit_nothing_is_sent_and_nothing_is_lost(
    client: relaypass.RelayPass, sandbox: Sandbox
) -> None:
    known, waiting = start(client, finished=True), start(client)
    assert client.verifications.complete(known.id).status == "passed"
    # At the beginning of a minute, whose end is too far away to be waited for.
    now = datetime.fromisoformat(sandbox.control("clock")["now"].removesuffix("Z"))
    sandbox.control("clock", {"advance_seconds": 60 - now.second})
    sandbox.settings(rate_limit=1)
    assert fails(client, waiting.id).code == "rate_limited"
    steps(sandbox)
    error = fails(client, waiting.id)
    assert (error.code, error.retryable) == ("rate_limited", True)
    assert client.verifications.complete(known.id).status == "passed"
    assert steps(sandbox) == []


def test_the_handler_of_the_page(client: relaypass.RelayPass, sandbox: Sandbox) -> None:
    names: dict[str, Any] = {"client": client, "relaypass": relaypass}
    (snippet,) = snippets_of(PAGE, "<!-- try: status -->")
    exec(snippet.code, names)
    status: Callable[[str], tuple[int, str]] = names["status"]
    started = start(client, finished=True)
    sandbox.faults({"step": "redeem", "fault": "drop_before_commit"})
    assert status(started.id) == (200, "pending")
    assert status(started.id) == (200, "passed")
    for unknown in ["00000000-0000-4000-8000-000000000000", "..", "7", started.id.upper(), ""]:
        assert status(unknown) == (404, "unknown"), unknown
    sandbox.faults({"step": "sign", "fault": "status", "status": 403})
    with pytest.raises(relaypass.PermissionDeniedError):
        status(start(client, finished=True).id)


def status_fault(step: str, status: int) -> dict[str, Any]:
    return {"step": step, "fault": "status", "status": status}


# When Persona takes requests again.
NEXT_SECOND = {"headers": {"ratelimit-reset": "1"}}
# What Persona, or something on the way, does to each request of a step; and the row of the table.
FAULTS = [
    (status_fault("sign", 500), "server_error", "call again"),
    (status_fault("sign", 409), "conflict", "call again"),
    ({"step": "sign", "fault": "drop_after_commit"}, "network", "call again"),
    (status_fault("redeem", 500), "server_error", "call again"),
    ({"step": "redeem", "fault": "drop_after_commit"}, "network", "call again"),
    (status_fault("sign", 401), "authentication", "mend, and call again"),
    (status_fault("sign", 403), "permission_denied", "mend, and call again"),
    (status_fault("sign", 404), "not_found", "mend, and call again"),
    (status_fault("redeem", 404), "not_found", "mend, and call again"),
    (status_fault("sign", 422), "unprocessable", "`reissue`"),
    (status_fault("sign", 400), "invalid_argument", "`reissue`"),
    ({"step": "sign", "fault": "wrong_signature"}, "protocol", "`reissue`"),
    (status_fault("sign", 500) | {"stored": True}, "outcome_unknown", "`reissue`"),
    (status_fault("redeem", 401), "pass_rejected", "`reissue`"),
    (
        {"step": "redeem", "fault": "wrong_claim", "claim_type": "age_over21_verified"},
        "claim_mismatch",
        "final",
    ),
    ({"step": "redeem", "fault": "delay", "milliseconds": 6000}, "timeout", "call again"),
    (status_fault("redeem", 408), "timeout", "call again"),
    (status_fault("sign", 429) | NEXT_SECOND, "rate_limited", "call again"),
    (status_fault("redeem", 429) | NEXT_SECOND, "rate_limited", "call again"),
    ({"step": "redeem", "fault": "respond", "body": "{}"}, "protocol", "call again"),
]


def table() -> dict[str, str]:
    """What stands in the row of each kind."""
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    _, _, section = text.partition("### Final, or not")
    return dict(re.findall(r"^\| \*\*(.+?)\*\* \| (.+?) \|", section, re.MULTILINE))


@pytest.mark.parametrize(("fault", "code", "kind"), FAULTS)
def test_an_error_is_what_the_table_says(
    fault: dict[str, Any], code: str, kind: str, client: relaypass.RelayPass, sandbox: Sandbox
) -> None:
    assert f"`{code}`" in table()[kind]
    started = start(client, finished=True)
    sandbox.faults(fault | {"times": 0})
    error = fails(client, started.id)
    # Some are told as such only when they came again.
    for _ in range(2 if code in ("protocol", "outcome_unknown") else 0):
        error = fails(client, started.id)
    sandbox.control_delete("faults")
    if error.code != code:
        error = fails(client, started.id)
    assert (error.code, error.retryable) == (code, kind == "call again")
    if kind in ("call again", "mend, and call again"):
        assert client.verifications.complete(started.id).status == "passed"
        return
    assert fails(client, started.id).code == code
    if kind == "final":
        assert fails(client, started.id, reissue=True).code == code
    else:
        assert client.verifications.complete(started.id, reissue=True).status == "passed"


def test_a_client_that_was_wrong_is_mended(sandbox: Sandbox, tmp_path: Any) -> None:
    store = f"sqlite:{tmp_path}/store.sqlite"
    right, wrong = relaypass.EncryptionKey.generate(), relaypass.EncryptionKey.generate()
    with make_client(
        sandbox.production_api_key, sandbox, store=store, decryption_key=right
    ) as client:
        started = start(client, finished=True)
        for key, options, code in [
            (sandbox.production_api_key, {"decryption_key": wrong}, "decryption"),
            (sandbox.api_key, {"decryption_key": right}, "invalid_argument"),
        ]:
            with make_client(key, sandbox, store=store, **options) as other:
                error = fails(other, started.id)
            assert (error.code, error.retryable) == (code, False)
        assert "`decryption`" in table()["mend, and call again"]
        assert "other environment" in table()["mend, and call again"]
        assert client.verifications.complete(started.id).status == "passed"


class Breakable:
    """A store in memory, one method of which fails for as long as it is told to."""

    def __init__(self) -> None:
        self.broken = ""
        self._records: dict[str, relaypass.StoreRecord] = {}
        self._lock = Lock()

    def _enter(self, method: str) -> None:
        if self.broken == method:
            raise OSError("the disk is full")

    def load(self, key: str) -> relaypass.StoreRecord | None:
        self._enter("load")
        return self._records.get(key)

    def compare_and_swap(
        self, key: str, expected: int | None, new: relaypass.StoreRecord | None
    ) -> bool:
        self._enter("compare_and_swap")
        with self._lock:
            there = self._records.get(key)
            if (None if there is None else there.version) != expected:
                return False
            self._records.pop(key, None)
            if new is not None:
                self._records[key] = new
            return True

    def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
        return []


@pytest.mark.parametrize("method", ["load", "compare_and_swap"])
def test_a_store_that_failed_is_mended(method: str, sandbox: Sandbox) -> None:
    store = Breakable()
    with make_client(sandbox.production_api_key, sandbox, store=store) as client:
        started = start(client, finished=True)
        store.broken = method
        error = fails(client, started.id)
        assert (error.code, error.retryable) == ("store", True)
        assert isinstance(error.__cause__, OSError)
        assert "`store`" in table()["call again"]
        store.broken = ""
        assert client.verifications.complete(started.id).status == "passed"


def test_a_client_that_was_closed_is_made_anew(sandbox: Sandbox, tmp_path: Any) -> None:
    store = f"sqlite:{tmp_path}/store.sqlite"
    with make_client(sandbox.production_api_key, sandbox, store=store) as client:
        started = start(client, finished=True)
    error = fails(client, started.id)
    assert (error.code, error.retryable) == ("closed", False)
    assert "`closed`" in table()["mend, and call again"]
    with make_client(sandbox.production_api_key, sandbox, store=store) as anew:
        assert anew.verifications.complete(started.id).status == "passed"


def fails(client: relaypass.RelayPass, id: str, **options: Any) -> relaypass.RelayPassError:
    with pytest.raises(relaypass.RelayPassError) as failed:
        client.verifications.complete(id, timeout=5, **options)
    return failed.value
