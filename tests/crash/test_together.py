"""Eight processes of two languages complete the same verifications at once."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack

from loud import Say, missing
from processes import Worker
from programs import missing_part
from sandbox import Sandbox

VERIFICATIONS = int(os.environ.get("VERIFICATIONS", "500"))
LANGUAGES = ("python", "node")
WORKERS_OF_EACH_LANGUAGE = 4


def test_eight_workers_on_one_postgresql_redeem_every_verification_once(
    sandbox: Sandbox, postgres: str, say: Say
) -> None:
    for language in LANGUAGES:
        if lacking := missing_part(language):
            missing(lacking, say)
    # Whoever starts them is killed: some have a pass then, some are about to buy one.
    with Worker("python", sandbox, postgres) as starter:
        asked = [starter.ask("start", reference=f"order-{n}") for n in range(VERIFICATIONS)]
        started = [answer.result(60) for answer in asked]
        visits = [starter.ask("visit", hosted_url=it["hosted_url"]) for it in started]
        assert all(visit.result(60) == {} for visit in visits)
        starter.kill()

    began = time.monotonic()
    with ExitStack() as stack:
        workers = [
            stack.enter_context(Worker(language, sandbox, postgres))
            for language in LANGUAGES
            for _ in range(WORKERS_OF_EACH_LANGUAGE)
        ]
        for worker in workers:
            worker.ask("told")
        for worker in workers:
            worker.ready.wait()
        asked = [worker.ask("complete", id=it["id"]) for it in started for worker in workers]
        answers = [answer.result(120) for answer in asked]
    ledger = sandbox.ledger()
    say(
        f"eight workers, one PostgreSQL: {VERIFICATIONS} verifications, "
        f"{len(answers)} completed, {ledger['billed']} billed, {ledger['redeemed']} redeemed, "
        f"{ledger['double_spends']} double spends ({time.monotonic() - began:.0f} s)"
    )
    assert [it for it in answers if it != {"status": "passed"}] == []
    assert ledger == {
        "billed": VERIFICATIONS,
        "redeemed": VERIFICATIONS,
        "refunded": 0,
        "double_spends": 0,
        "relays": VERIFICATIONS,
    }
