"""Writing to the spec's file how a task stands, as a person says: those bytes and no others, and read again before it counts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext

from chargehand.model.errors import UsageProblem
from chargehand.model.task import FileStatus, Spec, Task
from chargehand.process.files import rewrite
from chargehand.process.lock import ProjectLock
from chargehand.service import tasks
from chargehand.service.project import Project
from chargehand.service.specoutputs import TaskMarked
from chargehand.service.status import SCHEMA_VERSION
from chargehand.spec import load as loader
from chargehand.spec.lines import cut_with_ends
from chargehand.spec.writeback import mark_many

_BOX = re.compile(r"[ \t>]*(?:(?:[-*+]|[0-9]{1,9}(?:\.[0-9]{1,9})*[.)]?)[ \t]+)+\[(.)\]")


def set_status(project: Project, of: tasks.Known, task_id: str, status: FileStatus, *, force: bool = False) -> TaskMarked:
    """Set a task's status in the file; ``done`` ticks its checklist too, but only items that are ticked already or by ``force``.

    Raises UsageProblem when the task must not have it yet (``force`` overrules), stands for others, or its file has no place for
    it; Locked while an engine works on the project.
    """
    task = tasks.find(of.spec, task_id)
    if task.group:
        raise UsageProblem(f"{task.id} stands for {', '.join(task.needs)}, and is done with them", hint="mark these instead")
    if not force:
        _allowed(of, task, status)
    tick = status == "done"

    def change(old: bytes) -> bytes:
        new, missing = mark_many(old, {task.id: (status, tick)}, of.spec.format)
        return old if missing else new

    return _written(project, of.spec, task, change, lambda now: now.status == status, f"say that {task.id} is {status}")


def tick(project: Project, of: tasks.Known, task_id: str, number: int, *, undo: bool = False) -> TaskMarked:
    """Tick an item of a task's checklist, counted from 1, or take the tick away.

    Raises UsageProblem when there is no such item, or its file has no box for it; Locked while an engine works on the project.
    """
    task = tasks.find(of.spec, task_id)
    if not 1 <= number <= len(task.checklist):
        have = f"{len(task.checklist)} items" if len(task.checklist) != 1 else "one item"
        raise UsageProblem(f"{task.id} has no item {number}: its checklist has {have}", hint=f"chargehand task show {task.id}")

    def change(old: bytes) -> bytes:
        return _ticked(of.spec, task, number, old, undo=undo)

    def holds(now: Task) -> bool:
        return len(now.checklist) >= number and now.checklist[number - 1].done is not undo

    return _written(project, of.spec, task, change, holds, f"tick that item of {task.id}")


def _allowed(of: tasks.Known, task: Task, status: FileStatus) -> None:
    done = of.done()
    missing = [need for need in task.needs if need not in done]
    open_items = [str(number) for number, item in enumerate(task.checklist, 1) if not item.done]
    if status == "in_progress" and task.status == "done":
        raise UsageProblem(f"{task.id} is done", hint="--force begins it again")
    if status in {"in_progress", "done"} and missing:
        raise UsageProblem(f"{task.id} waits for {', '.join(missing)}", hint="do these first, or say --force")
    if status == "done" and open_items:
        what = "one item" if len(open_items) == 1 else f"{len(open_items)} items"
        message = f"{what} of {task.id} {'is' if len(open_items) == 1 else 'are'} open: {', '.join(open_items[:10])}"
        raise UsageProblem(message, hint=f"chargehand task check {task.id} {open_items[0]}; or --force ticks all of them")


def _written(
    project: Project, spec: Spec, task: Task, change: Callable[[bytes], bytes], holds: Callable[[Task], bool], what: str
) -> TaskMarked:
    """Make the change, if what comes out of it is the same spec but for this one task, which says what it should."""
    path = spec.file_of(task)
    now = task

    def checked(old: bytes) -> bytes:
        nonlocal now
        new = change(old)
        before, after = _read(spec, path, old), _read(spec, path, new)
        if task.id not in before:
            raise UsageProblem(f"{path} was edited: there is no {task.id} in it any more", hint="try again")
        if task.id not in after or not holds(after[task.id]) or _others(before, task.id) != _others(after, task.id):
            message = f"{path} has no place to {what} (its format is {spec.format})"
            raise UsageProblem(message, hint="nothing was changed; edit the file, if that says it")
        now = after[task.id]
        return new

    with ProjectLock(project.lock) if project.state.is_dir() else nullcontext():
        changed = rewrite(project.root / path, checked)
    return {
        "schema_version": SCHEMA_VERSION, "task": task.id, "status": now.status, "items": len(now.checklist),
        "ticked": sum(item.done for item in now.checklist), "path": path, "changed": changed,
    }  # fmt: skip


def _read(spec: Spec, path: str, data: bytes) -> dict[str, Task]:
    """The tasks of one file of the spec."""
    found, problems = loader.check(data, path, format_name=spec.format)
    return {task.id: task for task in loader.usable(path, found, problems).tasks}


def _others(found: Mapping[str, Task], task_id: str) -> dict[str, tuple[str, tuple[bool, ...]]]:
    return {name: (task.status, tuple(item.done for item in task.checklist)) for name, task in found.items() if name != task_id}


def _ticked(spec: Spec, task: Task, number: int, data: bytes, *, undo: bool) -> bytes:
    """The same but for the character in the box of that item, wherever the task stands in the file by now."""
    now = _read(spec, spec.file_of(task), data).get(task.id)
    text = data.decode("utf-8", "surrogateescape")
    if now is None or len(now.checklist) < number or now.checklist[number - 1].text != task.checklist[number - 1].text:
        raise UsageProblem(
            f"{spec.file_of(task)} was edited: {task.id} has another checklist now", hint="look at it, and try again"
        )
    item = now.checklist[number - 1]
    if item.done is not undo:
        return data
    bom, lines, ends = cut_with_ends(text)
    box = _BOX.match(lines[item.span.line - 1])
    if box is None:
        return data
    line = lines[item.span.line - 1]
    lines[item.span.line - 1] = line[: box.start(1)] + (" " if undo else "x") + line[box.end(1) :]
    whole = bom + "".join([part for pair in zip(lines, ends, strict=True) for part in pair])
    return whole.encode("utf-8", "surrogateescape")
