"""What the package offers, compared with what the core describes (`relaypass surface`)."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import subprocess
from collections.abc import Callable
from typing import Any, get_args

import pytest
from support import CLI

import relaypass
from relaypass import results

SURFACE: dict[str, Any] = json.loads(
    subprocess.run([CLI, "surface"], check=True, capture_output=True, text=True).stdout
)

# A key or a list of keys: in Python one argument takes both.
RENAMED = {"seal_keys": "seal_key"}

TYPES = {
    "text": "str",
    "whole": "int",
    "seconds": "float",
    "flag": "bool",
    "bytes": "bytes",
    "store": "Store",
    "listener": "Callable",
    "claim": "Claim",
    "method": "Method",
    "rate_limit": "RateLimit",
    "privacy_finding": "PrivacyFinding",
}

# What Python has a type of its own for.
OWN_TYPES = {
    "environment": "Environment",
    "pass_binding": "PassBinding",
    "privacy": "Privacy",
    "isolation": "Isolation",
    "encryption_key": "Key",
    "decryption_key": "Keys",
    "encryption_form": "EncryptionForm",
    "theme": "Theme",
    "status": "Status",
    "kind": "EventKind",
    "code": "PrivacyCode",
    "severity": "PrivacySeverity",
    "expires_at": "datetime",
    "meta": "dict",
}

ROOMS = {
    "relays": (relaypass.Relays, relaypass.AsyncRelays),
    "verifications": (relaypass.Verifications, relaypass.AsyncVerifications),
    "passes": (relaypass.Passes, relaypass.AsyncPasses),
}

CALLS = [call for call in SURFACE["calls"] if call["name"] != "close"]

# Those that are of no room, but of the client itself.
OWN_CALLS = [call["name"] for call in CALLS if "." not in call["name"]]


def check_parameters(function: Callable[..., Any], members: list[dict[str, Any]]) -> None:
    parameters = dict(inspect.signature(function).parameters)
    parameters.pop("self", None)
    described = [RENAMED.get(member["name"], member["name"]) for member in members]
    assert sorted(parameters) == sorted(described)
    # The others are given by name.
    by_place = [name for name, one in parameters.items() if one.kind is not one.KEYWORD_ONLY]
    assert by_place == described[: len(by_place)]
    for name, member in zip(described, members, strict=True):
        parameter = parameters[name]
        is_required = parameter.default is inspect.Parameter.empty
        assert is_required == (not member["optional"] and not member["list"]), parameter
        if not is_required:
            # The core knows the others, and is asked.
            assert parameter.default in (None, member.get("default")), parameter
        check_type(member, parameter.annotation, is_optional=parameter.default is None)


def check_type(member: dict[str, Any], annotation: str, *, is_optional: bool) -> None:
    assert ("None" in annotation) == is_optional, f"{member['name']}: {annotation}"
    expected = OWN_TYPES.get(member["name"], TYPES[member["type"]])
    if member["name"] == "status" and member["type"] == "whole":
        expected = "int"  # of HTTP
    found = re.search(rf"\b{expected}\b", annotation)
    assert found, f"{member['name']}: {annotation}"


@pytest.mark.parametrize("client", [relaypass.RelayPass, relaypass.AsyncRelayPass])
def test_a_client_has_every_option_and_no_other(client: type) -> None:
    check_parameters(client, SURFACE["options"])


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call["name"])
def test_every_call_takes_what_is_described(call: dict[str, Any]) -> None:
    room, _, name = call["name"].rpartition(".")
    for kind in ROOMS.get(room, (relaypass.RelayPass, relaypass.AsyncRelayPass)):
        check_parameters(getattr(kind, name), [*call["arguments"], SURFACE["timeout"]])


def test_there_is_no_other_call() -> None:
    described = {call["name"] for call in CALLS}
    for index in (0, 1):
        calls = {
            f"{room}.{name}"
            for room, kinds in ROOMS.items()
            for name in vars(kinds[index])
            if not name.startswith("_")
        }
        assert calls == described - set(OWN_CALLS)
    for client in (relaypass.RelayPass, relaypass.AsyncRelayPass):
        functions = {name for name, it in vars(client).items() if inspect.isfunction(it)}
        own = {name for name in functions if not name.startswith("_")}
        assert own == {*OWN_CALLS, "close" if client is relaypass.RelayPass else "aclose"}
    check_parameters(relaypass.RelayPass.close, [SURFACE["timeout"]])
    check_parameters(relaypass.AsyncRelayPass.aclose, [SURFACE["timeout"]])


def test_the_functions_take_what_is_described() -> None:
    functions: dict[str, Callable[..., Any]] = {
        "open_claim": relaypass.open_claim,
        "generate_key_pair": relaypass.EncryptionKey.generate,
        "read_key_pair": relaypass.EncryptionKey.from_pem,
        "read_jwk": relaypass.EncryptionKey.from_jwk,
    }
    assert functions.keys() == {function["name"] for function in SURFACE["functions"]}
    for function in SURFACE["functions"]:
        check_parameters(functions[function["name"]], function["arguments"])


@pytest.mark.parametrize("name", [name for name in SURFACE["results"] if name != "key_pair"])
def test_every_result_has_what_is_described(name: str) -> None:
    result = getattr(relaypass, "".join(word.capitalize() for word in name.split("_")))
    check_members(result, SURFACE["results"][name])


def test_a_key_pair_has_both_halves() -> None:
    for member in SURFACE["results"]["key_pair"]:
        assert hasattr(relaypass.EncryptionKey, member["name"]) or member["name"] in str(
            inspect.signature(relaypass.EncryptionKey)
        )


def check_members(result: type, members: list[dict[str, Any]]) -> None:
    fields = {field.name: field for field in dataclasses.fields(result)}
    assert list(fields) == [member["name"] for member in members]
    for member in members:
        annotation = str(fields[member["name"]].type)
        check_type(member, annotation, is_optional=member["optional"])
        assert fields[member["name"]].repr == (not is_secret(member["name"])), member["name"]


def is_secret(name: str) -> bool:
    return name in {
        "claim_payload",
        "hosted_url",
        "privacy_pass_token",
        "relay_secret",
        "relay_session_access_token",
        "session_access_token",
    }


def test_every_code_has_a_class_and_every_error_its_members() -> None:
    classes = relaypass.RelayPassError.__subclasses__()
    assert sorted(kind.code for kind in classes) == sorted(SURFACE["errors"]["codes"])
    assert all(getattr(relaypass, kind.__name__) is kind for kind in classes)
    members = [member for member in SURFACE["errors"]["members"] if member["name"] != "code"]
    parameters = inspect.signature(relaypass.RelayPassError).parameters
    assert sorted(parameters) == sorted(member["name"] for member in members)
    annotations = inspect.get_annotations(relaypass.RelayPassError)
    for member in members:
        if member["name"] != "message":
            check_type(member, annotations[member["name"]], is_optional=member["optional"])


def test_events_are_what_is_described() -> None:
    check_members(relaypass.Event, SURFACE["events"]["members"])
    assert list(get_args(relaypass.EventKind)) == SURFACE["events"]["kinds"]


def test_a_privacy_report_has_what_is_described() -> None:
    assert list(get_args(relaypass.PrivacyCode)) == SURFACE["privacy"]["codes"]
    assert list(get_args(relaypass.PrivacySeverity)) == SURFACE["privacy"]["severities"]


def test_texts_of_a_few_are_types() -> None:
    assert sorted(get_args(results.Status)) == sorted(SURFACE["statuses"])
    choices = {option["name"]: option.get("choices") for option in SURFACE["options"]}
    assert list(get_args(relaypass.Environment)) == choices["environment"]
    assert list(get_args(relaypass.PassBinding)) == choices["pass_binding"]
    assert list(get_args(relaypass.Privacy)) == choices["privacy"]
    assert list(get_args(relaypass.Isolation)) == choices["isolation"]
    assert list(get_args(relaypass.EncryptionForm)) == choices["encryption_form"]
    for call in CALLS:
        for argument in call["arguments"]:
            if argument["name"] == "theme":
                assert list(get_args(relaypass.Theme)) == argument["choices"]


def test_the_text_of_an_option_tells_its_default_and_its_range() -> None:
    texts = documented_arguments(relaypass.RelayPass.__init__)
    assert texts.keys() == {RENAMED.get(name, name) for name in names(SURFACE["options"])}
    for option in SURFACE["options"]:
        text = texts[RENAMED.get(option["name"], option["name"])]
        for word in [option.get("default"), option.get("most"), *option.get("choices", [])]:
            if word is not None and not isinstance(word, bool):
                whole = rf"(?<![\w,.]){re.escape(str(word))}(?!\w|,\d)"
                assert re.search(whole, text), (text, word)


def names(members: list[dict[str, Any]]) -> list[str]:
    return [member["name"] for member in members]


def documented_arguments(function: Callable[..., Any]) -> dict[str, str]:
    text = inspect.cleandoc(function.__doc__ or "").split("Args:\n")[1].split("\n\nRaises:")[0]
    entries = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", text, re.MULTILINE)
    return {name: " ".join(entry.split()) for name, entry in entries}
