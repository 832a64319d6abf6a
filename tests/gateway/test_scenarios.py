"""Runs ``tests/scenarios/*.json``, which say what every language must do, over HTTP."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import scan_output
from gateways import DoesNotStart
from not_over_http import LEFT_OUT, PASSED_OVER, over_http, why_left_out
from play import Play, Refused, load, look_up, matches
from sandbox import ROOT, Sandbox

FILES = sorted((ROOT / "tests" / "scenarios").glob("*.json"))
SCENARIOS = [(file.stem, scenario) for file in FILES for scenario in load(file)]
PLAYED = [
    pytest.param(scenario, id=f"{stem}: {scenario['name']}")
    for stem, scenario in SCENARIOS
    if why_left_out(scenario) is None
]


@pytest.mark.parametrize("is_kept", [False, True], ids=["plain", "kept"])
@pytest.mark.parametrize("scenario", PLAYED)
def test_scenario(
    scenario: dict[str, Any], is_kept: bool, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Plain, or with an ``Idempotency-Key`` on what buys a pass, which must change nothing."""
    with ExitStack() as stack:
        play = Play(scenario, is_kept, sandbox, tmp_path, stack)
        expected = scenario.get("client", {}).get("expect", {})
        try:
            play.caller()
        except DoesNotStart:
            assert expected == {"error": "invalid_argument"}, play.log.read_text()
            return
        assert expected == {}, "the gateway started"
        for index, step in enumerate(over_http(scenario)):
            compare(play, step, f"step {index}, {step['do']}")
    assert list(scan_output.findings(play.log.read_text())) == []


def compare(play: Play, step: dict[str, Any], where: str) -> None:
    expected = step["expect"]
    try:
        actual = play.make(step)
    except Refused as refused:
        assert "error" in expected, (where, str(refused))
        actual = refused.members
    else:
        assert "error" not in expected, (where, "succeeded")
    if "save" in step:
        play.saved[step["save"]] = actual
    for path, wanted in expected.items():
        value = look_up(actual, path)
        assert matches(value, wanted), (where, path, value, wanted)


def test_every_reason_to_leave_something_out_is_needed() -> None:
    reasons = {why_left_out(scenario) for _, scenario in SCENARIOS} - {None}
    assert reasons == set(LEFT_OUT)
    steps = [step for _, scenario in SCENARIOS for step in scenario["steps"]]
    unneeded = [why for why, holds in PASSED_OVER.items() if not any(map(holds, steps))]
    assert unneeded == []


def test_most_scenarios_are_played() -> None:
    assert len(PLAYED) >= 0.9 * len(SCENARIOS)
