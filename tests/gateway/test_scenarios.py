"""Runs ``tests/scenarios/*.json``, which say what every language must do, over HTTP."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import page
import scan_output
from expected import look_up, matches
from gateways import DoesNotStart
from not_over_http import FILES, LEFT_OUT, PASSED_OVER, over_http, why_left_out
from play import Play, Refused, load
from sandbox import Sandbox

SCENARIOS = [(file.stem, scenario) for file in FILES for scenario in load(file)]
PLAYED = [(stem, scenario) for stem, scenario in SCENARIOS if why_left_out(scenario) is None]


def ways(scenario: dict[str, Any]) -> list[str]:
    """Plain, and, where passes are bought step by step, with an ``Idempotency-Key`` as well."""
    buys = any(step["do"] == "relays.issue_privacy_pass" for step in scenario["steps"])
    return ["plain", "keyed"] if buys else ["plain"]


# Of options with which no gateway starts.
REFUSED = [{"error": "invalid_argument"}, {"error": "privacy_refused"}]


@pytest.mark.parametrize(
    ("scenario", "way"),
    [
        pytest.param(scenario, way, id=f"{stem}: {scenario['name']}-{way}")
        for stem, scenario in PLAYED
        for way in ways(scenario)
    ],
)
def test_scenario(scenario: dict[str, Any], way: str, sandbox: Sandbox, tmp_path: Path) -> None:
    has_keys = way == "keyed"
    with ExitStack() as stack:
        play = Play(scenario, has_keys, sandbox, tmp_path, stack)
        expected = scenario.get("client", {}).get("expect", {})
        try:
            play.caller()
        except DoesNotStart:
            said = play.log.read_text()
            assert expected in REFUSED, said
            assert is_about(said, scenario["client"]), said
            return
        assert expected == {}, "the gateway started"
        for index, step in enumerate(over_http(scenario, has_keys)):
            compare(play, step, f"step {index}, {step['do']}")
    assert list(scan_output.findings(play.log.read_text())) == []


# What a gateway speaks of when it refuses a setting.
SUBJECTS = {
    "api_key": "API key",
    "base_url": "base URL",
    "timeout": "--timeout-seconds",
    "retries": "retries",
    "anonymous_proxy": "proxy",
    "ca_pem": "ca_pem",
    "decryption_key": "decryption key",
    "purchase_window": "purchase window",
    "encryption_form": "--encryption-form",
    "pass_pool": "held ready",
    "pass_binding": "pass binding",
    "privacy": "strict",
    "isolation": "--isolation",
    "seal_key": "seal key",
    "store": "--store",
}


def is_about(said: str, described: dict[str, Any]) -> bool:
    """Whether the gateway was refused for what the scenario gave it, and not for something else."""
    given = [*described, *described.get("options", {})]
    return any(SUBJECTS[name] in said for name in given if name in SUBJECTS)


def compare(play: Play, step: dict[str, Any], where: str) -> None:
    expected: dict[str, Any] = play.resolve(step["expect"])
    actual, refused = outcome(play, step)
    ends_at = time.monotonic() + 20
    while step.get("until") and not is_so(actual, expected) and time.monotonic() < ends_at:
        time.sleep(0.02)
        actual, refused = outcome(play, step)
    assert (refused is not None) == ("error" in expected), (where, refused or "succeeded")
    assert refused is None or is_told(refused), (where, refused, "is not in the page")
    if "save" in step:
        play.saved[step["save"]] = actual
    for path, wanted in expected.items():
        value = look_up(actual, path)
        assert matches(value, wanted), (where, path, value, wanted)


def is_so(actual: Any, expected: dict[str, Any]) -> bool:
    return all(matches(look_up(actual, path), wanted) for path, wanted in expected.items())


def outcome(play: Play, step: dict[str, Any]) -> tuple[Any, Refused | None]:
    """A result; or the members of an error, and the error."""
    try:
        return play.make(step), None
    except Refused as refused:
        return refused.members, refused


def is_told(refused: Refused) -> bool:
    """Whether docs/gateway.md says that such an error may have this status."""
    status = refused.members["status"]
    # Claims are opened by the caller.
    return status is None or status in page.statuses(refused.members["error"], refused.place)


def test_every_reason_to_leave_something_out_is_needed() -> None:
    reasons = {why_left_out(scenario) for _, scenario in SCENARIOS} - {None}
    assert reasons == set(LEFT_OUT)
    steps = [step for _, scenario in SCENARIOS for step in scenario["steps"]]
    unneeded = [why for why, holds in PASSED_OVER.items() if not any(map(holds, steps))]
    assert unneeded == []


def test_most_scenarios_are_played() -> None:
    # A gateway's report has tests of its own, test_privacy.py. What else is left out most, the
    # choice of a key's form, is the caller's over HTTP.
    asked = [scenario for stem, scenario in SCENARIOS if stem != "privacy"]
    assert len(PLAYED) >= 0.85 * len(asked)
