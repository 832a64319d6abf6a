"""A store breaks at any call: the caller is told so, and goes on when the store is back."""

from __future__ import annotations

import resource
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from loud import Say, missing
from processes import Answer, Worker
from sandbox import Sandbox
from stores import Server, postgres_url, running_services, sqlite_url, verification_ids

# More calls than a whole verification makes, whatever goes wrong with one.
CALLS = 24

# What goes wrong, and whether before or after the store did what it was asked.
BROKEN = [
    "throws before",
    "throws after",
    "hangs before",
    "hangs after",
    "answers-nonsense before",
    "answers-nonsense after",
    "lies after",
]


@pytest.mark.parametrize("how", BROKEN)
def test_a_call_that_fails_anywhere_costs_nothing(
    sandbox: Sandbox, language: str, how: str, say: Say
) -> None:
    answers = verify_with_every_call_broken(sandbox, language, how)
    ledger = sandbox.ledger()
    say(f"broken store: {language} {summary(how, answers)}, {ledger['billed']} billed")
    failures = [failure for answer in answers for failure in answer["failures"]]
    assert {failure["code"] for failure in failures} <= {"store"}
    assert all(failure["is_own"] is how.startswith("throws") for failure in failures)
    assert {answer["status"] for answer in answers} == {"passed"}
    assert max(len(answer["failures"]) for answer in answers) == (how != "lies after")
    assert ledger["billed"] == CALLS
    assert ledger["redeemed"] == CALLS
    assert ledger["double_spends"] == 0


def test_a_swap_that_did_not_happen_is_billed_twice_at_most_and_told(
    sandbox: Sandbox, language: str, say: Say
) -> None:
    """A store that says done, and is not, breaks the promise that all others stand on. What it
    loses is a relay, or the question under which a pass was spent."""
    answers = verify_with_every_call_broken(sandbox, language, "lies before")
    ledger = sandbox.ledger()
    lost = [answer for answer in answers if answer["status"] != "passed"]
    say(
        f"broken store: {language} {summary('lies before', answers)}, {ledger['billed']} billed, "
        f"{len(lost)} lost"
    )
    lied = sum(answer["fired"] is not None for answer in answers)
    assert CALLS <= ledger["billed"] <= CALLS + lied
    assert ledger["redeemed"] == CALLS
    assert {answer["failures"][-1]["code"] for answer in lost} <= {"pass_rejected"}
    codes = {failure["code"] for answer in answers for failure in answer["failures"]}
    assert codes <= {"not_found", "pass_rejected"}
    assert all(answer["status"] == "passed" for answer in answers if answer["fired"] is None)


def verify_with_every_call_broken(sandbox: Sandbox, language: str, how: str) -> list[Answer]:
    """A verification for each call that it makes, which goes wrong. The last are undisturbed."""
    with Worker(language, sandbox, "memory:") as worker:
        asked = [worker.ask("broken", how=how, nth=nth) for nth in range(1, CALLS + 1)]
        answers = [answer.result(60) for answer in asked]
    fired = [answer["fired"] for answer in answers]
    assert fired[0] is not None
    assert fired[-1] is None, "a verification makes more calls than are broken"
    assert {answer["verifications"] for answer in answers} == {1}
    return answers


def summary(how: str, answers: list[Answer]) -> str:
    fired = Counter(answer["fired"] for answer in answers if answer["fired"])
    told = sum(len(answer["failures"]) for answer in answers)
    return f"{how}: {fired.total()} calls of {len(answers)} verifications broken, {told} told"


@pytest.mark.parametrize("full_at", ["start", "complete"])
def test_a_disk_that_is_full_loses_nothing(
    sandbox: Sandbox, language: str, full_at: str, tmp_path: Path
) -> None:
    store = sqlite_url(tmp_path)
    with Worker(language, sandbox, store) as worker:
        # The file is there, and its log is written from its beginning.
        assert worker.tell("verify", reference="before")["status"] == "passed"
        command: dict[str, Any] = {"reference": "order"}
        if full_at == "complete":
            started = worker.tell("start", **command)
            worker.tell("visit", hosted_url=started["hosted_url"])
            command = {"id": started["id"]}
        unlimited = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (16, unlimited[1]))
        refused = worker.tell(full_at, **command)
        assert refused["error"] == "store", refused
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, unlimited)
        if full_at == "start":
            assert worker.tell("verify", **command)["status"] == "passed"
        else:
            assert worker.tell("complete", **command)["status"] == "passed"
    assert len(verification_ids(store)) == 2
    assert billed_once_each(sandbox, 2)


def test_a_postgresql_that_goes_away_and_comes_back(
    sandbox: Sandbox, language: str, say: Say
) -> None:
    with running_services() as services:
        if services["postgres"] is None:
            missing("PostgreSQL is not installed", say)
        server = Server(services["postgres"])
        store = postgres_url(server.url)
        with Worker(language, sandbox, store) as worker:
            started = worker.tell("start", reference="order")
            worker.tell("visit", hosted_url=started["hosted_url"])
            server.stop()
            for do, command in {
                "complete": {"id": started["id"]},
                "start": {"reference": "another"},
                "recover": {},
            }.items():
                assert worker.tell(do, **command)["error"] == "store"
            server.start()
            try:
                assert worker.tell("complete", id=started["id"]) == {"status": "passed"}
                assert worker.tell("verify", reference="another")["status"] == "passed"
            finally:
                worker.tell("told")
        server.stop()
    assert billed_once_each(sandbox, 2)


def test_connections_that_drop_all_the_time(
    sandbox: Sandbox, language: str, postgres: str, say: Say
) -> None:
    over = threading.Event()
    dropped = 0

    def drop() -> None:
        nonlocal dropped
        while not over.wait(0.05):
            dropped += Server(postgres).drop_connections()

    dropping = threading.Thread(target=drop)
    failures: Counter[str] = Counter()
    with Worker(language, sandbox, postgres) as worker:
        dropping.start()
        try:
            left = [f"order-{number}" for number in range(40)]
            while left:
                asked = {it: worker.ask("verify", reference=it) for it in left}
                answers = {it: answer.result(60) for it, answer in asked.items()}
                left = [it for it, answer in answers.items() if "error" in answer]
                failures.update(answers[it]["error"] for it in left)
        finally:
            over.set()
            dropping.join()
        ids = verification_ids(postgres)
        answers = {id: worker.tell("complete", id=id) for id in ids}
    say(
        f"dropped connections: {language} {dropped} dropped, {failures.total()} calls failed, "
        f"{len(ids)} verifications, {sandbox.ledger()['billed']} billed"
    )
    assert dropped > 0
    assert set(failures) <= {"store"}
    assert all(answer == {"status": "passed"} for answer in answers.values())
    assert billed_once_each(sandbox, len(ids))


def billed_once_each(sandbox: Sandbox, verifications: int) -> bool:
    ledger = sandbox.ledger()
    assert (ledger["billed"], ledger["redeemed"]) == (verifications, verifications), ledger
    return ledger["double_spends"] == 0
