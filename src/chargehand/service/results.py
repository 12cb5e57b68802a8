"""What came out of a run, task by task: for scripts (spec-runner's ``--json-result``), for JUnit, for a Markdown summary."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

from chargehand.service.inspect import overview
from chargehand.service.outputs import RunObject, TaskObject, Totals
from chargehand.service.project import Project
from chargehand.store import reader

ERROR_LIMIT = 200
"""Of ``error`` in a result, as spec-runner has it; ``reason`` has all."""


class TokenCount(TypedDict):
    input: int
    output: int


class Result(TypedDict):
    """A task of ``chargehand run --json-result``. The keys up to ``exit_code`` are those of spec-runner; what was not reported
    counts as 0 there. ``name``, ``state``, ``reason`` and ``commit`` are ours. ``no_op``, where it is there, is true: it was done
    and changed nothing."""

    task_id: str
    status: Literal["done", "failed", "unknown"]
    attempts: int
    run_id: str
    pipeline_id: str | None
    cost_usd: float
    tokens: TokenCount
    duration_seconds: float
    review: str
    error: str | None
    no_op: NotRequired[Literal[True]]
    verify_outcome: str
    verify_composition: str | None
    exit_code: Literal[0, 1]
    name: str
    state: str
    reason: str
    commit: str | None


class NoResults(TypedDict):
    """What ``--json-result`` prints when nothing was to be done."""

    tasks: list[Result]
    message: str


class Said(NamedTuple):
    """What a gate or a reviewer said last of a task."""

    gate: str
    verdict: str
    summary: str
    evidence: str


class Outcome(NamedTuple):
    """A task at the end of a run. ``said`` is of its last attempt, by gate."""

    task: TaskObject
    said: list[Said]


class Outcomes(NamedTuple):
    run: RunObject
    totals: Totals
    tasks: list[Outcome]


def outcomes(project: Project) -> Outcomes:
    """How every task of the last run stands, with what was said of it. Raises UsageProblem when nothing has run."""
    seen = overview(project)
    assert seen["run"] is not None, "an overview is of a run"
    said: dict[str, list[Said]] = {}
    db = reader.open_reader(project.ledger)
    assert db is not None
    with db:
        for task in seen["tasks"]:
            if task["attempts"]:
                said[task["id"]] = _last(reader.verdicts(db, task["id"]))
    db.close()
    return Outcomes(seen["run"], seen["totals"], [Outcome(task, said.get(task["id"], [])) for task in seen["tasks"]])


def _last(rows: list[tuple[Any, ...]]) -> list[Said]:
    """The last word of each gate about the newest attempt."""
    told = [dict(zip(reader.VERDICT, row, strict=True)) for row in rows]
    newest = told[-1]["attempt"] if told else ""
    by_gate = {
        one["gate"]: Said(one["gate"], one["verdict"], one["summary"], one["evidence"]) for one in told if one["attempt"] == newest
    }
    return list(by_gate.values())


def results(seen: Outcomes, asked: Collection[str]) -> Result | list[Result] | NoResults:
    """As spec-runner prints them: one object for one task, a list for several, a message for none."""
    found = [_result(seen.run, one) for one in seen.tasks if one.task["id"] in asked]
    if not found:
        return {"tasks": [], "message": "No tasks ready to execute"}
    return found[0] if len(found) == 1 else found


def _result(run: RunObject, one: Outcome) -> Result:
    task = one.task
    done = task["state"] in {"landed", "skipped"}
    judged = {said.gate: said.verdict for said in one.said}
    reviews = [verdict for gate, verdict in judged.items() if gate.startswith("review/")]
    gates = [verdict for gate, verdict in judged.items() if not gate.startswith("review/")]
    found: Result = {
        "task_id": task["id"],
        "status": "done" if done else "failed" if task["state"] == "failed" else "unknown",
        "attempts": task["attempts"],
        "run_id": run["id"],
        "pipeline_id": None,
        "cost_usd": round(task["cost_usd"] or 0.0, 2),
        "tokens": {"input": task["input_tokens"] or 0, "output": task["output_tokens"] or 0},
        "duration_seconds": round(task["duration_s"], 1),
        "review": _worst(reviews, {"fail": "failed", "error": "error", "skip": "skipped", "pass": "passed"}),
        "error": None if done else (task["reason"] or task["state"])[:ERROR_LIMIT],
        "verify_outcome": _worst(gates, {"fail": "unexpected_fail", "error": "error", "skip": "skipped", "pass": "pass"}),
        "verify_composition": None,
        "exit_code": 0 if done else 1,
        "name": task["title"],
        "state": task["state"],
        "reason": task["reason"],
        "commit": task["commit"],
    }
    if task["state"] == "landed" and not task["commit"] and task["attempts"]:
        found["no_op"] = True
    return found


def _worst(verdicts: Collection[str], words: Mapping[str, str]) -> str:
    return next((word for verdict, word in words.items() if verdict in verdicts), "not_run")
