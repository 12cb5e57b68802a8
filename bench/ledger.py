"""CPU seconds to record and to read a run of 10,000 tasks, at batches of five facts. Run: python bench/ledger.py"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from chargehand.model import facts as f
from chargehand.model.work import Exit, Usage, Verdict
from chargehand.ports import AttemptRow, Charge, TaskRow
from chargehand.store import reader
from chargehand.store.sqlite import SqliteStore

USAGE = Usage(1200, 340, 0.05)


def task(number: int, state: str) -> TaskRow:
    needs = (f"TASK-{number - 1:05d}",) if number else ()
    return TaskRow(f"TASK-{number:05d}", number, f"Build part {number}", 2, needs, state, "", 0, None, None, None, 0.0, "", None)


def work(store: SqliteStore, number: int) -> None:
    """One commit, as one attempt makes several of."""
    name, attempt, commit = f"TASK-{number:05d}", f"r1-TASK-{number:05d}.1", f"{number:040x}"
    store.commit(
        "r1",
        1.0,
        [
            f.AttemptClaimed(task=name, attempt=attempt, number=1, agent="agent", base=commit),
            f.AttemptExited(
                task=name, attempt=attempt, exit=Exit(cause="exited", code=0, started_at=1.0, ended_at=2.0), usage=USAGE
            ),
            f.CommitTaken(task=name, attempt=attempt, commit=commit, proposal=commit, base=commit, files=("a.py", "b.py")),
            f.VerdictGiven(
                task=name, attempt=attempt, verdict=Verdict(gate="tests", commit=commit, verdict="pass", summary="12 passed")
            ),
            f.TaskLanded(task=name, attempt=attempt, commit=commit),
        ],
        [task(number, "landed")],
        [AttemptRow(attempt, name, 1, "agent", "", "ended", "landed", "", 1.0, 2.0, 0, commit, commit, commit, 0.05, 1200, 340)],
        [Charge(name, attempt, "work", "agent", "", USAGE, True)],
    )


def work_all(store: SqliteStore, count: int) -> None:
    for number in range(count):
        work(store, number)


def cpu_ms(act: Callable[[], object]) -> float:
    begin = time.process_time()
    act()
    return (time.process_time() - begin) * 1000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tasks", type=int, default=10_000)
    count = arguments.parse_args().tasks
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "ledger.db"
        store = SqliteStore.open(path)
        begin = f.RunStarted(run="r1", spec="tasks.md", spec_digest="", target="main", base="", agent="agent", jobs=4, version="1")
        store.commit("r1", 0.0, [begin], [task(number, "todo") for number in range(count)])
        wall = time.perf_counter()
        spent = cpu_ms(lambda: work_all(store, count))
        wall = time.perf_counter() - wall
        print(f"record: {spent * 1000 / count / 5:.1f} us CPU a fact, {count / wall:.0f} durable commits a second")
        print(f"fold:   {cpu_ms(lambda: sum(1 for _ in store.events('r1'))):.1f} ms CPU for {5 * count + 1} events")
        db = reader.open_reader(path)
        assert db is not None
        rows = min(cpu_ms(lambda: reader.tasks(db, "r1")) for _ in range(5))
        sums = min(cpu_ms(lambda: reader.totals(db, "r1")) for _ in range(5))
        print(f"read:   {rows:.1f} ms CPU for {count} tasks, {sums:.1f} ms for the totals")
        db.close()
        store.close()


if __name__ == "__main__":
    main()
