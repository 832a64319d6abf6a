"""What a client says of its own privacy."""

from __future__ import annotations

import dataclasses

import pytest

import relaypass

CANARY = "canary"


def test_a_report_is_frozen_and_prints_its_text() -> None:
    with relaypass.RelayPass() as client:
        report = client.privacy_report()
    assert str(report) == report.text
    assert {finding.code for finding in report.findings} >= {"one_address", "hour_in_pass"}
    for finding in report.findings:
        assert f"{finding.severity} {finding.code}\n" in report.text
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.text = ""  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.findings[0].why = ""  # type: ignore[misc]
    assert hash(report) == hash(dataclasses.replace(report))


def test_a_report_tells_no_secret_and_no_address() -> None:
    with relaypass.RelayPass(
        api_key=f"persona_production_{CANARY}",
        base_url=f"https://{CANARY}.example",
        anonymous_proxy=f"socks5h://{CANARY}:{CANARY}@{CANARY}.example:1",
        identified_proxy=f"http://{CANARY}:{CANARY}@{CANARY}.example:1",
        store="memory:",
        seal_key=CANARY.encode() * 5 + b"!!",
    ) as client:
        report = client.privacy_report()
    assert "one_address" in {finding.code for finding in report.findings}
    assert CANARY not in repr(report).lower()


async def test_a_report_can_be_awaited_and_a_closed_client_has_none() -> None:
    client = relaypass.AsyncRelayPass()
    awaited = await client.privacy_report(timeout=5)
    with relaypass.RelayPass() as waiting:
        assert awaited == waiting.privacy_report(timeout=5)
    await client.aclose()
    with pytest.raises(relaypass.ClosedError):
        await client.privacy_report()
