"""A person's decisions: answers to questions of the engine, tasks that need not be done. They are left in the ledger's inbox; the
engine acts on them within a second if one works, otherwise the next one does."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from chargehand.model.errors import UsageProblem
from chargehand.model.words import spoken
from chargehand.service import inspect
from chargehand.service.outputs import Decided, OpenQuestion
from chargehand.service.project import Project
from chargehand.service.status import SCHEMA_VERSION, engine_of, stamp
from chargehand.store import reader


def questions(project: Project) -> list[OpenQuestion]:
    """The questions that wait for an answer, oldest first."""
    run = inspect.overview(project)["run"]
    db = reader.open_reader(project.ledger)
    if db is None or run is None:
        return []
    with db:
        rows = reader.events(db, run["id"])
    db.close()
    found: dict[str, OpenQuestion] = {}
    for row in rows:
        fact: dict[str, Any] = msgspec.json.decode(row[5])
        task = fact.get("task", "")
        match fact["event"]:
            case "question.asked":
                found[task] = {
                    "task": task,
                    "attempt": fact["attempt"],
                    "id": fact["id"],
                    "commit": fact["commit"],
                    "text": fact["text"],
                    "answers": list(fact["answers"]),
                    "asked_at": stamp(row[1]) or "",
                    "until": stamp(fact.get("until") or None),
                }
            case "question.answered" | "attempt.ended" | "task.landed" | "task.skipped" | "task.removed":
                found.pop(task, None)
    return list(found.values())


def open_question(project: Project, task_id: str) -> OpenQuestion | None:
    """The question about a task, if one waits. Raises UsageProblem when there is no such task."""
    task = inspect.find(project, task_id)["id"]
    return next((one for one in questions(project) if one["task"] == task), None)


def answer(project: Project, task_id: str, word: str, comment: str, by: str) -> Decided:
    """Answer the question about a task: ``approve``, ``reject``, ``fix`` or ``skip``. Raises UsageProblem when nothing is asked."""
    task = inspect.find(project, task_id)
    asked = open_question(project, task["id"])
    if asked is None:
        state = spoken(task["state"])
        raise UsageProblem(f"nothing is asked about {task['id']}: it is {state}", hint=f"chargehand why {task['id']}")
    told = {"task": task["id"], "question": asked["id"], "answer": word, "by": by, "comment": comment}
    return _post(project, "answer", told, task["id"], word, asked["commit"])


def skip(project: Project, task_id: str, reason: str, by: str) -> Decided:
    """Say that a task need not be done. Raises UsageProblem for one that is worked on or done."""
    task = inspect.find(project, task_id)
    name, state = task["id"], task["state"]
    if state in {"landed", "skipped", "cancelled"}:
        raise UsageProblem(f"{name} is {state} already", hint="chargehand status")
    if state in {"working", "judging", "queued"}:
        raise UsageProblem(f"{name} is being worked on", hint=f"chargehand cancel {name}, then skip it")
    return _post(project, "skip", {"task": name, "by": by, "reason": reason}, name, "skip", "")


def _post(project: Project, kind: str, body: dict[str, str], task: str, word: str, commit: str) -> Decided:
    from chargehand.store.inbox import post

    number = post(project.ledger, kind, msgspec.json.encode(body).decode(), time.time())
    engine = engine_of(project) is not None
    return {
        "schema_version": SCHEMA_VERSION,
        "request": number,
        "task": task,
        "answer": word,
        "commit": commit or None,
        "engine": engine,
    }
