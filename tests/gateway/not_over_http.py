"""What of the scenarios does not hold over HTTP, and why.

A scenario is left out only if a rule here says so, a step is passed over only if a rule here says
so, and whatever else reads otherwise over HTTP is rewritten by a rule here. Everything else must
pass as it is written for the five languages.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sandbox import ROOT

FILES = sorted((ROOT / "tests" / "scenarios").glob("*.json"))

Scenario = dict[str, Any]
Step = dict[str, Any]


def _options(scenario: Scenario) -> dict[str, Any]:
    options: dict[str, Any] = scenario.get("client", {}).get("options", {})
    return options


def _does(*names: str) -> Callable[[Scenario], bool]:
    return lambda scenario: any(step["do"] in names for step in scenario["steps"])


def _argument(name: str, wrong: Callable[[Any], bool]) -> Callable[[Scenario], bool]:
    return lambda scenario: any(
        wrong(step["with"][name]) for step in scenario["steps"] if name in step.get("with", {})
    )


def _is_sent_in_another_form(scenario: Scenario) -> bool:
    """Whether the key of a step goes, or may go, in another form than the caller gives it in."""
    creates = [step["with"] for step in scenario["steps"] if step["do"] == "relays.create"]
    given = {
        "jwk" if isinstance(key, dict) or key.endswith((".public_jwk", "}")) else "pem"
        for key in (arguments.get("encryption_key") for arguments in creates)
        if key is not None
    }
    settings = [step["with"] for step in scenario["steps"] if step["do"] == "sandbox.settings"]
    is_tried = any(setting.get("encryption_forms", "both") != "both" for setting in settings)
    is_refused = any(arguments["claim_type"] == "no-such-claim" for arguments in creates)
    said = _options(scenario).get("encryption_form")
    return bool(creates) and (is_tried or is_refused or (said is not None and given != {said}))


# Why a scenario is left out, and which ones.
LEFT_OUT: dict[str, Callable[[Scenario], bool]] = {
    "the pool is a setting of the gateway (--pass-pool), not an endpoint": _does("passes.prefetch"),
    "a gateway is closed by the signal that stops it": _does("close"),
    "the gateway recovers by itself, nobody calls it to": _does("verifications.recover"),
    "a gateway's report is the operator's, and tells of its callers": _does("privacy_report"),
    "a gateway always has a store": lambda scenario: _options(scenario).get("store", "") is None,
    "a gateway does not start without the seal key of its database": lambda scenario: any(
        step.get("client_options", {}).get("seal_key", "") is None for step in scenario["steps"]
    ),
    "the environment of a call is `sandbox`, true or false": lambda scenario: (
        _options(scenario).get("environment") not in (None, "production", "sandbox")
    ),
    "an empty environment variable is as good as none": lambda scenario: (
        scenario.get("client", {}).get("api_key") == ""
    ),
    "redemptions have idempotency keys of the gateway's own": _argument(
        "idempotency_key", lambda key: not key.startswith("$")
    ),
    "the decryption key stays with the caller, whose own library judges it": _argument(
        "decryption_key", lambda key: key == [] or str(key).endswith(".public_key_pem")
    ),
    "the gateway's own decryption keys are files, and a list of no files is as good as none": (
        lambda scenario: _options(scenario).get("decryption_key") == []
    ),
    "the caller of a step chooses the form of its key; the gateway tries no other": (
        _is_sent_in_another_form
    ),
}


def why_left_out(scenario: Scenario) -> str | None:
    """The reason, or ``None`` for a scenario that is played."""
    return next((reason for reason, holds in LEFT_OUT.items() if holds(scenario)), None)


# Why a step is passed over, in scenarios that say enough without it.
PASSED_OVER: dict[str, Callable[[Step], bool]] = {
    "the gateway counts events in its metrics": lambda step: step["do"] == "events",
    "nobody can ask how many passes are held": lambda step: step["do"] == "passes.count",
    "no client of HTTP can send a line break in a header": lambda step: (
        "\n" in step.get("with", {}).get("relay_secret", "")
    ),
}


def over_http(scenario: Scenario, has_keys: bool) -> list[Step]:
    """The steps as they are played over HTTP; ``has_keys``: what buys a pass brings an
    ``Idempotency-Key``."""
    faults: list[dict[str, Any]] = []
    redemptions: list[dict[str, Any]] = []
    prevented = 0
    played: list[Step] = []
    is_told_before = False
    for step in scenario["steps"]:
        if any(holds(step) for holds in PASSED_OVER.values()):
            is_told_before = is_told_before or step["do"] == "events"
            continue
        if is_told_before and step["do"] == "verifications.get":
            # Nobody tells a caller of HTTP that it has happened: he looks until it has.
            step = {**step, "until": True}
        is_told_before = False
        step = {**step, "expect": _told(scenario, step)}
        if step["do"] == "sandbox.faults":
            faults = step["with"]["faults"]
        elif step["do"] == "relays.generate_claim":
            step = _kept(_without_key_of_an_error(step), faults)
            if step["with"] in redemptions and step["expect"].get("error") == "pass_rejected":
                # Redeeming is idempotent over HTTP: a call that repeats an earlier one, word for
                # word, gets the claim, and Persona sees no double spend.
                step["expect"] = {"token_consumed": True, "claim.passed": True}
                # Each one would have been two: the refused pass gets a second look.
                prevented += 2
            redemptions.append(step["with"])
            if "error" not in step["expect"]:
                played += [_not_yet(step)] * _refusals_to_wait_for(faults)
        elif step["do"] == "relays.issue_privacy_pass" and has_keys:
            step = _kept(step, faults)
        elif prevented and "double_spends" in step["expect"]:
            step["expect"]["double_spends"] -= prevented
        played.append(step)
    return played


def _told(scenario: Scenario, step: Step) -> dict[str, Any]:
    """What is expected, as far as the gateway's answers tell it."""
    expect = {
        member: value
        for member, value in step.get("expect", {}).items()
        if member.partition(".")[0] not in _untold(step)
    }
    if expect.get("error") == "invalid_argument" and _lacks_the_key(scenario):
        # A client without an API key is an argument that is missing; a call without one lacks its
        # credentials, and the verification endpoints of a gateway without one are closed.
        is_step = step["do"].startswith("relays.")
        expect["error"] = "authentication" if is_step else "not_found"
    return expect


