"""The ledger in one SQLite file: append-only events and charges, and tables folded from them. One writer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from chargehand.model.errors import EnvironmentProblem
from chargehand.model.facts import Event, Fact, RunContinued, RunFinished, RunStarted, TaskRemoved
from chargehand.model.work import Usage
from chargehand.ports import AttemptRow, Charge, PaidRow, Request, RunRow, TaskRow
from chargehand.store.connection import connect, explained, transaction

_PAGE = 1000

_INSERT_EVENT = "INSERT INTO events (run, at, kind, task, attempt, body) VALUES (?, ?, ?, ?, ?, ?)"
_REPLACE_TASK = """INSERT OR REPLACE INTO tasks (run, id, position, title, priority, needs, state, reason, attempts, cost_usd,
    input_tokens, output_tokens, duration_s, commit_id, landed_at, milestone, tags) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"""
_REPLACE_ATTEMPT = """INSERT OR REPLACE INTO attempts (run, task, number, id, agent, model, state, outcome, reason, started_at,
    ended_at, exit_code, base, commit_id, proposal, cost_usd, input_tokens, output_tokens)
    VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"""
_INSERT_CHARGE = """INSERT INTO charges (run, at, task, attempt, stage, agent, model, input_tokens, output_tokens, cost_usd,
    measured) VALUES (?,?,?,?,?,?,?,?,?,?,?)"""
_START_RUN = "INSERT INTO runs (id, started_at, state, reason, spec, target, config) VALUES (?, ?, 'running', '', ?, ?, ?)"
_CONTINUE_RUN = "UPDATE runs SET state = 'running', reason = '', ended_at = NULL, config = ? WHERE id = ?"
_FINISH_RUN = "UPDATE runs SET state = ?, reason = ?, ended_at = ? WHERE id = ?"
_REMOVE_TASK = "DELETE FROM tasks WHERE run = ? AND id = ? AND state <> 'landed'"

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Fact] = msgspec.json.Decoder(Fact)


class SqliteStore:
    """The Store port. Every method blocks, and may raise EnvironmentProblem or Locked; the store stays usable after."""

    def __init__(self, db: apsw.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    @classmethod
    def open(cls, path: Path) -> SqliteStore:
        """Open the ledger at ``path``; its directory must exist, the file is made when missing.

        Raises EnvironmentProblem when the file is not a ledger, damaged, made by a newer chargehand, or cannot be written; Locked
        when another program keeps it locked for more than five seconds.
        """
        return cls(connect(path, owner=True), path)

    @classmethod
    def build(cls, path: Path) -> SqliteStore:
        """A new ledger that nobody relies on before it is closed, flushed and put in its place: until then nothing is durable."""
        store = cls.open(path)
        store._db.pragma("synchronous", "OFF")
        return store

    def close(self) -> None:
        self._db.close()

    def open_run(self) -> RunRow | None:
        """The newest run that neither finished nor was reset."""
        query = """SELECT id, state, reason, started_at, ended_at, spec, target FROM runs
            WHERE reset_at IS NULL AND state <> 'finished' ORDER BY number DESC LIMIT 1"""
        rows = self._rows(query)
        return RunRow(*rows[0]) if rows else None

    def new_run_id(self) -> str:
        """``r1``, ``r2`` ...: never used before, not even by a run that was reset."""
        return f"r{self._rows('SELECT coalesce(max(number), 0) + 1 FROM runs')[0][0]}"

    def commit(
        self,
        run: str,
        at: float,
        facts: Sequence[Fact],
        tasks: Sequence[TaskRow] = (),
        attempts: Sequence[AttemptRow] = (),
        charges: Sequence[Charge] = (),
    ) -> int:
        """Make all of it durable in one transaction; returns the number of the last event (0 when there is none yet).

        When it raises, nothing of it is in the ledger.
        """
        events = [_event_values(run, at, fact) for fact in facts]
        db = self._db
        with explained(self._path), transaction(db):
            db.executemany(_INSERT_EVENT, events)
            last = db.last_insert_rowid() if events else db.execute("SELECT coalesce(max(seq), 0) FROM events").get
            for fact in facts:
                self._fold(run, at, fact)
            if tasks:
                db.executemany(_REPLACE_TASK, [_task_values(run, row) for row in tasks])
            if attempts:
                db.executemany(_REPLACE_ATTEMPT, [_attempt_values(run, row) for row in attempts])
            if charges:
                db.executemany(_INSERT_CHARGE, [_charge_values(run, at, charge) for charge in charges])
        return int(last)

    def _fold(self, run: str, at: float, fact: Fact) -> None:
        """The changes to tables that the caller gives no rows for."""
        match fact:
            case RunStarted():
                self._db.execute(_START_RUN, (fact.run, at, fact.spec, fact.target, _json(fact.config)))
            case RunContinued():
                self._db.execute(_CONTINUE_RUN, (_json(fact.config), fact.run))
            case RunFinished():
                self._db.execute(_FINISH_RUN, (fact.state, fact.reason, at, fact.run))
            case TaskRemoved():
                self._db.execute(_REMOVE_TASK, (run, fact.task))
            case _:
                pass

    def events(self, run: str) -> Iterator[Event]:
        """Every event of a run, in order. Read page by page, so that no read transaction stays open while the caller works."""
        last = 0
        query = "SELECT seq, at, body FROM events WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?"
        while page := self._rows(query, (run, last, _PAGE)):
            for seq, at, body in page:
                yield Event(seq, at, run, self._fact(seq, body))
                last = seq

    def paid(self) -> Iterator[PaidRow]:
        """Every charge of the project's life, of runs that were reset too, oldest first."""
        query = "SELECT run, at, task, attempt, input_tokens, output_tokens, cost_usd FROM charges ORDER BY id"
        for run, at, task, attempt, *usage in self._rows(query):
            yield PaidRow(run, at, task, attempt, Usage(*usage))

    def landed_before(self) -> dict[str, str]:
        """Task id to commit, of every task that had landed in the newest run that has it and was not reset."""
        query = """SELECT tasks.id, commit_id, tasks.state, max(number) FROM tasks JOIN runs ON runs.id = tasks.run
            WHERE reset_at IS NULL GROUP BY tasks.id HAVING tasks.state = 'landed'"""
        return {task: commit for task, commit, *_ in self._rows(query)}

    def skipped_before(self) -> frozenset[str]:
        """Tasks that a person had skipped when the last run ended, unless that run was reset."""
        query = """SELECT tasks.id FROM tasks JOIN runs ON runs.id = tasks.run WHERE reset_at IS NULL AND tasks.state = 'skipped'
            AND number = (SELECT max(number) FROM runs)"""
        return frozenset(row[0] for row in self._rows(query))

    def reset(self, at: float) -> None:
        """From here on no run counts as open, and nothing as landed. What was paid stays on the bill."""
        with explained(self._path), transaction(self._db):
            self._db.execute("UPDATE runs SET reset_at = ? WHERE reset_at IS NULL", (at,))

    def requests(self) -> list[Request]:
        """What other processes asked for and nobody answered yet, oldest first."""
        rows = self._rows("SELECT id, at, kind, body FROM requests WHERE answered_at IS NULL ORDER BY id")
        return [Request(*row) for row in rows]

    def answered(self, ids: Sequence[int]) -> None:
        """Mark requests as acted on."""
        with explained(self._path), transaction(self._db):
            self._db.executemany("UPDATE requests SET answered_at = unixepoch('subsec') WHERE id = ?", [(one,) for one in ids])

    def _rows(self, query: str, values: tuple[apsw.SQLiteValue, ...] = ()) -> list[tuple[Any, ...]]:
        with explained(self._path):
            return self._db.execute(query, values).fetchall()

    def _fact(self, seq: int, body: str) -> Fact:
        try:
            return _decoder.decode(body)
        except msgspec.DecodeError as error:
            message = f"event {seq} of the ledger {self._path} cannot be understood: {error}"
            raise EnvironmentProblem(message, hint="upgrade chargehand if a newer version worked here") from error


