"""The board: folding facts, readiness, order of work."""

from __future__ import annotations

import heapq

from hypothesis import given
from hypothesis import strategies as st

from chargehand.model import facts
from chargehand.model.config import Config, RetryConfig
from chargehand.model.work import Exit, Usage, Verdict
from chargehand.plan.board import Board
from chargehand.plan.routing import route


def add(board: Board, task: str, *needs: str, priority: int = 2, hours: float | None = None, done: bool = False) -> None:
    order = len(board.cards)
    fact = facts.TaskAdded(
        task=task, order=order, title=task.lower(), priority=priority, digest="", needs=needs, estimate_hours=hours, done=done
    )
    board.apply(fact, 0.0)


def claim(board: Board, task: str, number: int = 1) -> str:
    attempt = f"r1.{task}.{number}"
    board.apply(facts.AttemptClaimed(task=task, attempt=attempt, number=number, agent="fake"), 1.0)
    return attempt


def land(board: Board, task: str) -> None:
    board.apply(facts.TaskLanded(task=task, attempt=claim(board, task), commit="c" * 40), 2.0)


def allowed(attempts: int) -> Config:
    return Config(retry=RetryConfig(attempts=attempts))


def test_a_task_is_handed_out_only_when_everything_it_needs_has_landed() -> None:
    board = Board()
    add(board, "A-1")
    add(board, "B-1", "A-1")
    add(board, "C-1", "A-1", "B-1")
    board.open()
    assert board.take(9) == ["A-1"]
    land(board, "A-1")
    assert board.take(9) == ["B-1"]
    assert board.take(9) == []
    land(board, "B-1")
    assert board.take(9) == ["C-1"]


def test_priority_is_inherited_by_what_an_urgent_task_needs() -> None:
    board = Board()
    add(board, "LOW-1", priority=3)
    add(board, "MID-1", priority=1)
    add(board, "TOP-1", "LOW-1", priority=0)
    board.open()
    assert board.take(1) == ["LOW-1"]


def test_of_equals_the_one_with_the_longest_work_behind_it_goes_first() -> None:
    board = Board()
    add(board, "SHORT-1", hours=1)
    add(board, "LONG-1", hours=1)
    add(board, "LONG-2", "LONG-1", hours=8)
    board.open()
    assert board.take(2) == ["LONG-1", "SHORT-1"]


def test_a_task_done_in_the_spec_counts_as_landed() -> None:
    board = Board()
    add(board, "A-1", done=True)
    add(board, "B-1", "A-1")
    board.open()
    assert board.take(9) == ["B-1"]


def test_a_failed_attempt_offers_the_task_again_and_keeps_what_failed() -> None:
    board = Board()
    add(board, "A-1")
    board.open()
    board.take(1)
    attempt = claim(board, "A-1")
    usage = Usage(input_tokens=10, output_tokens=2, cost_usd=0.5)
    gone = Exit(cause="exited", code=0, started_at=1.0, ended_at=4.0)
    board.apply(facts.AttemptExited(task="A-1", attempt=attempt, exit=gone, usage=usage, charged=usage), 4.0)
    board.apply(facts.CommitTaken(task="A-1", attempt=attempt, commit="w", proposal="p", base="b", files=("x.py",)), 4.0)
    for gate, word in (("lint", "pass"), ("test", "fail")):
        verdict = Verdict(gate=gate, commit="p", verdict=word, summary=word)  # type: ignore[arg-type]
        board.apply(facts.VerdictGiven(task="A-1", attempt=attempt, verdict=verdict), 5.0)
    board.apply(facts.AttemptEnded(task="A-1", attempt=attempt, outcome="gate_failed", reason="gate test: fail"), 6.0)
    card = board.cards["A-1"]
    assert board.take(1) == ["A-1"]
    assert (card.usage, card.working_s, card.attempts) == (usage, 3.0, 1)
    (failure,) = card.failures
    assert (failure.commit, failure.files, [v.gate for v in failure.verdicts]) == ("w", ("x.py",), ["test"])
    assert route(card.failures, allowed(3)).action == "retry"
    assert route(card.failures, allowed(1)).action == "fail"


