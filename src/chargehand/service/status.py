"""What stands where, from the ledger's tables. Imports little: this is asked often, on big specs, and must answer at once."""

from __future__ import annotations

import time

from chargehand.model.words import spoken
from chargehand.service.project import Project
from chargehand.store import reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from chargehand.model.task import Spec
    from chargehand.model.work import TaskState
    from chargehand.service.outputs import RunObject, Status, TaskObject

SCHEMA_VERSION = 1
STATES = ("landed", "working", "judging", "queued", "ready", "waiting", "needs_human", "failed", "skipped", "cancelled")
_ATTENTION = ("working", "judging", "queued", "needs_human", "failed", "ready", "waiting", "cancelled", "skipped", "landed")
_DONE = ("landed", "skipped")
_ACTIVE = ("working", "judging", "queued")


def status(project: Project, states: tuple[str, ...] = (), most: int | None = None, tags: tuple[str, ...] = ()) -> Status | None:
    """The last run, its totals and its tasks (those in one of ``states``, with one of ``tags``, when given). None when nothing has
    run yet.

    Of more than ``most`` tasks only those that need attention are given; the totals are of all.

    States are derived from facts: a task not begun is ``ready`` when all it needs has landed, else ``waiting``, with the reason; a
    run whose engine is gone is ``interrupted``, whatever it wrote last, and one in which nothing new may start is ``paused``.
    """
    db = reader.open_reader(project.ledger)
    if db is None:
        return None
    with db:  # one moment for all that is read
        run = reader.last_run(db)
        name = run["id"] if run else ""
        totals, standing = reader.totals(db, name), reader.standing(db, name)
        raw = {row[0]: row[1] for row in standing}
        stand = _stand(standing, raw)
        chosen = _chosen(stand, states, _tagged(reader.tags(db, name), raw, tags) if tags else None, most)
        rows = reader.tasks(db, name, None if len(chosen) == len(stand) else [standing[place][0] for place in chosen])
        alive = run is not None and run["state"] == "running" and engine_of(project) is not None
        paused = reader.paused(db, name) if alive else ""
    db.close()
    if run is None or run["reset_at"] is not None:
        return None
    return {
        "schema_version": SCHEMA_VERSION,
        "run": _run(run, alive, paused),
        "totals": {
            "tasks": len(stand),
            "by_state": _count(stand),
            "cost_usd": totals["cost_usd"] or 0.0,
            "input_tokens": totals["input_tokens"] or 0,
            "output_tokens": totals["output_tokens"] or 0,
            "unmeasured_calls": totals["unmeasured"],
            "attempts": totals["attempts"],
            "working_s": round(totals["duration_s"], 3),
            "elapsed_s": round(max(0.0, (run["ended_at"] or time.time()) - run["started_at"]), 3),
        },
        "tasks": [_task(row, stand[place], _reason(row, raw, alive)) for place, row in zip(chosen, rows, strict=True)],
    }


def _stand(standing: Sequence[tuple[Any, ...]], raw: Mapping[str, str]) -> list[TaskState]:
    """The state of each task as it is shown: what is stored as ``todo`` waits, or is ready."""
    undone = {task for task, state in raw.items() if state not in _DONE}
    return [
        state if state != "todo" else "ready" if undone.isdisjoint(needs.split()) else "waiting" for _, state, needs in standing
    ]


def _tagged(told: Mapping[str, Sequence[str]], tasks: Iterable[str], tags: tuple[str, ...]) -> set[int]:
    """The places of ``tasks`` that have one of ``tags``, written large or small."""
    wanted = {tag.casefold() for tag in tags}
    return {place for place, task in enumerate(tasks) if not wanted.isdisjoint(tag.casefold() for tag in told.get(task, ()))}


def _chosen(stand: Sequence[str], states: tuple[str, ...], among: set[int] | None, most: int | None) -> Sequence[int]:
    """The places of the tasks to tell about, in the order of the file; ``among``: only of these."""
    chosen: Sequence[int] = range(len(stand)) if among is None else sorted(among)
    if states:
        chosen = [place for place in chosen if stand[place] in states]
    if most is not None and len(chosen) > most:
        rank = {state: number for number, state in enumerate(_ATTENTION)}
        chosen = sorted(sorted(chosen, key=lambda place: rank[stand[place]])[:most])
    return chosen


