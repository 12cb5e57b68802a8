"""The purse of an engine, on the world's clock."""

from __future__ import annotations

from chargehand.engine.ledger import Ledger
from chargehand.engine.purse import Purse
from chargehand.model.config import BudgetConfig
from chargehand.plan.board import Board

from .store import FakeStore
from .world import FakeClock, World

DAY_S = 86_400.0


def test_what_is_set_aside_for_one_about_to_be_claimed_stays_so_when_a_new_day_begins() -> None:
    world = World(0)
    clock = FakeClock(world)
    purse = Purse(
        BudgetConfig(total_usd=1.0, reserve_usd=0.6),
        Ledger(FakeStore(world), Board(), clock, "r1"),
        clock,
        [],
        lambda _reason: None,
    )
    assert purse.ask("TASK-001", 1, paid=True).word == "yes"
    purse.hold("r1.TASK-001.1", "TASK-001", 1, paid=True)
    world.skew += DAY_S
    assert purse.ask("TASK-002", 1, paid=True).word == "wait"
    purse.give_back("r1.TASK-001.1")
    assert purse.ask("TASK-002", 1, paid=True).word == "yes"
