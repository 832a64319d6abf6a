"""Nothing that a program prints, logs or fails with may hold a secret.

In every language the three steps run well, badly and against a server that repeats what it hears.
All that the programs put out is searched for every secret that they had.
"""

from __future__ import annotations

import base64
import json
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import leaks
import scan_output
from echo import echoing
from programs import THREE_STEPS, Command, run
from sandbox import Sandbox

_PROGRAMS = Path(__file__).parent / "programs"

# All but Rust print everything they get; in Rust, an error is what a program would print.
TALKATIVE: dict[str, Command] = {
    "rust": THREE_STEPS["rust"],
    "python": [sys.executable, "-X", "dev", str(_PROGRAMS / "talkative.py")],
    "node": ["node", str(_PROGRAMS / "talkative.mjs")],
    "kotlin": [*THREE_STEPS["kotlin"][:-1], "tests.cross.TalkativeKt"],
    "swift": [*THREE_STEPS["swift"][:-1], "talkative"],
}

# What every whole flow has.
KINDS = {
    "a pass",
    "a relay secret",
    "a session token",
    "an API key",
    "an idempotency key",
    "the nonce of a pass",
    "the signature of a pass",
}

VERBOSE = {
    "RUST_LOG": "trace",
    "RUST_BACKTRACE": "1",
    "PYTHONUNBUFFERED": "1",
    "NODE_DEBUG": "http,https,net,tls,fetch,undici,stream,worker",
}


@dataclass
class Ran:
    """What a program put out, and the secrets that were known to it or to the sandbox."""

    output: str = field(repr=False)
    failed: bool
    secrets: dict[str, str] = field(repr=False)

    def assert_nothing_leaked(self) -> None:
        found = leaks.found_in(self.output, self.secrets)
        assert not found, "\n".join(found)
        assert list(scan_output.findings(self.output)) == []

    def assert_failed_with(self, code: str) -> None:
        """The program ended with this error, and not for a mistake of its own."""
        assert self.failed
        # In Rust it is the name of a variant.
        shown = code in self.output or code.title().replace("_", "") in self.output
        assert shown, f"it failed, but not with {code}"


Play = Callable[..., Ran]


@pytest.fixture
def play(sandbox: Sandbox, language: str, tmp_path: Path) -> Play:
    """Runs the talkative program, and tells what came of it."""

    def played(*, visitor: str = "passed", **environment: str) -> Ran:
        own = tmp_path / "secrets.json"
        told = {"SANDBOX_URL": sandbox.url, "SECRETS": str(own), "VISITOR": visitor}
        done = run(TALKATIVE[language], sandbox, environment=VERBOSE | told | environment)
        secrets = leaks.secrets_of(sandbox.exchanges())
        secrets |= dict.fromkeys([sandbox.api_key, sandbox.production_api_key], "an API key")
        if language != "rust":
            secrets |= dict.fromkeys(json.loads(own.read_text()), "a private key")
        return Ran(done.stdout + done.stderr, done.returncode != 0, secrets)

    return played


@pytest.mark.parametrize("visitor", ["passed", "failed"])
def test_a_flow_that_ends_well_leaks_nothing(
    sandbox: Sandbox, language: str, play: Play, visitor: str
) -> None:
    ran = play(visitor=visitor)
    assert not ran.failed
    kinds = set(ran.secrets.values())
    assert kinds >= KINDS
    if language != "rust":
        assert "a private key" in kinds
        # The search has something to search: what was received was printed.
        for exchange in sandbox.exchanges():
            shown = dict(exchange.answer_headers)["request-id"] in ran.output
            assert shown == (exchange.step != "challenge"), exchange.step
    ran.assert_nothing_leaked()


def _always(step: str, fault: str, **members: Any) -> dict[str, Any]:
    return {"step": step, "fault": fault, "times": 0, **members}


def _claim(payload: str) -> dict[str, Any]:
    body = json.dumps({"claim-payload": payload, "token-consumed": True})
    return _always("redeem", "respond", body=body)


FAULTS = {
    "sign never answers": (_always("sign", "drop_after_commit"), "outcome_unknown"),
    "redeem never answers": (_always("redeem", "drop_after_commit"), "outcome_unknown"),
    "create is cut short": (_always("create", "truncate"), "network"),
    "sign is cut short": (_always("sign", "truncate"), "outcome_unknown"),
    "redeem is cut short": (_always("redeem", "truncate"), "outcome_unknown"),
    "the signature is wrong": (_always("sign", "wrong_signature"), "protocol"),
    "the key is refused": (_always("sign", "status", status=401), "authentication"),
    "the pass is refused": (_always("redeem", "status", status=401), "pass_rejected"),
    "the claim does not open": (_claim("A" * 344), "decryption"),
    "the claim is plain": (_claim('{"claim_type":"a"}'), "claim_mismatch"),
    "the answer is no JSON": (_always("create", "respond", body="<html>"), "protocol"),
    "something on the way redirects": (_always("sign", "redirect"), "outcome_unknown"),
    "Persona fails": (_always("create", "status", status=500), "server_error"),
    "Persona fails for good": (
        _always("sign", "status", status=500, stored=True),
        "outcome_unknown",
    ),
}


@pytest.mark.parametrize(("fault", "code"), FAULTS.values(), ids=FAULTS.keys())
def test_an_error_leaks_nothing(
    sandbox: Sandbox, play: Play, fault: dict[str, Any], code: str
) -> None:
    sandbox.faults(fault)
    ran = play()
    ran.assert_failed_with(code)
    assert any(exchange.fault == fault["fault"] for exchange in sandbox.exchanges())
    ran.assert_nothing_leaked()


def test_a_request_that_is_repeated_leaks_nothing(sandbox: Sandbox, play: Play) -> None:
    for step in ("create", "challenge", "sign", "redeem"):
        sandbox.faults({"step": step, "fault": "drop_after_commit", "times": 2})
    ran = play()
    assert not ran.failed
    ran.assert_nothing_leaked()


def test_a_wrong_api_key_does_not_leak(play: Play) -> None:
    wrong = "persona_production_" + "4Nf0unDkEy" * 3
    ran = play(RELAYPASS_API_KEY=wrong)
    ran.assert_failed_with("authentication")
    assert wrong in ran.secrets
    ran.assert_nothing_leaked()


def test_a_server_that_is_not_there_leads_to_no_leak(play: Play) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    ran = play(RELAYPASS_BASE_URL=address)
    ran.assert_failed_with("network")
    ran.assert_nothing_leaked()


@pytest.mark.parametrize(("status", "html"), [(422, False), (401, False), (200, True)])
@pytest.mark.parametrize("step", ["challenge", "sign", "redeem"])
def test_what_a_server_repeats_does_not_leak(
    sandbox: Sandbox, play: Play, step: str, status: int, html: bool
) -> None:
    with echoing(sandbox, step, status, html=html) as echo:
        ran = play(RELAYPASS_BASE_URL=echo.url)
    assert echo.exchanges
    assert ran.failed
    ran.secrets |= leaks.secrets_of(echo.exchanges)
    ran.assert_nothing_leaked()


SECRET = "persona/sandbox_?key~of a test"


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        f"x{SECRET}x",
        "persona%2Fsandbox_%3Fkey~of%20a%20test",
        SECRET.encode().hex(),
        str(list(SECRET.encode())),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(f"Bearer {SECRET}".encode()).decode(),
    ],
)
def test_the_search_sees_through_a_disguise(shown: str) -> None:
    assert leaks.found_in(f"before {shown} after", {SECRET: "a key"})
    assert leaks.found_in("before and after", {SECRET: "a key"}) == []
