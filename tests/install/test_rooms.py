"""What `make dist-check` runs in the rooms of other systems, run in that of this machine."""

from __future__ import annotations

from dataclasses import replace

import pytest
import running
from platforms import Target
from rooms import this_machine


def test_each_artifact_runs_and_says_how(host: Target, sandbox: dict[str, str]) -> None:
    acts = dict(running.run_artifacts(host, this_machine(), sandbox))
    assert {artifact: act() for artifact, act in acts.items()} == {
        "command": "ran",
        "wheel": "ran",
        "npm": "ran",
        "library of the jar": "loaded",
    }


def test_what_does_not_run_is_told(host: Target, sandbox: dict[str, str]) -> None:
    """Nothing is called `ran` because a program ended well."""
    acts = dict(running.run_artifacts(host, replace(this_machine(), prefix=["true"]), sandbox))
    for artifact in ("command", "wheel", "npm"):
        with pytest.raises(running.Failed):
            acts[artifact]()
    acts = dict(running.run_artifacts(host, replace(this_machine(), prefix=["false"]), sandbox))
    with pytest.raises(running.Failed, match="exit code 1"):
        acts["library of the jar"]()
    acts = dict(running.run_artifacts(host, this_machine(), {**sandbox, "RELAYPASS_API_KEY": ""}))
    for artifact in ("wheel", "npm"):
        with pytest.raises(running.Failed):
            acts[artifact]()
