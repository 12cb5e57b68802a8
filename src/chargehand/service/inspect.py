"""Looking closely: one task, its transcripts, why it stands where it stands, what was paid."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from chargehand.model.errors import UsageProblem
from chargehand.model.work import Finding
from chargehand.service import status as statuses
from chargehand.service.outputs import AttemptObject, Costs, Diff, Group, RunObject, Show, Status, Sums, TaskObject, Why
from chargehand.service.project import Project
from chargehand.service.status import SCHEMA_VERSION, stamp
from chargehand.store import reader

_RECENT = 500


def overview(project: Project) -> Status:
    """The status, or UsageProblem when nothing has run yet."""
    found = statuses.status(project)
    if found is None:
        raise UsageProblem("nothing has run here yet", hint="start with: chargehand run --all")
    return found


def _last_run(seen: Status) -> RunObject:
    assert seen["run"] is not None, "an overview is of a run"
    return seen["run"]


def show(project: Project, task_id: str) -> Show:
    """Everything known of one task: its state, attempts, verdicts, and where the logs and commits are."""
    seen = overview(project)
    task, run = _task(seen, task_id), _last_run(seen)
    db = reader.open_reader(project.ledger)
    assert db is not None
    with db:
        rows = [dict(zip(reader.ATTEMPT, row, strict=True)) for row in reader.attempts(db, task["id"])]
        verdicts = [_verdict(dict(zip(reader.VERDICT, row, strict=True))) for row in reader.verdicts(db, task["id"])]
    db.close()
    attempts = [_attempt(project, row, [said for said in verdicts if said["attempt"] == row["id"]]) for row in rows]
    return {"schema_version": SCHEMA_VERSION, "run": run, "task": task, "attempts": attempts}


def _attempt(project: Project, row: dict[str, Any], verdicts: list[dict[str, Any]]) -> AttemptObject:
    place = project.state / "attempts" / row["id"]
    commit = row.pop("commit_id") or None
    added = {
        "started_at": stamp(row["started_at"]),
        "ended_at": stamp(row["ended_at"]),
        "commit": commit,
        "ref": f"refs/chargehand/attempts/{row['id']}" if commit else None,
        "transcript": _existing(place / "stdout.log", project),
        "prompt": _existing(place / "prompt.md", project),
        "verdicts": [{key: value for key, value in said.items() if key not in {"attempt", "at"}} for said in verdicts],
    }
    return cast("AttemptObject", {**row, **added})


def _verdict(row: dict[str, Any]) -> dict[str, Any]:
    found = msgspec.json.decode(row["findings"], type=tuple[Finding, ...])
    return {**row, "findings": [{name: getattr(one, name) for name in Finding.__struct_fields__} for one in found]}


def find(project: Project, task_id: str) -> TaskObject:
    """The task of that id, or whose id begins so unmistakably. Raises UsageProblem when there is none."""
    return _task(overview(project), task_id)


def why(project: Project, task_id: str) -> Why:
    """Why a task is in its state: the reason, what it waits for (followed to the roots), what failed last, what to do."""
    seen = overview(project)
    tasks = {task["id"]: task for task in seen["tasks"]}
    task = _task(seen, task_id)
    roots: dict[str, TaskObject] = {}
    queue = [task["id"]]
    visited = set(queue)
    for name in queue:  # grows while it is walked
        for need in tasks[name]["needs"]:
            if need in tasks and need not in visited and tasks[need]["state"] not in {"landed", "skipped"}:
                visited.add(need)
                queue.append(need)
                if tasks[need]["state"] != "waiting":
                    roots[need] = tasks[need]
    return {
        "schema_version": SCHEMA_VERSION,
        "task": task["id"],
        "state": task["state"],
        "reason": _turn(project, seen) if task["state"] == "ready" else task["reason"],
        "waits_for": [{"id": root["id"], "state": root["state"], "reason": root["reason"]} for root in roots.values()],
        "next": _advice(task, list(roots.values()), under_way=_last_run(seen)["state"] == "running"),
    }


def _turn(project: Project, seen: Status) -> str:
    """Why a task that could be worked on is not; empty when nothing is under way."""
    run = _last_run(seen)
    if run["state"] != "running":
        return ""
    db = reader.open_reader(project.ledger)
    assert db is not None
    with db:
        jobs = msgspec.json.decode(reader.settings(db, run["id"]))["jobs"]
        notices = [msgspec.json.decode(row[5]) for row in reader.latest_events(db, run["id"], _RECENT) if row[2] == "notice"]
    db.close()
    active = sum(seen["totals"]["by_state"].get(state, 0) for state in ("working", "judging", "queued"))
    told = [notice["message"] for notice in notices if notice["level"] == "note"] if active < jobs else []
    return "; ".join([f"its turn comes: {active} of up to {jobs} are at work", *told[-1:]])


def _advice(task: TaskObject, roots: list[TaskObject], *, under_way: bool) -> str:
    match task["state"]:
        case "needs_human" if task["reason"].startswith("may "):
            return f"chargehand diff {task['id']}, then chargehand approve|reject|skip {task['id']}"
        case "failed" | "needs_human":
            return f"chargehand show {task['id']}, then chargehand retry {task['id']}"
        case "waiting" if stuck := [root["id"] for root in roots if root["state"] in {"failed", "needs_human"}]:
            return f"chargehand retry {stuck[0]}"
        case "ready" | "waiting":
            return "chargehand status --watch" if under_way else "chargehand run --all"
        case "working" | "judging" | "queued":
            return f"chargehand logs {task['id']} --follow"
        case _:
            return ""


Sort = Literal["cost", "tokens", "calls", "name"]


def costs(project: Project, by: Literal["task", "stage", "agent", "model"], sort: Sort = "cost") -> Costs:
    """What was paid, over the project's whole life, by ``task``, ``stage``, ``agent`` or ``model``; the most first."""
    db = reader.open_reader(project.ledger)
    rows: list[tuple[Any, ...]] = []
    if db is not None:
        with db:
            rows = reader.charges(db, by)
        db.close()
    groups = [cast("Group", dict(zip(("name", *reader.SUMS), row, strict=True))) for row in rows]
    groups.sort(key=lambda group: _weight(group, sort))
    total: Sums = {
        "calls": sum(group["calls"] for group in groups),
        "unmeasured": sum(group["unmeasured"] for group in groups),
        "input_tokens": sum(group["input_tokens"] or 0 for group in groups),
        "output_tokens": sum(group["output_tokens"] or 0 for group in groups),
        "cost_usd": sum(group["cost_usd"] or 0.0 for group in groups),
    }
    return {"schema_version": SCHEMA_VERSION, "by": by, "total": total, "groups": groups}