def _untold(step: Step) -> set[str]:
    """Members of results and errors that the gateway's answers do not have."""
    # The caller knows what he called. Persona's Request-Id and rate limit are told in the headers
    # of errors alone.
    members = {"operation", "idempotency_key", "request_id", "rate_limit"}
    if step["do"].startswith("verifications."):
        # The claim that does not open stays in the record, until a gateway has the key. And
        # Persona's status is about the operator's key: the caller gets the gateway's own, which the
        # runner compares with docs/gateway.md.
        members |= {"claim_payload", "token_consumed", "status"}
    elif step.get("expect", {}).get("status", 400) < 400:
        # An answer of Persona's that is no error and breaks the protocol: it cannot be passed on.
        members |= {"status"}
    return members


def _lacks_the_key(scenario: Scenario) -> bool:
    return scenario.get("client", {}).get("api_key", "") is None


def _without_key_of_an_error(step: Step) -> Step:
    """An answer that got lost is fetched with the idempotency key that the error carried; over HTTP
    by the same call once more, for the gateway has kept the key."""
    given = {name: value for name, value in step["with"].items() if name != "idempotency_key"}
    return {**step, "with": given}


def _kept(step: Step, faults: list[dict[str, Any]]) -> Step:
    """A step that the gateway keeps, which is every redemption and what buys a pass with an
    ``Idempotency-Key``, goes as the steps of a verification do: it may be repeated, so where a
    client that keeps nothing says that the outcome is unknown, this one says what kept the answer
    from coming, and that the call may be repeated. So it is with an answer that cannot be read."""
    expect = step["expect"]
    code = expect.get("error")
    if code == "outcome_unknown":
        is_late = any(fault["fault"] == "delay" for fault in faults)
        expect = {**expect, "error": "timeout" if is_late else "network", "retryable": True}
    elif (code == "protocol" and any(map(_is_unreadable, faults))) or code == "server_error":
        expect = {**expect, "retryable": True}
    return {**step, "expect": expect}


def _is_unreadable(fault: dict[str, Any]) -> bool:
    if fault["step"] not in ("sign", "redeem"):
        return False
    if fault["fault"] == "respond" and 200 <= fault["status"] < 300:
        return not _is_json(fault["body"])
    return bool(fault["fault"] == "oversized_body")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _refusals_to_wait_for(faults: list[dict[str, Any]]) -> int:
    """A client asks again within its call when Persona answers that the person has not finished;
    the gateway tells its caller, who asks again when he likes."""
    refusals = [
        fault for fault in faults if (fault["step"], fault.get("status")) == ("redeem", 403)
    ]
    return sum(fault.get("times", 1) for fault in refusals)


def _not_yet(step: Step) -> Step:
    refused = {"error": "permission_denied", "status": 403, "retryable": True}
    return {"do": step["do"], "with": step["with"], "expect": refused}
