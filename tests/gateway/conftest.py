from __future__ import annotations

from collections import Counter

import pytest

from not_over_http import FILES, why_left_out
from play import load

pytest_plugins = ["sandboxed"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """For the table at the end of `make test`: a scenario counts if it passed in both ways. What is
    left out is said, with its reason."""
    passed: dict[str, dict[str, bool]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            _, named, parameters = report.nodeid.partition("test_scenarios.py::test_scenario[")
            if named and report.when == "call":
                file, _, name = parameters.removesuffix("]").partition(": ")
                scenarios = passed.setdefault(file, {})
                name = name.removesuffix("-plain").removesuffix("-keyed")
                scenarios[name] = scenarios.get(name, True) and outcome == "passed"
    reasons: Counter[str] = Counter()
    for file in FILES if passed else []:
        scenarios = passed.get(file.stem, {})
        why = [why_left_out(scenario) for scenario in load(file)]
        left_out = [reason for reason in why if reason]
        # Of some files, nothing can be played.
        if scenarios or len(left_out) == len(why):
            reasons.update(left_out)
            count = f"{sum(scenarios.values())}/{len(scenarios)} ({len(left_out)} not over HTTP)"
            terminalreporter.write_line(f"scenarios: gateway {file.stem} {count}")
    for reason, times in reasons.most_common():
        terminalreporter.write_line(f"not over HTTP, {times}: {reason}")
