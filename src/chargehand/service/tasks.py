"""The tasks of the spec as its file has them, with what the ledger knows of each: to be listed, looked at, counted and drawn."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from chargehand.model.errors import UsageProblem
from chargehand.model.task import Spec, Task
from chargehand.plan.graph import DEFAULT_HOURS, critical_path, topological
from chargehand.service.library import ready_tasks
from chargehand.service.project import Project
from chargehand.service.specoutputs import (
    EdgeObject,
    MilestoneObject,
    NodeObject,
    TaskEntry,
    TaskGraph,
    TaskList,
    TaskShow,
    TaskStats,
)
from chargehand.service.status import SCHEMA_VERSION, status

STATUSES = ("todo", "in_progress", "review", "done", "blocked")
PRIORITIES = ("P0", "P1", "P2", "P3")

_DONE = frozenset({"landed", "skipped"})


class Wanted(NamedTuple):
    """Which tasks: all of what is given must hold, one of several values. ``milestone``, ``tag`` and ``text`` are compared without
    case; ``milestone`` and ``text`` may be a part of it."""

    statuses: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    milestone: str = ""
    tag: str = ""
    text: str = ""
    ready: bool = False


class Known(NamedTuple):
    """A spec and the states the ledger holds (as ``status`` shows them)."""

    spec: Spec
    states: dict[str, str]

    def done(self) -> set[str]:
        return {task.id for task in self.spec.tasks if task.status == "done" or self.states.get(task.id) in _DONE}

    def ready(self) -> set[str]:
        landed = {name for name, state in self.states.items() if state in _DONE}
        return {task.id for task in ready_tasks(self.spec, landed)}


def known(project: Project, spec: Spec) -> Known:
    """The spec beside the ledger, if there is one."""
    seen = status(project)
    return Known(spec, {task["id"]: task["state"] for task in seen["tasks"]} if seen else {})


def listing(of: Known, wanted: Wanted) -> TaskList:
    """The tasks that are wanted, in the order of the file."""
    return {"schema_version": SCHEMA_VERSION, "spec": of.spec.path, "tasks": _entries(of, wanted)}


def upcoming(of: Known, wanted: Wanted, most: int) -> TaskList:
    """Those that could be begun now: what is under way first, then in the order a run would take them."""
    from chargehand.service.running import plan

    rank = {task.id: place for place, task in enumerate(plan(of.spec, of.states))}
    order = sorted(
        _entries(of, wanted._replace(ready=True)),
        key=lambda entry: (entry["status"] not in {"in_progress", "review"}, rank.get(entry["id"], len(rank))),
    )
    return {"schema_version": SCHEMA_VERSION, "spec": of.spec.path, "tasks": order[:most]}


def show(of: Known, task_id: str) -> TaskShow:
    """Everything the spec says of a task. Raises UsageProblem when there is none of that id."""
    task = find(of.spec, task_id)
    return {
        "schema_version": SCHEMA_VERSION,
        "spec": of.spec.path,
        "task": _entry(of, task, of.done(), of.ready()),
        "description": task.description,
        "checklist": [
            {"number": number, "text": item.text, "done": item.done, "test": item.test}
            for number, item in enumerate(task.checklist, 1)
        ],
        "needed_by": [other.id for other in of.spec.tasks if task.id in other.needs],
        "blocks": list(task.blocks),
        "traces": list(task.traces),
        "touches": list(task.touches),
        "files": list(task.files),
    }


def find(spec: Spec, task_id: str) -> Task:
    """The task of that id, or whose id begins so unmistakably. Raises UsageProblem when there is none."""
    tasks = {task.id: task for task in spec.tasks}
    if task_id in tasks:
        return tasks[task_id]
    begins = [name for name in tasks if name.lower().startswith(task_id.lower())]
    if len(begins) == 1:
        return tasks[begins[0]]
    near = begins[:3] or difflib.get_close_matches(task_id, tasks, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "chargehand task list shows them"
    raise UsageProblem(f"there is no task {task_id} in {spec.path}", hint=hint)


def stats(of: Known, wanted: Wanted) -> TaskStats:
    """Counts, hours, and the longest chain of work that is left."""
    tasks = _chosen(of, wanted)
    done = of.done()
    left = {task.id: task for task in tasks if task.id not in done}
    path = critical_path(*_graph(left))
    milestones: dict[str, MilestoneObject] = {}
    for task in tasks:
        seen = milestones.setdefault(task.milestone, {"name": task.milestone, "tasks": 0, "done": 0})
        seen["tasks"] += 1
        seen["done"] += task.id in done
    ready = of.ready()
    return {
        "schema_version": SCHEMA_VERSION,
        "spec": of.spec.path,
        "tasks": len(tasks),
        "ready": sum(task.id in ready for task in tasks),
        "by_status": {word: number for word in STATUSES if (number := sum(task.status == word for task in tasks))},
        "by_priority": {word: number for place, word in enumerate(PRIORITIES) if (number := _at(tasks, place))},
        "milestones": list(milestones.values()),
        "hours": sum(task.estimate_hours or 0.0 for task in tasks),
        "hours_done": sum(task.estimate_hours or 0.0 for task in tasks if task.id in done),
        "unestimated": sum(task.estimate_hours is None for task in tasks),
        "critical_path": path,
        "critical_hours": _hours(left, path),
    }


def graph(of: Known, wanted: Wanted) -> TaskGraph:
    """What waits for what, among the tasks that are wanted."""
    tasks = {task.id: task for task in _chosen(of, wanted)}
    needs, hours = _graph(tasks)
    path = critical_path(needs, hours)
    chain = set(pairwise(path))
    on_it = set(path)
    nodes: list[NodeObject] = []
    edges: list[EdgeObject] = []
    for name in topological(needs):
        task = tasks[name]
        told: NodeObject = {
            "id": name, "title": task.title, "status": task.status, "priority": f"P{task.priority}",
            "hours": task.estimate_hours, "critical": name in on_it,
        }  # fmt: skip
        nodes.append(told)
        edges += [{"needs": need, "task": name, "critical": (need, name) in chain} for need in task.needs if need in tasks]
    return {
        "schema_version": SCHEMA_VERSION, "spec": of.spec.path, "tasks": nodes, "edges": edges, "critical_path": path,
        "critical_hours": _hours(tasks, path),
    }  # fmt: skip


def _chosen(of: Known, wanted: Wanted) -> list[Task]:
    text, milestone, tag = wanted.text.casefold(), wanted.milestone.casefold(), wanted.tag.casefold()
    ready = of.ready() if wanted.ready else set()
    return [
        task
        for task in of.spec.tasks
        if (not wanted.statuses or task.status in wanted.statuses)
        and (not wanted.priorities or f"P{task.priority}" in wanted.priorities)
        and (not milestone or milestone in task.milestone.casefold())
        and (not tag or tag in {own.casefold() for own in task.tags})
        and (not text or text in f"{task.id}\n{task.title}\n{task.description}".casefold())
        and (not wanted.ready or task.id in ready)
    ]


def _entries(of: Known, wanted: Wanted) -> list[TaskEntry]:
    done, ready = of.done(), of.ready()
    return [_entry(of, task, done, ready) for task in _chosen(of, wanted)]


def _entry(of: Known, task: Task, done: set[str], ready: set[str]) -> TaskEntry:
    return {
        "id": task.id,
        "title": task.title,
        "priority": f"P{task.priority}",
        "status": task.status,
        "state": of.states.get(task.id),
        "ready": task.id in ready,
        "needs": list(task.needs),
        "waits_for": [need for need in task.needs if need not in done],
        "milestone": task.milestone,
        "tags": list(task.tags),
        "estimate_hours": task.estimate_hours,
        "items": len(task.checklist),
        "ticked": sum(item.done for item in task.checklist),
        "manual": task.manual,
        "group": task.group,
        "path": of.spec.file_of(task),
        "line": task.span.line,
    }


def _graph(tasks: Mapping[str, Task]) -> tuple[dict[str, tuple[str, ...]], dict[str, float | None]]:
    return {name: task.needs for name, task in tasks.items()}, {name: task.estimate_hours for name, task in tasks.items()}


def _hours(tasks: Mapping[str, Task], path: list[str]) -> float:
    return sum(tasks[name].estimate_hours or DEFAULT_HOURS for name in path)


def _at(tasks: list[Task], priority: int) -> int:
    return sum(task.priority == priority for task in tasks)
