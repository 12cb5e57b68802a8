"""The budget: a ceiling whatever runs at once, and whatever is reset."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.model.config import BudgetConfig
from chargehand.model.work import Usage
from chargehand.plan.budget import Budget, Paid


def paid(usd: float = 0.0, *, task: str = "A-1", number: int = 1, run: str = "r1", day: int = 7, tokens: int = 0) -> Paid:
    return Paid(run, task, number, day, Usage(cost_usd=usd, input_tokens=tokens))


def test_without_caps_everything_may_and_nothing_is_set_aside() -> None:
    budget = Budget(BudgetConfig(), "r1", 7)
    budget.charge(paid(1e6))
    assert budget.may("A-1", 1).word == "yes"
    assert budget.reserve == Usage()


def test_what_is_set_aside_counts_before_it_is_spent() -> None:
    budget = Budget(BudgetConfig(run_usd=1.0, reserve_usd=0.4), "r1", 7)
    budget.hold("a", "A-1", 1, budget.reserve)
    budget.hold("b", "B-1", 1, budget.reserve)
    third = budget.may("C-1", 1)
    assert third.word == "wait"
    budget.release("a")
    budget.charge(paid(0.1))
    assert budget.may("C-1", 1).word == "yes"
    budget.charge(paid(0.6, task="B-1"))
    budget.release("b")
    answer = budget.may("C-1", 1)
    assert answer.word == "all"
    assert "$0.70 of $1.00 spent" in answer.reason


@pytest.mark.parametrize(
    ("cap", "charge", "word"),
    [
        ({"task_usd": 1.0}, paid(0.9), "task"),
        ({"task_usd": 1.0}, paid(0.9, task="B-1"), "yes"),
        ({"retry_usd": 1.0}, paid(0.9, number=1), "yes"),
        ({"retry_usd": 1.0}, paid(0.9, number=2), "task"),
        ({"run_usd": 1.0}, paid(0.9, task="B-1"), "all"),
        ({"run_usd": 1.0}, paid(0.9, run="r0"), "yes"),
        ({"total_usd": 1.0}, paid(0.9, run="r0"), "all"),
        ({"day_usd": 1.0}, paid(0.9, run="r0"), "all"),
        ({"day_usd": 1.0}, paid(0.9, day=6), "yes"),
        ({"run_tokens": 1000, "reserve_tokens": 200}, paid(tokens=900), "all"),
    ],
)
def test_every_cap_counts_what_it_names(cap: dict[str, float], charge: Paid, word: str) -> None:
    budget = Budget(BudgetConfig(**{"reserve_usd": 0.2, **cap}), "r1", 7)  # type: ignore[arg-type]
    budget.charge(charge)
    assert budget.may("A-1", 2).word == word


def test_a_notice_at_eighty_percent_once() -> None:
    budget = Budget(BudgetConfig(run_usd=10.0), "r1", 7)
    assert budget.charge(paid(7.9)) == []
    assert budget.charge(paid(0.2)) == ["$8.10 of the run budget of $10.00 is spent"]
    assert budget.charge(paid(0.2)) == []
    assert budget.exhausted() == ""
    budget.charge(paid(2.0))
    assert "the run budget of $10.00 is spent" in budget.exhausted()


@given(st.floats(0.1, 50), st.floats(0.01, 5), st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60), st.integers(1, 8))
def test_calls_that_cost_at_most_their_reservation_never_pass_the_cap(
    cap: float, reserve: float, calls: list[tuple[float, bool]], jobs: int
) -> None:
    budget = Budget(BudgetConfig(run_usd=cap, reserve_usd=reserve), "r1", 0)
    running: list[tuple[str, float]] = []
    spent = 0.0
    for number, (share, drain) in enumerate(calls):
        if (drain or len(running) == jobs) and running:
            attempt, cost = running.pop(0)
            budget.release(attempt)
            budget.charge(paid(cost, task=attempt, day=0))
            spent += cost
        if budget.may(f"T-{number}", 1).word == "yes":
            budget.hold(f"T-{number}", f"T-{number}", 1, budget.reserve)
            running.append((f"T-{number}", share * reserve))
    spent += sum(cost for _, cost in running)
    assert spent <= cap + 1e-6


def test_a_clock_that_was_ahead_gives_no_day_twice() -> None:
    budget = Budget(BudgetConfig(day_usd=1.0), "r1", 7)
    budget.charge(paid(0.6, day=8))
    budget.charge(paid(0.5, day=7))
    assert budget.may("A-1", 1).word == "all"
