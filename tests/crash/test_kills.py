"""Workers are killed at any moment, and nothing is billed twice and no claim is lost.

``KILLS`` says how often each language is killed on each store, ``SEED`` when.
"""

from __future__ import annotations

import os
import random
import threading
import time
from concurrent.futures import Future

import pytest

from loud import Say
from processes import Answer, Worker, WorkerEnded
from sandbox import Sandbox
from stores import verification_ids

KILLS = int(os.environ.get("KILLS", "200"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().getrandbits(32))))

# The examples are there to see the callbacks killed too: a fourth of the kills. Kotlin and Swift go
# through the same binding, and the JVM takes a second to start: a tenth.
FEWER = {"kotlin": 10, "swift": 10}

# So many workers run side by side, each with so many verifications at once.
WORKERS = 4
AT_ONCE = 3
# The longest life of a worker, from when it begins to work.
LIFE = 0.3
# What a killed worker leaves behind is its own for 3 seconds. It is handed on before and after.
HANDED_ON = 4.0


class Work:
    """The verifications to be done. What a killed worker was about goes to another one."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._lock = threading.Lock()
        self._left: list[tuple[float, str]] = []
        self._begun = 0
        self.handed_on = 0
        self.wrong: list[Answer] = []

    def feed(self, worker: Worker) -> None:
        """Gives the worker one verification, and another one when that is done."""
        with self._lock:
            reference = self._next()
        answer = worker.ask("verify", reference=reference)
        answer.add_done_callback(lambda answer: self._done(worker, reference, answer))

    def finish(self, worker: Worker) -> None:
        """Has the worker do what is left."""
        answers = [worker.ask("verify", reference=reference) for _, reference in self._left]
        self.wrong += [it for it in (answer.result(60) for answer in answers) if not passed(it)]

    def _next(self) -> str:
        due = [left for left in self._left if left[0] <= time.monotonic()]
        if due:
            self._left.remove(due[0])
            self.handed_on += 1
            return due[0][1]
        self._begun += 1
        return f"order-{self._begun}"

    def _done(self, worker: Worker, reference: str, answer: Future[Answer]) -> None:
        if isinstance(answer.exception(), WorkerEnded):
            with self._lock:
                later = time.monotonic() + self._chance.uniform(0, HANDED_ON)
                self._left.append((later, reference))
            return
        if not passed(answer.result()):
            self.wrong.append(answer.result())
        self.feed(worker)


def passed(answer: Answer) -> bool:
    return answer.get("status") == "passed"


def test_killed_workers_cost_nothing_twice_and_lose_no_claim(
    sandbox: Sandbox,
    worker: tuple[str, str],
    say: Say,
    request: pytest.FixtureRequest,
) -> None:
    name = request.node.callspec.id
    chance = random.Random(f"{SEED} {name}")
    language, store = worker
    planned = KILLS // FEWER.get(language, 4) if store.startswith("example+") else KILLS
    lives = [chance.uniform(0, LIFE) for _ in range(planned)]
    work = Work(chance)
    kills = 0
    counting = threading.Lock()

    def keep_killing() -> None:
        nonlocal kills
        while True:
            with counting:
                if not lives:
                    return
                life = lives.pop()
            with Worker(language, sandbox, store) as worker:
                for _ in range(AT_ONCE):
                    work.feed(worker)
                worker.ready.wait()
                time.sleep(life)
                worker.kill()
            with counting:
                kills += 1

    began = time.monotonic()
    threads = [threading.Thread(target=keep_killing) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with Worker(language, sandbox, store) as survivor:
        work.finish(survivor)
        assert "error" not in survivor.tell("recover")
        ids = verification_ids(store)
        answers = [survivor.ask("complete", id=id) for id in ids]
        work.wrong += [it for it in (answer.result(60) for answer in answers) if not passed(it)]
    ledger = sandbox.ledger()
    say(
        f"real kills: {name} {kills} kills, {len(ids)} verifications, {ledger['billed']} billed, "
        f"{ledger['redeemed']} redeemed, {ledger['double_spends']} double spends "
        f"({work.handed_on} handed on, {time.monotonic() - began:.0f} s, SEED={SEED})"
    )
    assert work.wrong == []
    assert kills == planned
    assert len(ids) > 0
    assert ledger["billed"] == len(ids)
    assert ledger["redeemed"] == len(ids)
    assert ledger["double_spends"] == 0
    assert ledger["refunded"] == 0