def test_reopening_gives_a_fresh_allowance_and_keeps_what_was_paid() -> None:
    board = Board()
    add(board, "A-1")
    board.open()
    board.take(1)
    attempt = claim(board, "A-1")
    board.apply(
        facts.AttemptExited(task="A-1", attempt=attempt, exit=Exit(cause="exited", code=1), charged=Usage(cost_usd=2.0)), 1.0
    )
    board.apply(facts.AttemptEnded(task="A-1", attempt=attempt, outcome="agent_failed", reason="exit code 1"), 1.0)
    board.apply(facts.TaskFailed(task="A-1", reason="1 attempt"), 1.0)
    assert board.take(1) == []
    board.apply(facts.TaskReopened(task="A-1", by="me"), 2.0)
    card = board.cards["A-1"]
    assert (card.failures, card.usage.cost_usd, card.attempts) == ([], 2.0, 1)
    assert board.take(1) == ["A-1"]


def test_interruptions_spend_no_attempt_but_not_for_ever() -> None:
    board = Board()
    add(board, "A-1")
    board.open()
    for number in range(1, 20):
        attempt = claim(board, "A-1", number)
        board.apply(facts.AttemptEnded(task="A-1", attempt=attempt, outcome="interrupted", reason="killed"), 1.0)
        assert route(board.cards["A-1"].failures, allowed(1)).action == "retry"
    attempt = claim(board, "A-1", 20)
    board.apply(facts.AttemptEnded(task="A-1", attempt=attempt, outcome="interrupted", reason="killed"), 1.0)
    assert route(board.cards["A-1"].failures, allowed(1)).action == "ask"


def test_a_gate_that_could_not_run_asks_a_person_at_once() -> None:
    board = Board()
    add(board, "A-1")
    board.open()
    attempt = claim(board, "A-1")
    board.apply(facts.AttemptEnded(task="A-1", attempt=attempt, outcome="gate_error", reason="pytest not found"), 1.0)
    assert route(board.cards["A-1"].failures, allowed(3))[:2] == ("ask", "pytest not found")


def test_only_tasks_asked_for_are_handed_out_and_the_others_stay_available() -> None:
    board = Board()
    for task in ("A-1", "B-1", "C-1"):
        add(board, task)
    board.open()
    assert board.take(9, {"B-1"}) == ["B-1"]
    claim(board, "B-1")
    assert board.take(9) == ["A-1", "C-1"]


def test_a_task_removed_from_the_spec_holds_nobody_up() -> None:
    board = Board()
    add(board, "A-1")
    add(board, "B-1", "A-1")
    board.open()
    board.apply(facts.TaskRemoved(task="A-1"), 1.0)
    add(board, "B-1")  # the changed spec no longer names it
    board.open()
    assert board.take(9) == ["B-1"]


def test_order_is_what_one_worker_would_do() -> None:
    board = Board()
    add(board, "A-1")
    add(board, "B-1", "A-1")
    add(board, "C-1", priority=0)
    board.open()
    assert board.order() == ["C-1", "A-1", "B-1"]
    assert board.take(1) == ["C-1"]  # asking changed nothing


@given(st.integers(1, 30), st.integers(1, 6), st.data())
def test_every_schedule_lands_everything_once_and_never_too_early(size: int, jobs: int, data: st.DataObject) -> None:
    board = Board()
    for number in range(size):
        needs = data.draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        add(board, f"T-{number}", *(f"T-{need}" for need in sorted(needs)), priority=data.draw(st.integers(0, 3)))
    board.open()
    running: list[tuple[int, str]] = []
    landed: list[str] = []
    clock = 0
    while True:
        for task in board.take(jobs - len(running)):
            assert all(board.cards[need].done for need in board.cards[task].needs)
            claim(board, task)
            heapq.heappush(running, (clock + data.draw(st.integers(1, 5)), task))
        if not running:
            break
        clock, task = heapq.heappop(running)
        board.apply(facts.TaskLanded(task=task, attempt=f"r1.{task}.1"), float(clock))
        landed.append(task)
    assert sorted(landed) == sorted(board.cards)
