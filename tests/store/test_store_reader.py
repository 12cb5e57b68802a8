"""The quick commands' view of the ledger."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from chargehand.model import facts as f
from chargehand.model.work import Finding, Usage, Verdict
from chargehand.ports import AttemptRow, Charge, TaskRow
from chargehand.store import reader
from chargehand.store.sqlite import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a ?#% directory" / "ledger.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    path.parent.mkdir()
    opened = SqliteStore.open(path)
    opened.commit("r1", 10.0, [started("r1")])
    yield opened
    opened.close()


@pytest.fixture
def db(store: SqliteStore, path: Path) -> Iterator[apsw.Connection]:
    opened = reader.open_reader(path)
    assert opened is not None
    yield opened
    opened.close()


def started(run: str) -> f.RunStarted:
    return f.RunStarted(run=run, spec="spec/tasks.md", spec_digest="d", target="main", base="b", agent="a", jobs=2, version="1")


def task(name: str, order: int, state: str = "todo", attempts: int = 0, needs: tuple[str, ...] = ()) -> TaskRow:
    return TaskRow(
        name, order, f"Title of {name}", 1, needs, state, "why", attempts, 0.5, 10, 2, 30.0, "c", 20.0, "M1", ("ui", "needs care")
    )


def named(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in rows]


def test_no_ledger_is_none_and_none_is_made(path: Path) -> None:
    assert reader.open_reader(path) is None
    assert reader.open_reader(str(path)) is None
    assert not path.parent.exists()


def test_the_newest_run_is_the_last_one(store: SqliteStore, db: apsw.Connection) -> None:
    store.commit("r1", 15.0, [f.RunFinished(run="r1", state="failed", reason="because")])
    store.reset(16.0)
    assert reader.last_run(db) == {
        "id": "r1", "state": "failed", "reason": "because", "started_at": 10.0, "ended_at": 15.0, "spec": "spec/tasks.md",
        "target": "main", "reset_at": 16.0,
    }  # fmt: skip
    store.commit("r2", 20.0, [started("r2")])
    newest = reader.last_run(db)
    assert newest is not None
    assert (newest["id"], newest["state"], newest["reset_at"]) == ("r2", "running", None)


def test_a_ledger_without_a_run_has_no_last_one(tmp_path: Path) -> None:
    SqliteStore.open(tmp_path / "new.db").close()
    db = reader.open_reader(tmp_path / "new.db")
    assert db is not None
    assert reader.last_run(db) is None
    assert reader.standing(db, "r1") == []
    assert reader.totals(db, "r1")["attempts"] == 0
    db.close()


def test_tasks_come_in_the_order_of_the_file_with_all_columns(store: SqliteStore, db: apsw.Connection) -> None:
    store.commit("r1", 11.0, [], [task("A", 3), task("C", 1, "landed", 2, ("X", "Y")), task("B", 2)])
    store.commit("r2", 11.0, [], [task("Z", 1)])
    rows = named(reader.TASK, reader.tasks(db, "r1"))
    assert [row["id"] for row in rows] == ["C", "B", "A"]
    assert rows[0] == {
        "id": "C", "position": 1, "title": "Title of C", "priority": 1, "needs": "X Y", "state": "landed", "reason": "why",
        "attempts": 2, "cost_usd": 0.5, "input_tokens": 10, "output_tokens": 2, "duration_s": 30.0, "commit_id": "c",
        "landed_at": 20.0, "milestone": "M1", "tags": "ui\nneeds care",
    }  # fmt: skip
    assert rows[1]["needs"].split() == []


def charge(task_id: str, agent: str, usage: Usage) -> Charge:
    return Charge(task_id, f"r1-{task_id}.1", "work", agent, "m", usage, usage.measured)


def test_a_ledger_of_the_first_version_is_read_as_it_is_and_migrated_by_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    SqliteStore.open(path).close()
    old = apsw.Connection(str(path))
    old.execute("ALTER TABLE tasks DROP COLUMN tags; PRAGMA user_version = 1")
    old.execute("""INSERT INTO tasks VALUES ('r1', 'A', 1, 'T', 1, '', 'todo', '', 0, NULL, NULL, NULL, 0.0, '', NULL, 'M1')""")
    old.close()
    db = reader.open_reader(path)
    assert db is not None
    assert [row[-2:] for row in reader.tasks(db, "r1")] == [("M1", "")]
    db.close()
    store = SqliteStore.open(path)
    store.commit("r1", 11.0, [], [task("B", 2)])
    store.close()
    db = reader.open_reader(path)
    assert db is not None
    assert [row[-1] for row in reader.tasks(db, "r1")] == ["", "ui\nneeds care"]
    db.close()


def test_standing_and_tasks_agree_on_the_order_and_only_those_asked_for_come(store: SqliteStore, db: apsw.Connection) -> None:
    store.commit("r1", 11.0, [], [task("A", 3), task('C"', 1, "landed", 2, ("X", "Y")), task("B", 1)])
    assert reader.standing(db, "r1") == [("B", "todo", ""), ('C"', "landed", "X Y"), ("A", "todo", "")]
    assert [row[0] for row in reader.tasks(db, "r1")] == ["B", 'C"', "A"]
    assert reader.tasks(db, "r1", ["A", 'C"', "other"]) == reader.tasks(db, "r1")[1:]
    assert reader.tasks(db, "r1", []) == []


def test_totals_add_up_what_was_done_and_charged(store: SqliteStore, db: apsw.Connection) -> None:
    rows = [task("A", 1, "landed", 1), task("B", 2, "todo"), task("C", 3, "landed", 2)]
    bill = [charge("A", "x", Usage(10, 1, 0.5)), charge("C", "x", Usage(5, None, 0.25)), charge("C", "y", Usage())]
    store.commit("r1", 11.0, [], rows, charges=bill)
    store.commit("r2", 12.0, [], [task("A", 1, "failed")], charges=[charge("A", "x", Usage(1, 1, 9.0))])
    assert reader.totals(db, "r1") == {
        "attempts": 3, "duration_s": 90.0, "calls": 3, "unmeasured": 1, "input_tokens": 15, "output_tokens": 1, "cost_usd": 0.75,
    }  # fmt: skip


def test_charges_group_by_what_is_asked_and_nothing_reported_is_not_zero(store: SqliteStore, db: apsw.Connection) -> None:
    store.commit("r1", 11.0, [], charges=[charge("A", "x", Usage(10, 1, 0.5)), charge("B", "y", Usage())])
    store.commit("r2", 12.0, [], charges=[charge("A", "x", Usage(10, 1, 0.25)), charge("C", "z", Usage(1, 1, 2.0))])
    assert reader.charges(db, "agent") == [("z", 1, 0, 1, 1, 2.0), ("x", 2, 0, 20, 2, 0.75), ("y", 1, 1, None, None, None)]
    assert reader.charges(db, "task", "r1") == [("A", 1, 0, 10, 1, 0.5), ("B", 1, 1, None, None, None)]
    assert [row[0] for row in reader.charges(db, "stage")] == ["work"]
    assert [row[0] for row in reader.charges(db, "model")] == ["m"]
    with pytest.raises(ValueError, match="run; DROP"):
        reader.charges(db, "run; DROP TABLE runs")


def test_attempts_of_a_task_in_order(store: SqliteStore, db: apsw.Connection) -> None:
    def attempt(task_id: str, number: int) -> AttemptRow:
        name = f"r1-{task_id}.{number}"
        return AttemptRow(name, task_id, number, "x", "m", "ended", "empty", "why", 1.0, 2.0, 3, "b", "c", "p", 0.5, 10, 2)

    store.commit("r1", 11.0, [], attempts=[attempt("T", n) for n in (10, 2, 1)] + [attempt("U", 1)])
    rows = named(reader.ATTEMPT, reader.attempts(db, "T"))
    assert [row["number"] for row in rows] == [1, 2, 10]
    assert rows[0] == {
        "id": "r1-T.1", "task": "T", "number": 1, "agent": "x", "model": "m", "state": "ended", "outcome": "empty", "reason": "why",
        "started_at": 1.0, "ended_at": 2.0, "exit_code": 3, "base": "b", "commit_id": "c", "proposal": "p", "cost_usd": 0.5,
        "input_tokens": 10, "output_tokens": 2,
    }  # fmt: skip


def test_verdicts_of_a_task_as_they_were_given(store: SqliteStore, db: apsw.Connection) -> None:
    found = (Finding(id="i", severity="major", file="f"),)
    full = Verdict(
        gate="g", commit="c", verdict="fail", summary="s", evidence='"1" ✗\n', log="x.log", duration_s=1.5, findings=found
    )
    bare = Verdict(gate="h", commit="c", verdict="pass", summary="fine")
    facts = [f.VerdictGiven(task=name, attempt=f"r1-{name}.1", verdict=v) for name, v in (("T", full), ("U", full), ("T", bare))]
    store.commit("r1", 11.0, facts)
    assert reader.verdicts(db, "T") == [
        (11.0, "r1-T.1", "g", "c", "fail", "s", '"1" ✗\n', "x.log", 1.5, '[{"id":"i","severity":"major","file":"f"}]'),
        (11.0, "r1-T.1", "h", "c", "pass", "fine", "", "", 0.0, "[]"),
    ]
    assert len(reader.VERDICT) == 10


def test_events_after_a_number_are_those_a_watcher_has_not_seen(store: SqliteStore, db: apsw.Connection) -> None:
    last = store.commit("r1", 11.0, [f.Noticed(level="info", message="one")])
    seen = named(reader.EVENT, reader.events(db, "r1"))
    assert [event["kind"] for event in seen] == ["run.started", "notice"]
    assert seen[-1]["seq"] == last
    store.commit("r1", 12.0, [f.TaskFailed(task="T", reason="why")])
    assert reader.events(db, "r1", last) == [(3, 12.0, "task.failed", "T", "", '{"event":"task.failed","task":"T","reason":"why"}')]


def test_the_reader_cannot_write(db: apsw.Connection) -> None:
    with pytest.raises(apsw.ReadOnlyError):
        db.execute("DELETE FROM tasks")


def test_calls_within_one_block_see_the_same_moment(store: SqliteStore, db: apsw.Connection) -> None:
    with db:
        before = reader.events(db, "r1")
        store.commit("r1", 11.0, [f.Noticed(level="info", message="meanwhile")])
        assert reader.events(db, "r1") == before
    assert len(reader.events(db, "r1")) == len(before) + 1


def test_reading_needs_nothing_but_apsw() -> None:
    code = """import __future__, sys, apsw
