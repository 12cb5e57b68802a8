"""The order of the board against bounds and other orders, and the schedule that is played without a board."""

from __future__ import annotations

import pytest
from tests.kit.dags import Dag, by_board, first_come, in_waves, quality, suite

from chargehand.plan.dice import Dice
from chargehand.plan.schedule import Schedule, Work


@pytest.fixture(scope="module")
def dags() -> list[Dag]:
    return suite(24, seed=7)


def works(dag: Dag) -> list[Work]:
    return [Work(task, needs, hours=dag.told[task] / 60) for task, needs in dag.needs.items()]


def test_the_board_stays_near_the_bound_and_beats_other_orders(dags: list[Dag]) -> None:
    """bench/schedule.py measures it on 200 graphs; this sample keeps it from going wrong unnoticed."""
    mean, _ = quality(dags, 4, by_board)
    assert mean < 1.04
    assert mean < quality(dags, 4, first_come)[0] - 0.03
    assert mean < quality(dags, 4, in_waves)[0] - 0.2


def test_no_order_is_below_a_bound(dags: list[Dag]) -> None:
    for dag in dags[:6]:
        for jobs in (1, 4):
            assert dag.bound(jobs) <= dag.tight_bound(jobs) + 1e-6
            assert dag.tight_bound(jobs) <= min(policy(dag, jobs) for policy in (by_board, first_come, in_waves)) + 1e-6


def test_a_schedule_takes_as_long_as_the_board_would(dags: list[Dag]) -> None:
    for dag in dags:
        course = Schedule(works(dag)).play(4, list(dag.minutes.values()))
        assert course.end == pytest.approx(by_board(dag, 4))


def test_the_chain_that_decides_is_without_gaps(dags: list[Dag]) -> None:
    for dag in dags[:6]:
        minutes = list(dag.minutes.values())
        course = Schedule(works(dag)).play(3, minutes)
        assert sum(minutes[number] for number in course.chain) == pytest.approx(course.end)


def test_scopes_that_meet_are_not_worked_on_together() -> None:
    apart = [Work("A", scope=("src/*",)), Work("B", scope=("docs/*",)), Work("C", scope=("src/a.py",))]
    assert Schedule(apart).play(3, [10.0, 10.0, 10.0]).end == 20.0
    assert Schedule([work._replace(scope=()) for work in apart]).play(3, [10.0, 10.0, 10.0]).end == 10.0


def test_urgent_tasks_are_played_first_and_what_is_behind_is_counted() -> None:
    line = [Work("A", priority=2), Work("B", priority=0), Work("C", ("B",)), Work("D", ("C", "gone"))]
    schedule = Schedule(line)
    assert [schedule.behind(number) for number in range(4)] == [0, 2, 1, 0]
    assert schedule.play(1, [1.0] * 4).chain[0] == 1


def test_what_needs_itself_never_starts() -> None:
    assert Schedule([Work("A", ("B",)), Work("B", ("A",)), Work("C")]).play(2, [5.0, 5.0, 5.0]).end == 5.0


def test_dice_are_fair_and_the_same_for_a_seed() -> None:
    dice, again = Dice(42), Dice(42)
    drawn = [dice.normal() for _ in range(20_000)]
    assert drawn == [again.normal() for _ in range(20_000)]
    mean = sum(drawn) / len(drawn)
    assert abs(mean) < 0.03
    assert sum((value - mean) ** 2 for value in drawn) / len(drawn) == pytest.approx(1.0, abs=0.04)
    assert all(0 <= dice.uniform() < 1 for _ in range(1000))
    assert [Dice(1).uniform(), Dice(2).uniform()] != [Dice(1).uniform()] * 2
