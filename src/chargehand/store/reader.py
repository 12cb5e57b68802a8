"""Reading the ledger for commands that must be quick: imports apsw and nothing else, gives plain tuples and dicts.

It never writes, so it works beside a running engine, after a killed one, and on a read-only file system. Wrap several calls in
``with db:`` to have them see the same moment. Times are Unix seconds, money is USD, None means "not reported".
"""

from __future__ import annotations

import os

import apsw

TYPE_CHECKING = False
if TYPE_CHECKING:  # without importing typing
    from typing import Any, TypeAlias

    Row: TypeAlias = tuple[Any, ...]

SCHEMA = 1
"""The newest ``user_version`` these queries understand."""

RUN = ("id", "state", "reason", "started_at", "ended_at", "spec", "target", "reset_at")
TASK = (
    "id", "position", "title", "priority", "needs", "state", "reason", "attempts", "cost_usd", "input_tokens", "output_tokens",
    "duration_s", "commit_id", "landed_at", "milestone",
)  # fmt: skip
ATTEMPT = (
    "id", "task", "number", "agent", "model", "state", "outcome", "reason", "started_at", "ended_at", "exit_code", "base",
    "commit_id", "proposal", "cost_usd", "input_tokens", "output_tokens",
)  # fmt: skip
VERDICT = ("at", "attempt", "gate", "commit", "verdict", "summary", "evidence", "log", "duration_s")
SUMS = ("calls", "unmeasured", "input_tokens", "output_tokens", "cost_usd")
EVENT = ("seq", "at", "kind", "task", "attempt", "body")

_SUMS = "count(*), coalesce(sum(NOT measured), 0), sum(input_tokens), sum(output_tokens), sum(cost_usd)"


def open_reader(path: str | os.PathLike[str]) -> apsw.Connection | None:
    """The ledger, read-only; None when nothing was ever recorded there.

    Raises EnvironmentProblem when the file is no ledger, damaged, unreadable or made by a newer chargehand.
    """
    name = os.fspath(path)
    if not os.path.exists(name):  # noqa: PTH110 - pathlib would cost more than the query
        return None
    try:
        try:
            db, version = _open(name)
        except apsw.CantOpenError:  # no place for the shared index: safe to do without when the last writer closed in peace
            db, version = _open_unshared(name)
    except apsw.Error as error:
        if getattr(error, "extendedresult", 0) == apsw.SQLITE_READONLY_ROLLBACK:  # its maker was killed too early
            return None
        raise _problem(f"the ledger {name} cannot be read: {error}", "run chargehand as its owner, or restore it") from error
    if version > SCHEMA:
        db.close()
        raise _problem(f"the ledger {name} was made by a newer chargehand", "upgrade chargehand")
    return db if version else None


def last_run(db: apsw.Connection) -> dict[str, Any] | None:
    """The newest run, with the keys of RUN."""
    rows = db.execute(f"SELECT {', '.join(RUN)} FROM runs ORDER BY number DESC LIMIT 1").fetchall()
    return dict(zip(RUN, rows[0], strict=True)) if rows else None


def tasks(db: apsw.Connection, run: str) -> list[Row]:
    """The tasks of a run in the order of the file, with the columns of TASK; ``needs`` is split by a space."""
    return db.execute(f"SELECT {', '.join(TASK)} FROM tasks WHERE run = ? ORDER BY position, id", (run,)).fetchall()


def totals(db: apsw.Connection, run: str) -> dict[str, Any]:
    """``states`` (how many tasks are in each), ``attempts``, ``duration_s``, and the keys of SUMS over what the run was charged."""
    states: list[Any] = db.execute("SELECT state, count(*) FROM tasks WHERE run = ? GROUP BY state", (run,)).fetchall()
    work = db.execute("SELECT coalesce(sum(attempts), 0), coalesce(sum(duration_s), 0.0) FROM tasks WHERE run = ?", (run,)).get
    sums = db.execute(f"SELECT {_SUMS} FROM charges WHERE run = ?", (run,)).get
    return {"states": dict(states), "attempts": work[0], "duration_s": work[1], **dict(zip(SUMS, sums, strict=True))}


def attempts(db: apsw.Connection, run: str, task: str) -> list[Row]:
    """The attempts of a task, the first one first, with the columns of ATTEMPT."""
    query = f"SELECT {', '.join(ATTEMPT)} FROM attempts WHERE run = ? AND task = ? ORDER BY number"
    return db.execute(query, (run, task)).fetchall()


def verdicts(db: apsw.Connection, run: str, task: str) -> list[Row]:
    """Everything gates said of a task, in order, with the columns of VERDICT."""
    fields = ", ".join(f"coalesce(body ->> '$.verdict.{name}', '')" for name in VERDICT[2:-1])
    query = f"""SELECT at, attempt, {fields}, coalesce(body ->> '$.verdict.duration_s', 0.0)
        FROM events WHERE kind = 'gate.verdict' AND run = ? AND task = ? ORDER BY seq"""
    return db.execute(query, (run, task)).fetchall()


def charges(db: apsw.Connection, by: str, run: str | None = None) -> list[Row]:
    """What was paid, grouped by ``task``, ``stage``, ``agent`` or ``model``: the group, then the columns of SUMS.

    Over all runs, reset ones too, unless ``run`` is given; the dearest group first.
    """
    if by not in {"task", "stage", "agent", "model"}:
        raise ValueError(by)
    where = "" if run is None else "WHERE run = ?"
    query = f"SELECT {by}, {_SUMS} FROM charges {where} GROUP BY 1 ORDER BY 6 DESC, 1"
    return db.execute(query, () if run is None else (run,)).fetchall()


def events(db: apsw.Connection, run: str, after_seq: int = 0) -> list[Row]:
    """The events of a run after a number, in order, with the columns of EVENT; ``body`` is JSON text."""
    query = f"SELECT {', '.join(EVENT)} FROM events WHERE run = ? AND seq > ? ORDER BY seq"
    return db.execute(query, (run, after_seq)).fetchall()


def _open(name: str, flags: int = apsw.SQLITE_OPEN_READONLY) -> tuple[apsw.Connection, int]:
    db = apsw.Connection(name, flags=flags)
    try:
        db.set_busy_timeout(5000)
        return db, db.execute("PRAGMA user_version").get
    except BaseException:
        db.close()
        raise


def _open_unshared(name: str) -> tuple[apsw.Connection, int]:
    from urllib.parse import quote

    if os.path.exists(f"{name}-wal") and os.path.getsize(f"{name}-wal"):  # noqa: PTH110, PTH202
        raise apsw.CantOpenError("its log cannot be read without write access to the directory")
    return _open(f"file:{quote(name)}?immutable=1", apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def _problem(message: str, hint: str) -> Exception:
    from chargehand.model.errors import EnvironmentProblem

    return EnvironmentProblem(message, hint=hint)
