"""What is foretold: learned from what landed, wide where little is known, and right as often as it says."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.plan.dice import Dice
from chargehand.plan.forecast import Expected, Forecast, foretell
from chargehand.plan.pace import DOUBT, SPREAD, Done, Guess, Pace, size
from chargehand.plan.schedule import Work


def guess(median: float, spread: float = 0.0, doubt: float = 0.0, kin: str = "k") -> Guess:
    return Guess(median, spread, doubt, kin)


def chain(count: int, seconds: Guess, usd: Guess | None = None) -> list[Expected]:
    return [Expected(Work(f"T{n}", (f"T{n - 1}",) if n else ()), seconds, usd) for n in range(count)]


def test_without_doubt_the_forecast_is_the_sum() -> None:
    found = foretell(chain(5, guess(60), guess(0.5)), 4, Dice(1), budget_usd=2.5)
    assert found.seconds == (300, 300, 300)
    assert found.usd == (2.5, 2.5, 2.5)
    assert found.in_budget == 1.0
    assert found.path == ["T0", "T1", "T2", "T3", "T4"]
    assert found.path_s == 300
    assert {one.task: (one.share, one.behind) for one in found.gating} == {f"T{n}": (1.0, 4 - n) for n in range(5)}
    assert foretell(chain(5, guess(60), guess(0.5)), 4, Dice(1), budget_usd=2.4).in_budget == 0.0


def test_more_jobs_gain_until_the_chain_decides() -> None:
    apart = [Expected(Work(f"T{n}"), guess(60), None) for n in range(12)]
    found = foretell(apart, 2, Dice(1))
    assert dict(found.by_jobs) == {1: 720, 2: 360, 3: 240, 4: 180, 6: 120, 8: 120}
    assert found.usd is None
    assert found.in_budget is None


def test_the_gate_that_everything_waits_for_is_named() -> None:
    tasks = [
        Expected(Work("slow"), guess(1000, 0.1), None),
        *(Expected(Work(f"small{n}"), guess(10, 0.1), None) for n in range(6)),
        *(Expected(Work(f"after{n}", ("slow",)), guess(100, 0.5), None) for n in range(6)),
    ]
    found = foretell(tasks, 4, Dice(3), trials=200)
    assert found.gating[0] == ("slow", 1.0, 6)
    assert all(one.share < 0.9 for one in found.gating[1:])


def test_doubt_about_all_tasks_alike_does_not_average_out() -> None:
    alone = foretell(chain(50, guess(60, 0.7)), 1, Dice(1), trials=400)
    shared = foretell(chain(50, guess(60, 0.7, 0.7)), 1, Dice(1), trials=400)

    def width(found: Forecast) -> float:
        return found.seconds.p95 / found.seconds.p50

    assert width(alone) < 1.4
    assert width(shared) > 2.0


def history(dice: Dice, count: int, median: float, spread: float, agent: str = "a", hours: float | None = 2.0) -> list[Done]:
    return [Done(agent, 2, hours, median * exp(spread * dice.normal()), 0.1) for _ in range(count)]


@pytest.mark.parametrize("known", [0, 8, 200])
def test_it_is_right_about_as_often_as_it_says(known: int) -> None:
    """Worlds whose pace is drawn as the guess of the unknown has it: how often is a run within P50, P80, P95?"""
    within = [0, 0, 0]
    worlds = 120
    for world in range(worlds):
        dice = Dice(1000 + world)
        truth = Pace(()).seconds("a", 2.0, 2).median * exp(DOUBT * dice.normal())
        pace = Pace(history(dice, known, truth, SPREAD))
        told = foretell([Expected(Work(f"T{n}"), pace.seconds("a", 2.0, 2), None) for n in range(12)], 3, dice, trials=150)
        real = [Expected(Work(f"T{n}"), guess(truth, SPREAD), None) for n in range(12)]
        came = foretell(real, 3, dice, trials=1, compare=False).seconds.p50
        for place, bound in enumerate(told.seconds):
            within[place] += came <= bound
    shares = [count / worlds for count in within]
    for share, wanted, slack in zip(shares, (0.5, 0.8, 0.95), (0.16, 0.13, 0.07), strict=True):
        assert abs(share - wanted) < slack, shares


def test_the_narrowest_class_that_is_known_counts() -> None:
    dice = Dice(5)
    pace = Pace(
        [*history(dice, 20, 60, 0.1, hours=1), *history(dice, 20, 600, 0.1, hours=8), *history(dice, 6, 9, 0.1, "quick", 1)]
    )
    assert pace.known == 46
    assert pace.seconds("a", 1, 2).kin == "a, S, P2"
    assert pace.seconds("a", 1, 2).median == pytest.approx(60, rel=0.1)
    assert pace.seconds("a", 8, 0).kin == "a, L", "no task of that priority is known"
    assert pace.seconds("a", 8, 0).median == pytest.approx(600, rel=0.1)
    assert pace.seconds("quick", 1, 2).median == pytest.approx(9, rel=0.3)
    assert pace.seconds("a", 3, 2).kin == "a", "no task of that size is known: by the estimate"
    assert 150 < pace.seconds("a", 3, 2).median < 300
    assert pace.seconds("nobody", 1, 2).kin == "all"
    assert Pace(()).seconds("a", 1, 2).kin == "unknown"
    assert pace.usd("a", 1, 2) is not None
    assert Pace(()).usd("a", 1, 2) is None


def test_one_task_that_waited_for_a_night_spoils_nothing() -> None:
    usual = [Done("a", 2, 1.0, 60.0 + n, None) for n in range(9)]
    assert Pace([*usual, Done("a", 2, 1.0, 40_000.0, None)]).seconds("a", 1.0, 2).median < 70


def test_sizes() -> None:
    assert [size(hours) for hours in (None, 0.5, 1, 2, 4, 8, 16)] == ["-", "S", "S", "M", "M", "L", "XL"]


@given(st.lists(st.floats(1, 1e4), min_size=1, max_size=12), st.integers(1, 6))
def test_a_range_is_in_order_and_within_reason(medians: Sequence[float], jobs: int) -> None:
    tasks = [Expected(Work(f"T{n}"), guess(median, 0.5), None) for n, median in enumerate(medians)]
    found = foretell(tasks, jobs, Dice(9), trials=40)
    assert 0 < found.seconds.p50 <= found.seconds.p80 <= found.seconds.p95
    assert found.trials == 40
    assert found.tasks == len(medians)
