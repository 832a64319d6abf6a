"""What of the scenarios does not hold over HTTP, and why.

A scenario is left out only if a rule here says so, a step is passed over only if a rule here says
so, and whatever else reads otherwise over HTTP is rewritten by a rule here. Everything else must
pass as it is written for the five languages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Scenario = dict[str, Any]
Step = dict[str, Any]


def _options(scenario: Scenario) -> dict[str, Any]:
    options: dict[str, Any] = scenario.get("client", {}).get("options", {})
    return options


def _does(*names: str) -> Callable[[Scenario], bool]:
    return lambda scenario: any(step["do"] in names for step in scenario["steps"])


def _argument(name: str, wrong: Callable[[str], bool]) -> Callable[[Scenario], bool]:
    return lambda scenario: any(
        wrong(step["with"][name]) for step in scenario["steps"] if name in step.get("with", {})
    )


# Why a scenario is left out, and which ones.
LEFT_OUT: dict[str, Callable[[Scenario], bool]] = {
    "the pool is a setting of the gateway (--pass-pool), not an endpoint": _does("passes.prefetch"),
    "the gateway recovers by itself, nobody calls it to": _does("verifications.recover"),
    "a gateway always has a store": lambda scenario: _options(scenario).get("store", "") is None,
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
        "decryption_key", lambda key: key.endswith(".public_key_pem")
    ),
}


def why_left_out(scenario: Scenario) -> str | None:
    """The reason, or ``None`` for a scenario that is played."""
    return next((reason for reason, holds in LEFT_OUT.items() if holds(scenario)), None)


# Why a step is passed over, in scenarios that say enough without it.
PASSED_OVER: dict[str, Callable[[Step], bool]] = {
    "nobody can ask how many passes are held": lambda step: step["do"] == "passes.count",
    "no client of HTTP can send a line break in a header": lambda step: (
        "\n" in step.get("with", {}).get("relay_secret", "")
    ),
}


def over_http(scenario: Scenario) -> list[Step]:
    """The steps as they are played over HTTP."""
    steps = [step for step in scenario["steps"] if not _is_passed_over(step)]
    steps = [_without_key_of_an_error(step) for step in steps]
    expected = [_expected(scenario, step) for step in steps]
    steps = [{**step, "expect": expect} for step, expect in zip(steps, expected, strict=True)]
    return _with_idempotent_redemption(steps)


def _is_passed_over(step: Step) -> bool:
    return any(holds(step) for holds in PASSED_OVER.values())


def _without_key_of_an_error(step: Step) -> Step:
    """An answer that got lost is fetched with the idempotency key that the error carried; over HTTP
    by the same call once more, for the gateway has kept the key."""
    given = {name: value for name, value in step.get("with", {}).items() if _is_told(name)}
    return {**step, "with": given} if "with" in step else step


def _is_told(name: str) -> bool:
    return name != "idempotency_key"


def _expected(scenario: Scenario, step: Step) -> dict[str, Any]:
    expect = {
        member: value
        for member, value in step.get("expect", {}).items()
        if member.partition(".")[0] not in _not_in_answers(step)
    }
    if expect.get("error") == "invalid_argument" and _lacks_the_key(scenario):
        # A client without an API key is an argument that is missing; a call without one lacks its
        # credentials, and the verification endpoints of a gateway without one are closed.
        is_step = step["do"].startswith("relays.")
        expect["error"] = "authentication" if is_step else "not_found"
    return expect


def _not_in_answers(step: Step) -> set[str]:
    """Members of results and errors that the gateway's answers do not have."""
    # The caller knows what he called. Persona's Request-Id and rate limit are told in the headers of
    # errors alone.
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


def _with_idempotent_redemption(steps: list[Step]) -> list[Step]:
    """Redeeming is idempotent over HTTP: a call that repeats an earlier one, word for word, is not
    rejected for its spent pass but answered with the claim, and Persona sees no double spend."""
    redeemed: list[dict[str, Any]] = []
    prevented = 0
    played = []
    for step in steps:
        expect = step["expect"]
        if step["do"] == "relays.generate_claim":
            if step["with"] in redeemed and expect.get("error") == "pass_rejected":
                expect = {"token_consumed": True, "claim.passed": True}
                prevented += 1
            redeemed.append(step["with"])
        if prevented and "double_spends" in expect:
            expect = {**expect, "double_spends": expect["double_spends"] - prevented}
        played.append({**step, "expect": expect})
    return played
