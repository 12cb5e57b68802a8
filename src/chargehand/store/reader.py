"""Reading the ledger for commands that must be quick: imports apsw and nothing else, gives plain tuples and dicts.

It never writes, so it works beside a running engine, after a killed one, and on a read-only file system. Wrap several calls in
``with db:`` to have them see the same moment. Times are Unix seconds, money is USD, None means "not reported".
"""

from __future__ import annotations

import os

import apsw

TYPE_CHECKING = False
if TYPE_CHECKING:  # without importing typing
    from collections.abc import Iterator, Sequence
    from typing import Any, TypeAlias

    Row: TypeAlias = tuple[Any, ...]

SCHEMA = 2
"""The newest ``user_version`` these queries understand."""

RUN = ("id", "state", "reason", "started_at", "ended_at", "spec", "target", "reset_at")
TASK = (
    "id", "position", "title", "priority", "needs", "state", "reason", "attempts", "cost_usd", "input_tokens", "output_tokens",
    "duration_s", "commit_id", "landed_at", "milestone", "tags",
)  # fmt: skip
ATTEMPT = (
    "id", "task", "number", "agent", "model", "state", "outcome", "reason", "started_at", "ended_at", "exit_code", "base",
    "commit_id", "proposal", "cost_usd", "input_tokens", "output_tokens",
)  # fmt: skip
VERDICT = ("at", "attempt", "gate", "commit", "verdict", "summary", "evidence", "log", "duration_s", "findings")
SUMS = ("calls", "unmeasured", "input_tokens", "output_tokens", "cost_usd")
EVENT = ("seq", "at", "kind", "task", "attempt", "body")

_NEWEST = 2000
"""So many events are looked through for the last pause."""

_BY_AN_AGENT = "agent NOT LIKE '(%'"
"""Reverts and tasks that were split are charged too, with nothing: nobody was called."""

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


def paused(db: apsw.Connection, run: str) -> str:
    """Who has paused a run whose engine lives; empty when nobody has. While it is paused little else is recorded."""
    newest = f"SELECT kind, body FROM events WHERE run = ? ORDER BY seq DESC LIMIT {_NEWEST}"
    turns = "('run.paused', 'run.resumed', 'run.continued')"
    row = db.execute(f"SELECT kind, body ->> '$.by' FROM ({newest}) WHERE kind IN {turns} LIMIT 1", (run,)).fetchone()
    return (row[1] or "somebody") if row and row[0] == "run.paused" else ""


def standing(db: apsw.Connection, run: str) -> list[Row]:
    """Id, state and ``needs`` (split by a space) of the tasks of a run, in the order of the file: a quarter of the cost of all."""
    return db.execute("SELECT id, state, needs FROM tasks WHERE run = ? ORDER BY position, id", (run,)).fetchall()


def tasks(db: apsw.Connection, run: str, only: Sequence[str] | None = None) -> list[Row]:
    """The tasks of a run in the order of the file, with the columns of TASK; ``needs`` is split by a space, ``tags`` by
    line ends. ``only``: those ids."""
    fields = ", ".join(TASK)
    if db.execute("PRAGMA user_version").get < 2:  # no engine of this version has opened it yet
        fields = fields.replace("tags", "''")
    which, values = ("", (run,)) if only is None else ("AND id IN (SELECT value FROM json_each(?))", (run, apsw.jsonb_encode(only)))
    return db.execute(f"SELECT {fields} FROM tasks WHERE run = ? {which} ORDER BY position, id", values).fetchall()


def tags(db: apsw.Connection, run: str) -> dict[str, list[str]]:
    """The tags of those tasks of a run that have any."""
    if db.execute("PRAGMA user_version").get < 2:  # no engine of this version has opened it yet
        return {}
    found = db.execute("SELECT id, tags FROM tasks WHERE run = ? AND tags <> ''", (run,))
    return {task: text.split("\n") for task, text in found}


def totals(db: apsw.Connection, run: str) -> dict[str, Any]:
    """``attempts``, ``duration_s``, and the keys of SUMS over what the run was charged."""
    work = db.execute("SELECT coalesce(sum(attempts), 0), coalesce(sum(duration_s), 0.0) FROM tasks WHERE run = ?", (run,)).get
    sums = db.execute(f"SELECT {_SUMS} FROM charges WHERE run = ? AND {_BY_AN_AGENT}", (run,)).get
    return {"attempts": work[0], "duration_s": work[1], **dict(zip(SUMS, sums, strict=True))}


def attempts(db: apsw.Connection, task: str) -> list[Row]:
    """The attempts of a task since the last reset, the first one first, with the columns of ATTEMPT."""
    query = f"""SELECT {", ".join(ATTEMPT)} FROM attempts
        WHERE task = ? AND run IN (SELECT id FROM runs WHERE reset_at IS NULL) ORDER BY started_at, number"""
    return db.execute(query, (task,)).fetchall()


