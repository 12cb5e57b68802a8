"""The contract of the Store port, on real files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import apsw
import pytest

from chargehand.model import facts as f
from chargehand.model.errors import UsageProblem
from chargehand.model.work import Exit, RunState, Usage, Verdict
from chargehand.ports import AttemptRow, Charge, Store, TaskRow
from chargehand.store.inbox import post
from chargehand.store.sqlite import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore.open(path)
    yield opened
    opened.close()


def started(run: str = "r1") -> f.RunStarted:
    return f.RunStarted(
        run=run, spec="spec/tasks.md", spec_digest="d", target="main", base="b", agent="a", jobs=2, version="1", config={"jobs": 2}
    )


def finished(state: RunState, run: str = "r1") -> f.RunFinished:
    return f.RunFinished(run=run, state=state, reason="because")


def task(name: str, state: str = "todo", commit: str = "") -> TaskRow:
    return TaskRow(name, 1, "Title", 2, ("A", "B"), state, "", 0, None, None, None, 0.0, commit, None)


def charge(cost: float | None) -> Charge:
    return Charge("T", "r1-T.1", "work", "claude", "m", Usage(10, 2, cost), cost is not None)


def one_of_each() -> list[f.Fact]:
    verdict = Verdict(
        gate="tests", commit="c", verdict="fail", summary="1 failed", evidence='\x00 \u2028 ☃ "quoted"', duration_s=1.5
    )
    ended = Exit(cause="timeout", signal=9, started_at=1.0, ended_at=2.5, truncated=True)
    return [
        started(),
        f.RunContinued(run="r1", spec_digest="e", agent="a", jobs=3, version="1"),
        f.TaskAdded(task="T", order=1, title="Ünïcode", priority=0, digest="d", needs=("A", "B"), estimate_hours=8.0),
        f.TaskRemoved(task="gone"),
        f.AttemptClaimed(task="T", attempt="r1-T.1", number=1, agent="a"),
        f.AttemptExited(task="T", attempt="r1-T.1", exit=ended, usage=Usage(1, None, 0.25)),
        f.CommitTaken(task="T", attempt="r1-T.1", commit="c", proposal="p", base="b", files=("a b.py", "ü.py")),
        f.CandidateMade(task="T", attempt="r1-T.1", proposal="p2", base="b2"),
        f.VerdictGiven(task="T", attempt="r1-T.1", verdict=verdict),
        f.AttemptQueued(task="T", attempt="r1-T.1"),
        f.AttemptEnded(task="T", attempt="r1-T.1", outcome="gate_failed", reason="tests failed"),
        f.TaskLanded(task="T", attempt="r1-T.2", commit="c2"),
        f.TaskFailed(task="U", reason="three times"),
        f.TaskNeedsHuman(task="V", reason="approve"),
        f.TaskReopened(task="U", by="retry"),
        f.RunPaused(by="me"),
        f.RunResumed(by="me"),
        f.BudgetChanged(cap="run_usd", old=None, new=2.5, by="me"),
        f.AgentPaused(agent="a", until=99.5, reason="rate limit"),
        f.ReplanAsked(task="U", attempt="r1.U.plan1", agent="p", reserved=Usage(cost_usd=0.5)),
        f.TaskReplanned(task="U", attempt="r1.U.plan1", decision="split", reason="r", parts=("Ua", "Ub"), exit=ended),
        f.ReviewAsked(task="T", attempt="r1.T.1.review-docs", of="r1.T.1", role="docs", commit="c", agent="p"),
        f.ReviewGiven(task="T", attempt="r1.T.1.review-docs", of="r1.T.1", verdict=verdict, exit=ended, charged=Usage(1, 2, 0.5)),
        f.QuestionAsked(task="T", attempt="r1.T.1", id="q", commit="c", text="may it land?", answers=("approve",), until=9.5),
        f.QuestionAnswered(task="T", attempt="r1.T.1", id="q", answer="approve", by="me", comment="well done"),
        f.TaskSkipped(task="V", by="me", reason="not needed"),
        f.RunOffered(run="r1", branch="chargehand/r1", into="main", command="git merge chargehand/r1", problem="no gh"),
        f.TargetMoved(old="o", new="n", replayed=2),
        f.TargetDelivered(commit="c2", how="pending", command="git merge"),
        f.HooksOwed(task="T", attempt="r1-T.2", paid=True),
        f.Noticed(level="warning", message="low space"),
        finished("failed"),
    ]


def test_every_fact_comes_back_as_it_was_in_order_with_its_number(store: SqliteStore, path: Path) -> None:
    facts = one_of_each()
    assert {type(fact) for fact in facts} == set(get_args(f.Fact)), "the test must know every fact"
    as_port: Store = store
    assert as_port.commit("r1", 12.5, facts[:4]) == 4
    assert as_port.commit("r1", 13.5, facts[4:]) == len(facts)
    store.close()
    again = SqliteStore.open(path)
    events = list(again.events("r1"))
    again.close()
    assert [event.fact for event in events] == facts
    assert [event.seq for event in events] == list(range(1, len(facts) + 1))
    assert [event.at for event in events] == [12.5] * 4 + [13.5] * (len(facts) - 4)
    assert {event.run for event in events} == {"r1"}


def test_events_belong_to_their_run_and_long_histories_are_whole(store: SqliteStore) -> None:
    many = [f.Noticed(level="info", message=str(n)) for n in range(2500)]
    store.commit("r1", 1.0, many)
    store.commit("r2", 2.0, [f.Noticed(level="info", message="other")])
    assert store.commit("r1", 3.0, many[:1]) == 2502
    assert [event.fact for event in store.events("r1")] == [*many, many[0]]
    assert [event.seq for event in store.events("r2")] == [2501]
    assert list(store.events("r9")) == []


def test_a_reader_of_events_does_not_stand_in_the_way_of_commits(store: SqliteStore, path: Path) -> None:
    store.commit("r1", 1.0, [f.Noticed(level="info", message=str(n)) for n in range(1500)])
    history = store.events("r1")
    next(history)
    post(path, "stop", "", 1.0)
    store.commit("r1", 2.0, [f.Noticed(level="info", message="late")])
    assert sum(1 for _ in history) == 1500


def test_commit_without_facts_keeps_the_last_number(store: SqliteStore) -> None:
    assert store.commit("r1", 1.0, []) == 0
    store.commit("r1", 1.0, [started()])
    assert store.commit("r1", 1.0, [], [task("T")], charges=[charge(1.0), charge(2.0)]) == 1


def test_a_run_is_open_until_it_is_finished(store: SqliteStore) -> None:
    assert store.open_run() is None
    assert store.new_run_id() == "r1"
    store.commit("r1", 10.0, [started()])
    assert store.new_run_id() == "r2"
    run = store.open_run()
    assert run is not None
    assert (run.id, run.state, run.started_at, run.ended_at) == ("r1", "running", 10.0, None)
    assert (run.spec, run.target) == ("spec/tasks.md", "main")
    store.commit("r1", 20.0, [finished("finished")])
    assert store.open_run() is None


@pytest.mark.parametrize("state", ["failed", "needs_human", "stopped", "interrupted"])
def test_a_run_that_stopped_short_is_still_open_and_can_be_continued(store: SqliteStore, state: RunState) -> None:
    store.commit("r1", 10.0, [started()])
    store.commit("r1", 20.0, [finished(state)])
    run = store.open_run()
    assert run is not None
    assert (run.state, run.reason, run.ended_at) == (state, "because", 20.0)
    store.commit("r1", 30.0, [f.RunContinued(run="r1", spec_digest="d", agent="a", jobs=1, version="1")])
    run = store.open_run()
    assert run is not None
    assert (run.state, run.reason, run.started_at, run.ended_at) == ("running", "", 10.0, None)


def test_reset_closes_runs_and_forgets_landings_but_not_the_bill(store: SqliteStore, path: Path) -> None:
    store.commit("r1", 1.0, [started()], [task("T", "landed", "c1")], charges=[charge(1.0)])
    store.reset(5.0)
    assert store.open_run() is None
    assert store.landed_before() == {}
    assert store.new_run_id() == "r2", "the id of a run that was reset is not used again"
    store.commit("r2", 6.0, [started("r2")])
    assert store.open_run() is not None
    assert raw(path).execute("SELECT sum(cost_usd), count(*) FROM charges").get == (1.0, 1)
    assert raw(path).execute("SELECT reset_at FROM runs ORDER BY number").fetchall() == [(5.0,), (None,)]


def test_landed_before_knows_all_runs_and_the_newest_landing_counts(store: SqliteStore) -> None:
    first = [task("A", "landed", "a1"), task("B", "landed", "b1"), task("C", "failed"), task("D", "landed", "d1")]
    store.commit("r1", 1.0, [started()], first)
    store.commit("r1", 2.0, [finished("finished")])
    store.commit("r2", 3.0, [started("r2")], [task("A", "landed", "a2"), task("D", "needs_human")])
    assert store.landed_before() == {"A": "a2", "B": "b1"}


def test_rows_are_replaced_by_newer_ones_and_charges_only_added(store: SqliteStore, path: Path) -> None:
    attempt = AttemptRow("r1-T.1", "T", 1, "a", "m", "working", "", "", 1.0, None, None, "b", "", "", None, None, None)
    ended = AttemptRow("r1-T.1", "T", 1, "a", "m", "ended", "empty", "no change", 1.0, 2.0, 0, "b", "", "", 0.5, 1, 2)
    store.commit("r1", 1.0, [started()], [task("T"), task("U")], [attempt], [charge(0.5)])
    store.commit("r1", 2.0, [], [task("T", "landed", "c")], [ended], [charge(0.5)])
    db = raw(path)
    assert db.execute("SELECT id, state, commit_id FROM tasks ORDER BY id").fetchall() == [("T", "landed", "c"), ("U", "todo", "")]
    assert db.execute("SELECT state, outcome, ended_at, exit_code FROM attempts").fetchall() == [("ended", "empty", 2.0, 0)]
    assert db.execute("SELECT count(*) FROM charges").get == 2


def test_a_removed_task_leaves_the_table_unless_it_landed(store: SqliteStore, path: Path) -> None:
    store.commit("r1", 1.0, [started()], [task("T"), task("U", "landed", "c")])
    store.commit("r1", 2.0, [f.TaskRemoved(task="T"), f.TaskRemoved(task="U")])
    assert raw(path).execute("SELECT id FROM tasks").fetchall() == [("U",)]
    assert store.landed_before() == {"U": "c"}


def test_nothing_of_a_commit_that_fails_is_kept_and_the_next_one_works(store: SqliteStore, path: Path) -> None:
    store.commit("r1", 1.0, [started()])
    unsound = TaskRow("T", 1, "Title", 2, (), None, "", 0, None, None, None, 0.0, "", None)  # type: ignore[arg-type]
    with pytest.raises(apsw.ConstraintError):
        store.commit(
            "r1", 2.0, [f.TaskFailed(task="T", reason="x"), finished("failed")], [task("U"), unsound], charges=[charge(1.0)]
        )
    assert len(list(store.events("r1"))) == 1
    run = store.open_run()
    assert run is not None
    assert run.state == "running"
    assert raw(path).execute("SELECT (SELECT count(*) FROM tasks), (SELECT count(*) FROM charges)").get == (0, 0)
    assert store.commit("r1", 3.0, [finished("finished")], [task("U")], charges=[charge(1.0)]) == 2


@pytest.mark.parametrize("table", ["events", "charges"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET run = 'forged'", "DELETE FROM {}"])
def test_events_and_charges_cannot_be_changed_even_by_hand(store: SqliteStore, path: Path, table: str, statement: str) -> None:
    store.commit("r1", 1.0, [started()], charges=[charge(1.0)])
    db = raw(path, apsw.SQLITE_OPEN_READWRITE)
    with pytest.raises(apsw.ConstraintError, match="append only"):
        db.execute(statement.format(table))
    assert db.execute(f"SELECT run FROM {table}").fetchall() == [("r1",)]


def test_requests_are_seen_until_they_are_answered(store: SqliteStore, path: Path) -> None:
    assert store.requests() == []
    first = post(path, "retry", "TASK-001", 5.0)
    second = post(path, "stop", "", 6.0)
    assert [(r.id, r.at, r.kind, r.body) for r in store.requests()] == [
        (first, 5.0, "retry", "TASK-001"),
        (second, 6.0, "stop", ""),
    ]
    store.answered([first])
    assert [r.id for r in store.requests()] == [second]
    store.answered([])
    store.answered([second])
    assert store.requests() == []
    assert raw(path).execute("SELECT count(*) FROM requests WHERE answered_at > 6").get == 2


def test_a_request_needs_a_ledger_and_makes_none(path: Path) -> None:
    with pytest.raises(UsageProblem) as caught:
        post(path, "stop", "", 1.0)
    assert caught.value.hint
    assert not path.exists()


def test_a_request_to_a_ledger_that_was_never_filled_is_refused(path: Path) -> None:
    path.touch()
    with pytest.raises(UsageProblem):
        post(path, "stop", "", 1.0)


def test_requests_from_many_sides_all_arrive_while_the_engine_writes(store: SqliteStore, path: Path) -> None:
    def ask(who: int) -> None:
        for n in range(10):
            post(path, "retry", f"{who}.{n}", float(n))

    sides = [threading.Thread(target=ask, args=(who,)) for who in range(4)]
    for side in sides:
        side.start()
    commits = 0
    while any(side.is_alive() for side in sides) or commits < 50:
        commits += 1
        assert store.commit("r1", 1.0, [f.Noticed(level="info", message="busy")]) == commits
    for side in sides:
        side.join()
    assert {request.body for request in store.requests()} == {f"{who}.{n}" for who in range(4) for n in range(10)}


def raw(path: Path, flags: int = apsw.SQLITE_OPEN_READONLY) -> apsw.Connection:
    return apsw.Connection(str(path), flags=flags)