before = set(sys.modules)
import chargehand.store.reader
print(sorted(set(sys.modules) - before))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['chargehand', 'chargehand.store', 'chargehand.store.reader']"


WATCHER = """
import sys
from chargehand.store import reader
db = reader.open_reader(sys.argv[1])
print("ready", flush=True)
looks = 0
while True:
    with db:
        run, events, row = reader.last_run(db), reader.events(db, "r1"), reader.tasks(db, "r1")[0]
    assert len(events) == 2 + 5 * row[reader.TASK.index("attempts")] + (run["state"] == "finished"), (len(events), row)
    looks += 1
    if run["state"] == "finished":
        break
print(looks, len(events))
"""


def test_two_readers_beside_a_writer_only_ever_see_whole_commits(store: SqliteStore, path: Path) -> None:
    store.commit("r1", 11.0, [f.Noticed(level="info", message="begin")], [task("T", 1)])
    readers = [
        subprocess.Popen([sys.executable, "-c", WATCHER, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        for one in readers:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for number in range(1, 201):
            store.commit("r1", 12.0, [f.Noticed(level="info", message=str(number))] * 5, [task("T", 1, "working", number)])
        store.commit("r1", 13.0, [f.RunFinished(run="r1", state="finished", reason="")])
        for one in readers:
            out, err = one.communicate(timeout=60)
            assert one.returncode == 0, err
            looks, events = map(int, out.split())
            assert events == 2 + 5 * 200 + 1
            assert looks >= 1
    finally:
        for one in readers:
            one.kill()
            one.communicate()


def test_history_tells_what_landed_tasks_took_in_any_run(store: SqliteStore, db: apsw.Connection) -> None:
    def attempt(run: str, number: int, outcome: str, began: float, ended: float) -> AttemptRow:
        name = f"{run}.T.{number}"
        return AttemptRow(name, "T", number, "x", "m", "ended", outcome, "", began, ended, 0, "b", "c", "p", 0.5, 10, 2)

    added = f.TaskAdded(task="T", order=0, title="t", priority=1, digest="d", estimate_hours=2.0)
    changed = msgspec.structs.replace(added, priority=0, estimate_hours=4.0)
    rows = [attempt("r1", 1, "gate_failed", 10.0, 15.0), attempt("r1", 2, "landed", 20.0, 27.0)]
    store.commit("r1", 11.0, [added, changed], attempts=rows, charges=[charge("T", "x", Usage(1, 1, 0.5))] * 2)
    store.commit("r2", 12.0, [added], attempts=[attempt("r2", 1, "landed", 30.0, 31.0)])
    store.reset(13.0)
    assert reader.history(db, 10) == [("x", 1, 2.0, 1.0, None), ("x", 0, 4.0, 12.0, 1.0)]
    assert reader.history(db, 1) == [("x", 1, 2.0, 1.0, None)]
    assert reader.landed_in(db, "r1") == {"T": 12.0}


def test_the_time_between_two_engines_is_nobodys(store: SqliteStore, db: apsw.Connection) -> None:
    going = f.RunContinued(run="r1", spec_digest="d", agent="a", jobs=1, version="1")
    begun = reader.all_runs(db)[0]["started_at"]
    store.commit("r1", begun + 5, [f.RunFinished(run="r1", state="stopped", reason="")])
    store.commit("r1", begun + 100, [going])
    store.commit("r1", begun + 103, [f.Noticed(level="info", message="its last word before it was killed")])
    store.commit("r1", begun + 200, [going])
    store.commit("r1", begun + 202, [f.RunFinished(run="r1", state="finished", reason="")])
    assert reader.worked_s(db, "r1") == pytest.approx(5 + 3 + 2)