def verdicts(db: apsw.Connection, task: str) -> list[Row]:
    """What gates, reviewers and people said of a task in every run, in order, with the columns of VERDICT; ``findings`` is JSON."""
    fields = ", ".join(f"coalesce(body ->> '$.verdict.{name}', '')" for name in VERDICT[2:-2])
    query = f"""SELECT at, coalesce(body ->> '$.of', attempt), {fields}, coalesce(body ->> '$.verdict.duration_s', 0.0),
            coalesce(body -> '$.verdict.findings', '[]')
        FROM events WHERE kind IN ('gate.verdict', 'review.given') AND task = ? ORDER BY seq"""
    return db.execute(query, (task,)).fetchall()


def charges(db: apsw.Connection, by: str, run: str | None = None) -> list[Row]:
    """What was paid, grouped by ``task``, ``stage``, ``agent`` or ``model``: the group, then the columns of SUMS.

    Over all runs, reset ones too, unless ``run`` is given; the dearest group first.
    """
    if by not in {"task", "stage", "agent", "model"}:
        raise ValueError(by)
    where = "" if run is None else "AND run = ?"
    query = f"SELECT {by}, {_SUMS} FROM charges WHERE {_BY_AN_AGENT} {where} GROUP BY 1 ORDER BY 6 DESC, 1"
    return db.execute(query, () if run is None else (run,)).fetchall()


def events(db: apsw.Connection, run: str, after_seq: int = 0) -> list[Row]:
    """The events of a run after a number, in order, with the columns of EVENT; ``body`` is JSON text."""
    query = f"SELECT {', '.join(EVENT)} FROM events WHERE run = ? AND seq > ? ORDER BY seq"
    return db.execute(query, (run, after_seq)).fetchall()


def unfinished(db: apsw.Connection, run: str) -> list[Row]:
    """The events of tasks that were tried and have not landed, and of the run as a whole, in order, with the columns of EVENT."""
    tried = "SELECT id FROM tasks WHERE run = events.run AND attempts > 0 AND state NOT IN ('landed', 'skipped')"
    query = f"""SELECT {", ".join(EVENT)} FROM events
        WHERE run = ? AND kind <> 'task.added' AND (task = '' OR task IN ({tried})) ORDER BY seq"""
    return db.execute(query, (run,)).fetchall()


def estimates(db: apsw.Connection, run: str) -> dict[str, float]:
    """What the spec estimates, in hours, of the tasks that have an estimate."""
    query = """SELECT task, body ->> '$.estimate_hours' FROM events
        WHERE run = ? AND kind = 'task.added' AND body ->> '$.estimate_hours' IS NOT NULL ORDER BY seq"""
    return dict(db.execute(query, (run,)))


def tempo(db: apsw.Connection, most: int) -> list[tuple[str, float]]:
    """The newest attempts that landed, in any run: task, and seconds from claim to landing."""
    query = """SELECT task, ended_at - started_at FROM attempts WHERE outcome = 'landed' AND ended_at IS NOT NULL
        ORDER BY ended_at DESC LIMIT ?"""
    return [(task, seconds) for task, seconds in db.execute(query, (most,))]


def history(db: apsw.Connection, most: int) -> list[Row]:
    """The newest tasks that agents landed, in any run: agent, priority, estimate in hours, seconds of all attempts, USD."""
    query = """WITH landed AS (
            SELECT run, task, agent, ended_at FROM attempts WHERE outcome = 'landed' ORDER BY ended_at DESC LIMIT ?),
        told AS MATERIALIZED (
            SELECT run, task, max(seq), body ->> '$.priority' AS priority, body ->> '$.estimate_hours' AS hours
            FROM events WHERE kind = 'task.added' GROUP BY run, task),
        took AS MATERIALIZED (SELECT run, task, sum(ended_at - started_at) AS seconds FROM attempts GROUP BY run, task),
        paid AS MATERIALIZED (SELECT run, task, sum(cost_usd) AS usd FROM charges GROUP BY run, task)
        SELECT agent, priority, hours, seconds, usd
        FROM landed JOIN told USING (run, task) JOIN took USING (run, task) LEFT JOIN paid USING (run, task)
        ORDER BY landed.ended_at DESC"""
    return db.execute(query, (most,)).fetchall()


def landed_in(db: apsw.Connection, run: str) -> dict[str, float]:
    """The tasks agents landed in a run, with the seconds of all their attempts."""
    query = """SELECT task, sum(ended_at - started_at) FROM attempts WHERE run = ? AND ended_at IS NOT NULL
        GROUP BY task HAVING sum(outcome = 'landed') > 0"""
    return dict(db.execute(query, (run,)))


def worked_s(db: apsw.Connection, run: str) -> float:
    """The seconds in which an engine worked on a run: not those between two engines."""
    query = """SELECT seq, at, kind FROM events WHERE run = ? AND kind IN ('run.started', 'run.continued', 'run.finished')
        ORDER BY seq"""
    total, begun = 0.0, None
    rows: list[Row] = db.execute(query, (run,)).fetchall()
    for seq, at, kind in rows:
        if begun is not None:
            last = at
            if kind != "run.finished":  # that engine was killed: it lived until its last word
                last = db.execute("SELECT max(at) FROM events WHERE run = ? AND seq < ?", (run, seq)).get
            total += last - begun
        begun = None if kind == "run.finished" else at
    return total


