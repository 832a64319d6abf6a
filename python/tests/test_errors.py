"""One class per code, under one base, wherever it comes from and wherever it goes."""

from __future__ import annotations

import asyncio
import copy
import pickle
import traceback
from collections.abc import Callable
from typing import get_type_hints

import pytest
from support import CLAIM_TYPE, Sandbox, hooks

import relaypass
from relaypass import _native
from relaypass.outcomes import awaited, opened, waited


def example_error(outcome: _native.Outcome[None]) -> relaypass.RelayPassError:
    with pytest.raises(relaypass.RelayPassError) as caught:
        opened(outcome)
    return caught.value


EXAMPLES = [example_error(outcome) for outcome in hooks._example_failures()]


def test_every_code_of_the_core_has_its_class_and_every_class_its_code() -> None:
    classes = {
        exported
        for name in relaypass.__all__
        if isinstance(exported := getattr(relaypass, name), type)
        and issubclass(exported, relaypass.RelayPassError)
    } - {relaypass.RelayPassError}
    assert {type(example) for example in EXAMPLES} == classes
    assert len(EXAMPLES) == len(classes) == 21
    assert len({example.code for example in EXAMPLES}) == 21


def test_a_panic_is_an_internal_error_that_does_not_repeat_it() -> None:
    for call in (waited, lambda call: asyncio.run(awaited(call))):
        with pytest.raises(relaypass.InternalError) as caught:
            call(hooks._panic())
        assert caught.value.code == "internal"
        assert "canary" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.code)
def test_an_error_of_each_code(example: relaypass.RelayPassError) -> None:
    # The message ends with the code that the core gave: the class has the same.
    assert str(example).endswith(f"[{example.code}]")
    assert isinstance(example, relaypass.RelayPassError)
    assert "code" in get_type_hints(type(example))
    assert type(example).__doc__
    assert example.operation == "example"
    assert example.retryable is False
    for name in ("status", "title", "details", "meta", "request_id", "rate_limit"):
        assert getattr(example, name) is None
    for name in ("claim_payload", "token_consumed", "idempotency_key"):
        assert getattr(example, name) is None


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.code)
def test_an_error_survives_pickle_and_copy(example: relaypass.RelayPassError) -> None:
    full = type(example)(
        str(example),
        operation="relays.create",
        retryable=True,
        status=429,
        title="Too many",
        details="Slower",
        meta={"a": [1]},
        request_id="req_1",
        rate_limit=relaypass.RateLimit(1, 2, 3),
        claim_payload="payload",
        token_consumed=True,
        idempotency_key="key",
    )
    for again in [pickle.loads(pickle.dumps(full)), copy.copy(full), copy.deepcopy(full)]:
        assert type(again) is type(full)
        assert again.args == full.args
        assert vars(again) == vars(full)
        assert str(again) == str(full)


def test_built_in_classes_catch_what_they_mean() -> None:
    assert issubclass(relaypass.InvalidArgumentError, ValueError)
    assert issubclass(relaypass.RequestTimeoutError, TimeoutError)
    assert issubclass(relaypass.NetworkError, ConnectionError)


def test_an_error_says_what_persona_said(sandbox: Sandbox, client: relaypass.RelayPass) -> None:
    with pytest.raises(relaypass.NotFoundError) as caught:
        client.relays.generate_claim(
            relay_token="unknown",
            relay_secret="wrong",
            privacy_pass_token=client.relays.issue_privacy_pass(
                claim_type=CLAIM_TYPE
            ).privacy_pass_token,
        )
    error = caught.value
    assert error.status == 404
    assert error.operation == "relays.generate_claim"
    assert error.title
    assert error.request_id
    assert error.rate_limit is not None


def test_an_argument_that_is_refused_names_the_call() -> None:
    client = relaypass.RelayPass()
    calls: dict[str, Callable[[], object]] = {
        "relays.create": lambda: client.relays.create(claim_type=CLAIM_TYPE, timeout=0),
        "relays.issue_privacy_pass": lambda: client.relays.issue_privacy_pass(),
        "verifications.get": lambda: client.verifications.get("no id"),
        "passes.count": lambda: client.passes.count(claim_type=""),
        "generate_key_pair": lambda: relaypass.EncryptionKey.generate(1),
        "read_key_pair": lambda: relaypass.EncryptionKey.from_pem(""),
    }
    for name, call in calls.items():
        with pytest.raises(relaypass.InvalidArgumentError) as caught:
            call()
        assert caught.value.operation == name


def test_meta_is_a_dictionary(sandbox: Sandbox, client: relaypass.RelayPass) -> None:
    body = '{"errors": [{"title": "No", "meta": {"limit": 5, "deep": [true, null]}}]}'
    sandbox.fault("create", "respond", status=422, body=body, times=2)
    with pytest.raises(relaypass.RelayPassError) as caught:
        client.relays.create(claim_type=CLAIM_TYPE)
    assert caught.value.meta == {"limit": 5, "deep": [True, None]}


def test_the_cause_says_what_broke() -> None:
    client = relaypass.RelayPass(base_url="http://127.0.0.1:1", retries=0)
    with pytest.raises(relaypass.NetworkError) as caught:
        client.relays.create(claim_type=CLAIM_TYPE)
    assert type(caught.value.__cause__) is Exception
    assert "refused" in "".join(traceback.format_exception(caught.value))
