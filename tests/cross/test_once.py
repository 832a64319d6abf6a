"""An answer that gets lost costs nothing twice, and no claim."""

from __future__ import annotations

import pytest

from programs import run_three_steps
from sandbox import Sandbox

DROPPED = {
    "sign": {"sign": 1},
    "redeem": {"redeem": 1},
    "both": {"sign": 1, "redeem": 1},
    "both twice": {"sign": 2, "redeem": 2},
}


@pytest.mark.parametrize("dropped", DROPPED.values(), ids=DROPPED.keys())
def test_a_lost_answer_is_billed_once_and_yields_the_claim(
    sandbox: Sandbox, language: str, dropped: dict[str, int]
) -> None:
    sandbox.faults(
        *(
            {"step": step, "fault": "drop_after_commit", "times": times}
            for step, times in dropped.items()
        )
    )
    run_three_steps(language, sandbox)
    lost = [exchange.step for exchange in sandbox.exchanges() if exchange.status is None]
    assert sorted(lost) == sorted(step for step, times in dropped.items() for _ in range(times))
    assert sandbox.ledger() == {
        "billed": 1,
        "redeemed": 1,
        "refunded": 0,
        "double_spends": 0,
        "relays": 1,
    }
