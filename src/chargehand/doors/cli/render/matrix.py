"""The traceability matrix, as a table of text or of Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from chargehand.doors.cli.render import table
from chargehand.doors.cli.render.text import console_safe, plural
from chargehand.model.words import spoken

if TYPE_CHECKING:
    from chargehand.service.specoutputs import TracedRow, TracedTask, TraceReport

HEADER = ("REQUIREMENT", "STANDING", "DESIGN", "TASK", "STATE", "ATTEMPT", "COMMIT", "VERDICT", "TITLE")


def rows(told: TraceReport) -> list[tuple[str, ...]]:
    """One for each task of each requirement; what is the same as above is said again, so that each row stands for itself."""
    return [_row(row, task) for row in told["rows"] for task in row["tasks"] or (None,)]


def _row(row: TracedRow, task: TracedTask | None) -> tuple[str, ...]:
    requirement, designs = row["requirement"], ", ".join(design["id"] for design in row["designs"])
    head = (requirement["id"] if requirement else "-", row["standing"], designs or "-")
    if task is None:
        title = requirement["title"] if requirement else ""
        return (*head, "-", "-", "-", "-", "-", console_safe(title))
    attempt = f"{task['attempt']} {task['agent']}".strip() if task["attempt"] else "-"
    commit = (task["commit"] or "-")[:10]
    return (*head, task["id"], state(task), attempt, commit, verdict(task), console_safe(task["title"]))


def state(task: TracedTask) -> str:
    """What the ledger says of it, else what the file says."""
    return spoken(task["state"] or task["status"])


def verdict(task: TracedTask) -> str:
    """``pass``, or which gate said what else."""
    if task["verdict"] in {"pass", "none"}:
        return task["verdict"] if task["verdict"] == "pass" else "-"
    return ", ".join(f"{said['gate']}: {said['verdict']}" for said in task["verdicts"] if said["verdict"] != "pass")


def text(told: TraceReport, out: TextIO) -> None:
    table.show(rows(told), HEADER, out)
    out.write(totals(told) + "\n")


def totals(told: TraceReport) -> str:
    sums = told["totals"]
    if not sums["requirements"]:
        met = "no requirements beside the spec"
    else:
        met = f"{plural(sums['requirements'], 'requirement')}: {sums['covered']} covered, {sums['met']} met"
    return f"{met}; {plural(sums['tasks'], 'task')}, {sums['landed']} landed"


def markdown(told: TraceReport, out: TextIO) -> None:
    out.write(f"# Traceability of {_cell(told['spec'])}\n\n{totals(told)}.\n\n")
    names = [name.capitalize() for name in HEADER]
    out.write(f"| {' | '.join(names)} |\n|{' --- |' * len(names)}\n")
    for row in rows(told):
        out.write(f"| {' | '.join(_cell(cell) for cell in row)} |\n")


def _cell(text: str) -> str:
    """Text that is nothing but text in a table of Markdown."""
    escaped = "".join(f"\\{char}" if char in "\\`*_[]|#~" else char for char in text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