def _count(stand: Sequence[str]) -> dict[str, int]:
    return {state: number for state in STATES if (number := stand.count(state))}


def _reason(row: tuple[Any, ...], raw: Mapping[str, str], alive: bool) -> str:
    needs, state, reason = row[4:7]
    if state == "todo" and (missing := [need for need in needs.split() if raw.get(need, "landed") not in _DONE]):
        return "waiting for " + ", ".join(
            f"{need} ({spoken(raw[need])})" if raw[need] in {"failed", "needs_human", "cancelled"} else need for need in missing[:5]
        )
    if state in _ACTIVE and not alive:
        return f"{reason}; no engine is running, `chargehand run` continues" if reason else "no engine is running"
    return str(reason)


def _task(row: tuple[Any, ...], state: TaskState, reason: str) -> TaskObject:
    return {
        "id": row[0],
        "title": row[2],
        "priority": f"P{row[3]}",
        "state": state,
        "reason": reason,
        "needs": row[4].split(),
        "attempts": row[7],
        "cost_usd": row[8],
        "input_tokens": row[9],
        "output_tokens": row[10],
        "duration_s": round(row[11], 3),
        "commit": row[12] or None,
        "landed": state == "landed",
        "milestone": row[14],
        "tags": row[15].split("\n") if row[15] else [],
    }


def _run(run: Mapping[str, Any], alive: bool, paused: str) -> RunObject:
    state, reason = run["state"], run["reason"]
    if state == "running" and not alive:
        state, reason = "interrupted", "its engine is gone; `chargehand run` continues it"
    elif paused:
        state, reason = "paused", f"by {paused}: nothing new starts until `chargehand resume`"
    return {
        "id": run["id"],
        "state": state,
        "reason": reason,
        "started_at": stamp(run["started_at"]),
        "ended_at": stamp(run["ended_at"]),
        "spec": run["spec"],
        "target": run["target"],
    }


def engine_of(project: Project) -> dict[str, Any] | None:
    """Who holds the project's lock right now; None when nobody does."""
    from chargehand.process.lock import holder

    return holder(project.lock)


def stamp(at: float | None) -> str | None:
    """Unix seconds as ISO 8601 in UTC, to the millisecond."""
    if at is None:
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"


def before_run(spec: Spec, states: tuple[str, ...] = (), most: int | None = None, tags: tuple[str, ...] = ()) -> Status:
    """The same picture before anything has run: what the spec says."""
    done = {task.id for task in spec.tasks if task.status == "done"}
    rows: list[TaskObject] = []
    for task in spec.tasks:
        missing = [need for need in task.needs if need not in done]
        state: TaskState = "landed" if task.id in done else "waiting" if missing else "ready"
        reason = "done in the spec" if task.id in done else f"waiting for {', '.join(missing[:5])}" if missing else ""
        row = (
            task.id,
            0,
            task.title,
            task.priority,
            " ".join(task.needs),
            "",
            "",
            0,
            None,
            None,
            None,
            0.0,
            "",
            None,
            task.milestone,
            "\n".join(" ".join(tag.split()) for tag in task.tags),
        )
        rows.append(_task(row, state, reason))
    stand = [row["state"] for row in rows]
    among = _tagged({row["id"]: row["tags"] for row in rows}, [row["id"] for row in rows], tags) if tags else None
    return {
        "schema_version": SCHEMA_VERSION,
        "run": None,
        "totals": {
            "tasks": len(rows),
            "by_state": _count(stand),
            "cost_usd": 0.0,
            "input_tokens": 0,
            "output_tokens": 0,
            "unmeasured_calls": 0,
            "attempts": 0,
            "working_s": 0.0,
            "elapsed_s": 0.0,
        },
        "tasks": [rows[place] for place in _chosen(stand, states, among, most)],
    }