def _weight(group: Group, sort: Sort) -> tuple[float, str]:
    match sort:
        case "cost":
            weight = group["cost_usd"] or 0.0
        case "tokens":
            weight = (group["input_tokens"] or 0) + (group["output_tokens"] or 0)
        case "calls":
            weight = group["calls"]
        case _:
            weight = 0
    return -weight, group["name"]


def transcript(project: Project, task_id: str, attempt: int | None) -> tuple[AttemptObject, Path]:
    """The attempt asked for (the last one by default) and its folder. Raises UsageProblem when there is none."""
    shown = show(project, task_id)
    attempts = shown["attempts"]
    if not attempts:
        raise UsageProblem(f"{shown['task']['id']} has not been tried yet", hint=f"chargehand why {shown['task']['id']}")
    chosen = attempts[-1] if attempt is None else next((one for one in attempts if one["number"] == attempt), None)
    if chosen is None:
        numbers = ", ".join(str(one["number"]) for one in attempts)
        raise UsageProblem(f"{shown['task']['id']} has no attempt {attempt}", hint=f"there are: {numbers}")
    return chosen, project.state / "attempts" / chosen["id"]


def diff(project: Project, task_id: str, attempt: int | None) -> tuple[Diff, bytes]:
    """What an attempt changed, against what it was made from, and the diff as bytes (left out of the first).

    Raises UsageProblem when nothing was taken of it, or what was taken has been removed since.
    """
    from chargehand.depot import saved

    chosen, _ = transcript(project, task_id, attempt)
    base, commit, number = chosen["base"], chosen["commit"], chosen["number"]
    if commit is None:
        ended = "left no change" if chosen["ended_at"] else "is still at work; its changes are taken when it ends"
        raise UsageProblem(f"attempt {number} of {chosen['task']} {ended}", hint=f"chargehand logs {chosen['task']}")
    found = saved.diff(project.state / "depot.git", base, commit)
    if found is None:
        message = f"the changes of attempt {number} of {chosen['task']} are no longer kept"
        raise UsageProblem(message, hint="chargehand gc removes them after 30 days")
    told: Diff = {
        "schema_version": SCHEMA_VERSION, "task": chosen["task"], "attempt": number, "base": base, "commit": commit,
        "files": list(found[0]), "diff": "",
    }  # fmt: skip
    return told, found[1]


def run_named(project: Project, run: str) -> str:
    """The id of that run, or of the last one when it is empty. Raises UsageProblem when there is none."""
    db = reader.open_reader(project.ledger)
    known: list[str] = []
    if db is not None:
        with db:
            known = [each["id"] for each in reader.all_runs(db)]
        db.close()
    if not known:
        raise UsageProblem("nothing has run here yet", hint="start with: chargehand run --all")
    if run and run not in known:
        raise UsageProblem(f"there is no run {run}", hint=f"the last one is {known[-1]}")
    return run or known[-1]


def events(project: Project, run: str, after: int = 0) -> list[dict[str, Any]]:
    """The run's events after a number, as they go out to machines."""
    db = reader.open_reader(project.ledger)
    if db is None:
        return []
    with db:
        rows = reader.events(db, run, after)
    db.close()
    return [
        {"schema_version": SCHEMA_VERSION, "seq": row[0], "at": stamp(row[1]), "run": run, **msgspec.json.decode(row[5])}
        for row in rows
    ]


def _task(seen: Status, task_id: str) -> TaskObject:
    tasks = {task["id"]: task for task in seen["tasks"]}
    if task_id in tasks:
        return tasks[task_id]
    begins = [name for name in tasks if name.lower().startswith(task_id.lower())]
    if len(begins) == 1:
        return tasks[begins[0]]
    near = begins[:3] or difflib.get_close_matches(task_id, tasks, n=3)
    raise UsageProblem(
        f"there is no task {task_id}", hint=f"did you mean {' or '.join(near)}?" if near else "chargehand status lists them"
    )


def _existing(path: Path, project: Project) -> str | None:
    return path.relative_to(project.root).as_posix() if path.exists() else None
