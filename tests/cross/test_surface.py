"""The tables of docs/ and the command's help, compared with what the core describes."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest
import relaypass

from sandbox import CLI, ROOT


def run(*arguments: str) -> str:
    command = [str(CLI), *arguments]
    output: str = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return output


SURFACE: dict[str, Any] = json.loads(run("surface"))
OPTIONS: dict[str, dict[str, Any]] = {option["name"]: option for option in SURFACE["options"]}

# Options that the gateway has under another name, or does not have.
IN_GATEWAY = {
    "ca_pem": "--ca",
    "timeout": "--timeout-seconds",
    "purchase_window": "--purchase-window-seconds",
    "decryption_key": "--decryption-key-file",
    "seal_keys": "RELAYPASS_SEAL_KEY",
    "api_key": "RELAYPASS_API_KEY",
    "anonymous_proxy": "RELAYPASS_ANONYMOUS_PROXY",
    "identified_proxy": "RELAYPASS_IDENTIFIED_PROXY",
}
# The key's prefix tells; the gateway always works in the background, and logs events.
NOT_IN_GATEWAY = {"environment", "background", "on_event", "store_timeout", "idle_timeout"}


def rows(page: str, head: str) -> list[list[str]]:
    """The rows of the table that begins with this, without their backquotes."""
    text = (ROOT / "docs" / page).read_text().split(head + "\n|---", 1)[1]
    lines = text.split("\n\n", 1)[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in lines]


def flags_of_help(command: str) -> dict[str, str]:
    """Each flag with what is told of it."""
    text = run(command, "--help").split("Options:\n", 1)[1]
    parts = re.split(r"^ +(?:-\w, )?(--[\w-]+)", text, flags=re.MULTILINE)[1:]
    flags = dict(zip(parts[::2], parts[1::2], strict=True))
    return {flag: told for flag, told in flags.items() if flag not in ("--help", "--version")}


SETTINGS = {row[0].strip("`"): row for row in rows("gateway.md", "| flag | variable | default | |")}
VARIABLES = {row[0].strip("`"): row for row in rows("gateway.md", "| variable | |")}


def test_the_table_of_settings_has_every_flag_of_the_help_and_no_other() -> None:
    told = flags_of_help("gateway")
    # Behind a feature of the build, and told of in a section of its own.
    assert SETTINGS.keys() == told.keys() - {"--otel"}
    for flag, (_, variables, default, _) in SETTINGS.items():
        of_help = re.search(r"\[default: (.*)\]", told[flag])
        assert default.strip("`") == (of_help[1] if of_help else ""), flag
        variable = re.search(r"\[env: (\w+)", told[flag])
        assert (variable[1] if variable else "") in variables, flag


def test_the_gateway_has_every_option_and_says_the_same_of_it() -> None:
    told = flags_of_help("gateway")
    assert NOT_IN_GATEWAY <= OPTIONS.keys() >= IN_GATEWAY.keys()
    for name, option in OPTIONS.items():
        if name in NOT_IN_GATEWAY:
            continue
        setting = IN_GATEWAY.get(name, "--" + name.replace("_", "-"))
        if setting.startswith("RELAYPASS_"):
            assert setting in VARIABLES, name
            continue
        row, of_help = SETTINGS[setting], told[setting]
        if "default" in option:
            assert row[2].strip("`") == str(option["default"]), name
        for word in option.get("choices", []):
            assert word in of_help, name
            assert f"`{word}`" in " ".join(row), name
        if "least" in option:
            span = f"{option['least']} to {option['most']}"
            assert span in row[3], name
            assert span in of_help, name


def test_the_table_of_errors_has_every_code_and_its_class() -> None:
    found = rows("errors.md", "| code | Python and Node class | whose fault | what to do |")
    assert [row[0].strip("`") for row in found] == SURFACE["errors"]["codes"]
    for code, name, *_ in found:
        assert getattr(relaypass, name.strip("`")).code == code.strip("`")


def test_the_table_of_events_has_every_kind() -> None:
    found = rows("errors.md", "| event | when |")
    assert [row[0].strip("`") for row in found] == SURFACE["events"]["kinds"]


def test_the_table_of_privacy_codes_has_every_code_and_its_severities() -> None:
    found = rows("privacy.md", "| code | severity | what can be linked |")
    assert [row[0].strip("`") for row in found] == SURFACE["privacy"]["codes"]
    severities = {severity for row in found for severity in row[1].split(" or ")}
    assert severities == set(SURFACE["privacy"]["severities"])


@pytest.mark.parametrize("member", SURFACE["results"]["privacy_finding"], ids=lambda it: it["name"])
def test_the_page_of_privacy_names_what_a_finding_has(member: dict[str, Any]) -> None:
    text = (ROOT / "docs/privacy.md").read_text()
    assert f"`{member['name']}`" in text


@pytest.mark.parametrize("member", SURFACE["errors"]["members"], ids=lambda member: member["name"])
def test_the_page_of_errors_names_what_an_error_has(member: dict[str, Any]) -> None:
    if member["name"] != "message":
        text = (ROOT / "docs/errors.md").read_text()
        assert re.search(rf"`{member['name']}\b", text)
