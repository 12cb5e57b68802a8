"""The traceability matrix: requirement, design, task, attempt, commit, verdict; from the spec, its documents and the ledger."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from chargehand.model.task import Section, Spec, Task
from chargehand.model.work import Verdict
from chargehand.plan.coverage import Coverage, coverage, unwritten
from chargehand.service import specs, trails
from chargehand.service.project import Project
from chargehand.service.specoutputs import SectionObject, TracedRow, TracedTask, TracedTotals, TraceReport
from chargehand.service.status import SCHEMA_VERSION, stamp, status
from chargehand.service.trails import Trail
from chargehand.spec.sections import all_sections

_WORST = ("error", "fail", "skip", "pass")
_DONE = frozenset({"landed", "skipped"})


def outline(project: Project, path: str, format_name: str) -> dict[str, Section]:
    """Every section of the documents beside the spec, by id."""
    return all_sections(specs.gather(project, path, format_name).documents)


def matrix(
    project: Project, spec: Spec, sections: dict[str, Section], *, uncovered: bool = False, milestone: str = "", standing: str = ""
) -> TraceReport:
    """One row for each requirement, written down beside the spec or only named by its tasks, and one for the tasks that trace to
    none.

    ``uncovered``: only requirements without a task. ``milestone`` (a part of its name) and ``standing`` (what the file says of a
    task) leave only such tasks, and what these trace to.
    """
    covered = coverage(spec, sections | unwritten(spec, sections))
    known = trails.read(project)
    seen = status(project)
    states = {task["id"]: task["state"] for task in seen["tasks"]} if seen else {}
    told = {task.id: _task(task, states.get(task.id), known.tasks.get(task.id)) for task in spec.tasks}
    rows = [_row(name, covered, told) for name in covered.requirements]
    totals = _totals(rows, told.values())
    traceless = _traceless(spec, covered)
    rows += [_rest(traceless, covered, told)] if traceless else []
    wanted = _wanted(spec, milestone, standing)
    if uncovered:
        rows = [row for row in rows if row["standing"] == "uncovered"]
    elif wanted is not None:
        kept = [_only(row, wanted) for row in rows]
        rows = [row for row in kept if row["tasks"]]
    return {
        "schema_version": SCHEMA_VERSION,
        "spec": spec.path,
        "target": known.target,
        "totals": totals,
        "rows": rows,
    }


def _totals(rows: list[TracedRow], tasks: Collection[TracedTask]) -> TracedTotals:
    standings = [row["standing"] for row in rows]
    return {
        "requirements": len(standings),
        "covered": len(standings) - standings.count("uncovered"),
        "met": standings.count("met"),
        "tasks": len(tasks),
        "landed": sum(task["state"] == "landed" for task in tasks),
    }


def _row(name: str, covered: Coverage, told: dict[str, TracedTask]) -> TracedRow:
    tasks = [told[task] for task in covered.meant(name)]
    standing: Literal["met", "open", "uncovered"] = "open" if tasks else "uncovered"
    if tasks and all(task["state"] in _DONE for task in tasks):
        standing = "met"
    designs = [_section(covered.designs[design]) for design in covered.designed.get(name, ())]
    return {"requirement": _section(covered.requirements[name]), "standing": standing, "designs": designs, "tasks": tasks}


def _traceless(spec: Spec, covered: Coverage) -> list[str]:
    meant = {task for name in covered.requirements for task in covered.meant(name)}
    return [task.id for task in spec.tasks if task.id not in meant]


def _rest(names: list[str], covered: Coverage, told: dict[str, TracedTask]) -> TracedRow:
    designs = [section for name, section in covered.designs.items() if set(covered.tasks.get(name, ())).intersection(names)]
    tasks = [told[name] for name in names]
    met = all(task["state"] in _DONE for task in tasks)
    return {
        "requirement": None, "standing": "met" if met else "open", "designs": [_section(one) for one in designs], "tasks": tasks,
    }  # fmt: skip


def _only(row: TracedRow, wanted: set[str]) -> TracedRow:
    return {**row, "tasks": [task for task in row["tasks"] if task["id"] in wanted]}


def _wanted(spec: Spec, milestone: str, standing: str) -> set[str] | None:
    """The tasks that are asked for; None when all are."""
    if not milestone and not standing:
        return None
    part = milestone.casefold()
    return {task.id for task in spec.tasks if part in task.milestone.casefold() and standing in {"", task.status}}


def _task(task: Task, state: str | None, trail: Trail | None) -> TracedTask:
    tries = trail.tries if trail else []
    shown = (trail.landed if trail else None) or (tries[-1] if tries else None)
    judged = (trail.judged if trail else "") or (shown.proposal if shown else "")
    said = list(shown.said(judged).values()) if shown else []
    return {
        "id": task.id,
        "title": task.title,
        "milestone": task.milestone,
        "status": task.status,
        "state": state,
        "attempts": len(tries),
        "attempt": shown.number if shown else None,
        "agent": shown.agent if shown else "",
        "commit": (trail.commit if trail else "") or None,
        "landed_at": stamp(trail.at) if trail and trail.landed else None,
        "verdict": _sum(said),
        "verdicts": [{"gate": verdict.gate, "verdict": verdict.verdict} for verdict in said],
    }


def _sum(said: list[Verdict]) -> str:
    words = {verdict.verdict for verdict in said}
    return next((word for word in _WORST if word in words), "none")


def _section(section: Section) -> SectionObject:
    return {"id": section.id, "title": section.title, "path": section.path}
