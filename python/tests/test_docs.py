"""What the documentation shows works as printed."""

from __future__ import annotations

import doctest
import inspect
import re
from typing import Any

import pytest
from support import CLAIM_TYPE, PACKAGE, Sandbox

import relaypass


def documented_objects() -> list[Any]:
    exported = [getattr(relaypass, name) for name in relaypass.__all__ if name != "__version__"]
    members = [
        member
        for thing in exported
        if isinstance(thing, type)
        for name, member in vars(thing).items()
        if not name.startswith("_") and not inspect.ismemberdescriptor(member)
    ]
    return [*exported, *members]


def test_examples_in_docstrings(sandbox: Sandbox) -> None:
    client = relaypass.RelayPass(**sandbox.options)
    names: dict[str, Any] = {
        **vars(relaypass),
        "client": client,
        "api_key": sandbox.api_key,
        "base_url": sandbox.url,
        "relay": client.relays.create(claim_type=CLAIM_TYPE),
        "ticket": client.relays.issue_privacy_pass(claim_type=CLAIM_TYPE),
    }
    parser = doctest.DocTestParser()
    runner = doctest.DocTestRunner()
    with_examples = 0
    for documented in documented_objects():
        text = inspect.getdoc(documented) or ""
        test = parser.get_doctest(text, names, str(documented), None, 0)
        with_examples += bool(test.examples)
        assert runner.run(test).failed == 0
    # Both clients, the three steps, keys, and opening a claim.
    assert with_examples == 7


def test_everything_public_is_documented() -> None:
    for documented in [relaypass, *documented_objects()]:
        assert inspect.getdoc(documented), documented


def test_the_readme_example_prints_true(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [code] = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    monkeypatch.setenv("RELAYPASS_API_KEY", sandbox.api_key)
    monkeypatch.setenv("RELAYPASS_BASE_URL", sandbox.url)
    exec(code, {})
    assert capsys.readouterr().out == "True\n"