def _event_values(run: str, at: float, fact: Fact) -> tuple[apsw.SQLiteValue, ...]:
    kind = str(type(fact).__struct_config__.tag)
    return (run, at, kind, getattr(fact, "task", ""), getattr(fact, "attempt", ""), _json(fact))


def _task_values(run: str, row: TaskRow) -> tuple[apsw.SQLiteValue, ...]:
    return (
        run, row.id, row.order, row.title, row.priority, " ".join(row.needs), row.state, row.reason, row.attempts, row.cost_usd,
        row.input_tokens, row.output_tokens, row.duration_s, row.commit, row.landed_at, row.milestone,
        "\n".join(row.tags),
    )  # fmt: skip


def _attempt_values(run: str, row: AttemptRow) -> tuple[apsw.SQLiteValue, ...]:
    return (
        run, row.task, row.number, row.id, row.agent, row.model, row.state, row.outcome, row.reason, row.started_at, row.ended_at,
        row.exit_code, row.base, row.commit, row.proposal, row.cost_usd, row.input_tokens, row.output_tokens,
    )  # fmt: skip


def _charge_values(run: str, at: float, charge: Charge) -> tuple[apsw.SQLiteValue, ...]:
    usage = charge.usage
    return (
        run, at, charge.task, charge.attempt, charge.stage, charge.agent, charge.model, usage.input_tokens, usage.output_tokens,
        usage.cost_usd, charge.measured,
    )  # fmt: skip


def _json(value: object) -> str:
    return _encoder.encode(value).decode()
