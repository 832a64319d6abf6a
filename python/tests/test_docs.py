"""What the documentation shows works as printed."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path
from typing import Any, Literal, get_origin

import pytest
from support import CLAIM_TYPE, PACKAGE, Sandbox

import relaypass
import relaypass.testing


def literals() -> list[str]:
    """Types of a few texts. Python keeps no text of theirs; type checkers read it after them."""
    return [name for name in relaypass.__all__ if get_origin(getattr(relaypass, name)) is Literal]


def documented_objects() -> list[Any]:
    exported = [
        getattr(module, name)
        for module in (relaypass, relaypass.testing)
        for name in module.__all__
        if name != "__version__" and name not in literals()
    ]
    members = [
        member
        for thing in exported
        if isinstance(thing, type)
        for name, member in vars(thing).items()
        if not name.startswith("_") and not inspect.ismemberdescriptor(member)
    ]
    return [*exported, *members]


def test_examples_in_docstrings(sandbox: Sandbox) -> None:
    client = relaypass.RelayPass(**sandbox.options, store="memory:")
    names: dict[str, Any] = {
        **vars(relaypass),
        "client": client,
        "api_key": sandbox.api_key,
        "base_url": sandbox.url,
        "relay": client.relays.create(claim_type=CLAIM_TYPE),
        "verification": client.verifications.start(claim_type=CLAIM_TYPE),
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
    # Both clients, the report, the three steps, keys, opening a claim; seven of verifications, and
    # two of passes.
    assert with_examples == 17


def test_everything_public_is_documented() -> None:
    for documented in [relaypass, relaypass.testing, *documented_objects()]:
        assert inspect.getdoc(documented), documented
    sources = "".join(path.read_text() for path in (PACKAGE / "relaypass").glob("*.py"))
    assert len(literals()) == 10
    for name in literals():
        assert re.search(rf"^{name}: TypeAlias = Literal\[[^\]]*\]\n\"\"\"", sources, re.MULTILINE)


def test_the_readme_examples_work(
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    examples = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    monkeypatch.setenv("RELAYPASS_API_KEY", sandbox.api_key)
    monkeypatch.setenv("RELAYPASS_BASE_URL", sandbox.url)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for example in examples:
        exec(example, names)
    assert capsys.readouterr().out == "True\npassed\n"
