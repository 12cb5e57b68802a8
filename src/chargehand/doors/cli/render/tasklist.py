"""The tasks of a spec for people: as a list, one closely, in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from chargehand.doors.cli.render import table
from chargehand.doors.cli.render.style import STYLES, paint
from chargehand.doors.cli.render.text import console_safe, plural
from chargehand.model.words import spoken

if TYPE_CHECKING:
    from chargehand.service.specoutputs import TaskEntry, TaskList, TaskMarked, TaskShow, TaskStats


def entries(told: TaskList, out: TextIO) -> None:
    rows = [
        (
            entry["id"], entry["priority"], spoken(entry["status"]), spoken(entry["state"] or "-"), hours(entry["estimate_hours"]),
            f"{entry['ticked']}/{entry['items']}" if entry["items"] else "-", console_safe(entry["title"]), _remark(entry),
        )
        for entry in told["tasks"]
    ]  # fmt: skip
    table.show(rows, ("TASK", "P", "STATUS", "RUN", "EST", "ITEMS", "TITLE", ""), out)
    if not rows:
        out.write("no task is like that\n")


def upcoming(told: TaskList, out: TextIO, *, done: int, tasks: int) -> None:
    """``done`` of all ``tasks``: why there may be nothing to begin."""
    if told["tasks"]:
        entries(told, out)
    elif done == tasks:
        out.write(f"nothing is left: {'the task is' if tasks == 1 else f'all {tasks:,} tasks are'} done\n")
    else:
        out.write(f"nothing is ready: {done:,} of {tasks:,} tasks are done; chargehand task list tells what the others wait for\n")


def _remark(entry: TaskEntry) -> str:
    if entry["waits_for"]:
        return "waits for " + _some(entry["waits_for"])
    return "ready" if entry["ready"] else "manual" if entry["manual"] and entry["status"] != "done" else ""


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def hours(count: float | None) -> str:
    """``2h``, ``0.5h``, ``3d`` (of 8 hours); ``-`` when not told."""
    if count is None:
        return "-"
    return f"{count / 8:g}d" if count >= 8 and count % 8 == 0 else f"{round(count, 2):g}h"


def one(told: TaskShow, out: TextIO) -> None:
    entry = told["task"]
    status = spoken(entry["status"])
    state = f", {spoken(entry['state'])} in the last run" if entry["state"] else ""
    remark = f", {_remark(entry)}" if _remark(entry) else ""
    lines = [
        f"{paint(entry['id'], 'bold', out)}: {console_safe(entry['title'])}",
        f"  {paint(status, STYLES.get(status, 'bold'), out)}{state}{remark}, {entry['priority']}",
        f"  {console_safe(entry['path'])}:{entry['line']}",
    ]
    for name, values in (
        ("milestone", [entry["milestone"]] if entry["milestone"] else []),
        ("estimate", [hours(entry["estimate_hours"])] if entry["estimate_hours"] is not None else []),
        ("needs", entry["needs"]), ("needed by", told["needed_by"]), ("traces to", told["traces"]), ("touches", told["touches"]),
        ("files", told["files"]), ("tags", entry["tags"]),
    ):  # fmt: skip
        if values:
            lines.append(f"  {name}: {console_safe(', '.join(values))}")
    lines += [f"  | {console_safe(line)}" for line in told["description"].splitlines()]
    for item in told["checklist"]:
        box = paint("[x]", "green", out) if item["done"] else "[ ]"
        first, *more = item["text"].splitlines() or [""]
        lines.append(f"  {item['number']:>2} {box} {console_safe(first)}")
        lines += [f"         {console_safe(line)}" for line in more]
    out.write("\n".join(lines) + "\n")


def stats(told: TaskStats, out: TextIO) -> None:
    by = ", ".join(f"{number} {spoken(word)}" for word, number in told["by_status"].items())
    urgent = ", ".join(f"{number} {word}" for word, number in told["by_priority"].items())
    out.write(
        f"{plural(told['tasks'], 'task')}: {by or 'none'}\n{plural(told['ready'], 'task')} ready; {urgent or 'no priorities'}\n"
    )
    unknown = f"; {plural(told['unestimated'], 'task')} without an estimate" if told["unestimated"] else ""
    out.write(f"{hours(told['hours_done'])} of {hours(told['hours'])} of estimated work is done{unknown}\n")
    if told["critical_path"]:
        out.write(f"longest chain of work left: {hours(told['critical_hours'])}, {chain(told['critical_path'])}\n")
    rows = [(console_safe(one["name"]) or "-", str(one["tasks"]), str(one["done"])) for one in told["milestones"]]
    if len(rows) > 1 or (rows and rows[0][0] != "-"):
        table.show(rows, ("MILESTONE", "TASKS", "DONE"), out)


def chain(names: list[str], most: int = 12) -> str:
    """``TASK-001 > TASK-004 > ...``; of a long one its two ends."""
    if len(names) <= most:
        return " > ".join(names)
    return " > ".join([*names[: most - 2], f"... {len(names) - most + 1} more", names[-1]])


def marked(told: TaskMarked, out: TextIO) -> None:
    items = f", {told['ticked']} of {plural(told['items'], 'item')} ticked" if told["items"] else ""
    said = "" if told["changed"] else " (it said so already)"
    out.write(f"{told['task']}: {spoken(told['status'])}{items}, in {console_safe(told['path'])}{said}\n")