def all_runs(db: apsw.Connection) -> list[dict[str, Any]]:
    """Every run, the oldest first, with the keys of RUN."""
    return [dict(zip(RUN, row, strict=True)) for row in db.execute(f"SELECT {', '.join(RUN)} FROM runs ORDER BY number")]


def run_attempts(db: apsw.Connection, run: str) -> list[Row]:
    """Every attempt of a run, by its start, with the columns of ATTEMPT."""
    return db.execute(f"SELECT {', '.join(ATTEMPT)} FROM attempts WHERE run = ? ORDER BY started_at, id", (run,)).fetchall()


def task_events(db: apsw.Connection, run: str, task: str) -> list[Row]:
    """What happened to one task in a run, in order, with the columns of EVENT."""
    query = f"SELECT {', '.join(EVENT)} FROM events WHERE run = ? AND task = ? ORDER BY seq"
    return db.execute(query, (run, task)).fetchall()


def latest_events(db: apsw.Connection, run: str, most: int) -> list[Row]:
    """The last events of a run, in order, with the columns of EVENT; tasks that were added are left out."""
    query = f"""SELECT * FROM (SELECT {", ".join(EVENT)} FROM events WHERE run = ? AND kind <> 'task.added'
        ORDER BY seq DESC LIMIT ?) ORDER BY seq"""
    return db.execute(query, (run, most)).fetchall()


def settings(db: apsw.Connection, run: str) -> str:
    """The settings a run goes with, as JSON."""
    return str(db.execute("SELECT config FROM runs WHERE id = ?", (run,)).get or "{}")


def mark(db: apsw.Connection) -> int:
    """Another number whenever another connection committed something: microseconds, so that one can ask often."""
    return int(db.pragma("data_version"))


def journal(db: apsw.Connection, run: str = "") -> Iterator[Row]:
    """Every event of every run (or of one) in order: ``seq``, ``at``, ``run``, ``body``."""
    where = "WHERE run = ?" if run else ""
    yield from db.execute(f"SELECT seq, at, run, body FROM events {where} ORDER BY seq", (run,) if run else ())


def resets(db: apsw.Connection, run: str = "") -> dict[int, tuple[float, str]]:
    """When the ledger was reset: the event it came after, to the moment and the newest run that it ended (or just ``run``)."""
    query = """SELECT coalesce((SELECT max(seq) FROM events WHERE events.run = runs.id), 0), reset_at, id FROM runs
        WHERE reset_at IS NOT NULL ORDER BY number"""
    rows: list[tuple[int, float, str]] = [row for row in db.execute(query) if run in {"", row[2]}]
    moments = {at: (last, name) for last, at, name in rows}  # the newest run of each moment
    return {last: (at, name) for at, (last, name) in moments.items()}


def every_attempt(db: apsw.Connection) -> list[dict[str, Any]]:
    """Every attempt of every run, and every planner's call that ended: ``id``, ``run``, ``task``, ``state``, ``ended_at``, and
    ``base`` (empty for a planner's)."""
    names = ("id", "run", "task", "state", "ended_at", "base")
    query = f"""SELECT {", ".join(names)} FROM attempts
        UNION ALL SELECT attempt, run, task, 'ended', at, '' FROM events WHERE kind = 'task.replanned'"""
    return [dict(zip(names, row, strict=True)) for row in db.execute(query)]


def health(path: str | os.PathLike[str]) -> str | None:
    """What is wrong with the ledger, empty when it is sound, None when there is none. Reads all of it.

    Raises EnvironmentProblem when it was made by a newer chargehand.
    """
    name = os.fspath(path)
    if not os.path.exists(name):  # noqa: PTH110
        return None
    try:
        db, version = _open(name)
        if version > SCHEMA:
            raise _problem(f"the ledger {name} was made by a newer chargehand", "upgrade chargehand")
        said = str(db.execute("PRAGMA integrity_check(1)").get)
        count, last = db.execute("SELECT count(*), coalesce(max(seq), 0) FROM events").get if version else (0, 0)
        db.close()
    except apsw.Error as error:
        return str(error)
    if said != "ok" or not version:
        return " ".join(said.split()) if version else "it is empty"
    return "" if count == last else f"{last - count} events are missing"


class _Reader(apsw.Connection):
    """A connection whose ``with`` tells a damaged file for what it is."""

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        try:
            return bool(super().__exit__(kind, error, trace))
        finally:
            if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
                hint = "chargehand doctor --rebuild FILE makes it anew from an audit log"
                raise _problem(f"the ledger {self.filename} is damaged ({error})", hint) from error


def _open(name: str, flags: int = apsw.SQLITE_OPEN_READONLY) -> tuple[apsw.Connection, int]:
    db = _Reader(name, flags=flags)
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
