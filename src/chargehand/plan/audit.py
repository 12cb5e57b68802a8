"""What is doubtful in a spec that can be run: found before anything is paid. All of it are warnings, each at its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from chargehand.model.errors import Problem
from chargehand.model.task import Section, Spec, Task
from chargehand.plan.coverage import Coverage, coverage, names_in, traced
from chargehand.plan.graph import topological
from chargehand.plan.terms import collide

Places = Mapping[str, tuple[int, int]]
"""Where a section begins in its document: line and column, from 1."""

_SHORT = 60
"""A description of fewer bytes, with nothing else to go by, says too little."""
_PAIRS = 1_000_000
_MOST_OVERLAPS = 200
_SAYS_IT_ITSELF = frozenset({"spec-runner", "chargehand"})
"""Formats whose reader tells of missing estimates."""


def audit(spec: Spec, outline: Mapping[str, Section], places: Places) -> list[Problem]:
    """Every doubt about ``spec``. ``outline`` holds the sections of the documents beside it, ``places`` where these begin."""
    covered = coverage(spec, outline)
    found = [*_sections(covered, outline, places), *_traces(spec, covered, outline), *_estimates(spec), *_blocks(spec)]
    for task in spec.tasks:
        found += _single(spec, task)
    return [*found, *_standing(spec), *_overlaps(spec)]


def _say(spec: Spec, task: Task, code: str, message: str, hint: str) -> Problem:
    return Problem(code, message, spec.file_of(task), task.span.line, task.span.column, hint, severity="warning")


def _sections(covered: Coverage, outline: Mapping[str, Section], places: Places) -> Iterator[Problem]:
    """Requirements nobody works on, designs nobody builds, and designs that name what is not there."""
    for name in covered.uncovered():
        designs = covered.designed.get(name, ())
        if designs:
            message = f"{name} is designed ({', '.join(designs)}), but no task traces to it or to that design"
            yield _at(covered.requirements[name], "uncovered-requirement", message, f"a task says **Traces to:** [{name}]", places)
        else:
            message = f"{name} is an orphan: no task and no design names it"
            yield _at(covered.requirements[name], "orphan-requirement", message, f"a task says **Traces to:** [{name}]", places)
    for name, section in covered.designs.items():
        if name not in covered.tasks:
            yield _at(section, "orphan-design", f"{name}: no task traces to it", f"a task says **Traces to:** [{name}]", places)
        kinds = {known.rpartition("-")[0] for known in covered.requirements} - {""}
        for other in names_in(section.text):
            if other not in outline and other.rpartition("-")[0] in kinds:
                yield _at(section, "unknown-trace", f"{name} names {other}, which is not there", "correct the id", places)


def _at(section: Section, code: str, message: str, hint: str, places: Places) -> Problem:
    line, column = places.get(section.id, (0, 0))
    return Problem(code, message, section.path, line, column, hint, severity="warning")


def _traces(spec: Spec, covered: Coverage, outline: Mapping[str, Section]) -> Iterator[Problem]:
    """Tasks nobody asked for, and traces to documents that are not there."""
    if covered.requirements:
        for task in spec.tasks:
            if not task.traces and not task.group and "cancelled" not in task.tags:
                yield _say(spec, task, "orphan-task", f"{task.id} traces to no requirement", "**Traces to:** [REQ-...]")
    elif not outline:
        lost = [task for task in spec.tasks if traced(task, outline)]
        if lost:
            message = (
                f"{_count(len(lost), 'task')} trace to requirements, {lost[0].id} first, and no document beside the spec has them"
            )
            yield _say(spec, lost[0], "no-documents", message, "write requirements.md in the folder of the spec")


def _estimates(spec: Spec) -> Iterator[Problem]:
    """Where some tasks have an estimate, those that have none count for the usual."""
    worked_on = [task for task in spec.tasks if not task.group]
    missing = [task for task in worked_on if task.estimate_hours is None]
    if missing and len(missing) < len(worked_on) and spec.format not in _SAYS_IT_ITSELF:
        message = f"no estimate: {len(missing):,} of {_count(len(worked_on), 'task')}, {missing[0].id} first"
        yield _say(spec, missing[0], "no-estimate", message, "the order of work gets better with it")


def _blocks(spec: Spec) -> Iterator[Problem]:
    """Where a task lists what it blocks, and leaves out one that waits for it."""
    tasks = {task.id: task for task in spec.tasks}
    for task in spec.tasks:
        for need in task.needs:
            listed = tasks[need].blocks if need in tasks else ()
            if listed and task.id not in listed:
                message = f"{task.id} depends on {need}, whose Blocks does not list it"
                yield _say(spec, tasks[need], "asymmetric-needs", message, f"add [{task.id}] there, or leave Blocks out")


def _single(spec: Spec, task: Task) -> Iterator[Problem]:
    """What a task says of itself alone."""
    done = task.status == "done"
    if not done and _vague(task):
        hint = "say what there is when it is done: a checklist, the files, or a sentence more"
        yield _say(spec, task, "vague", f"{task.id} is too vague to verify: no checklist, no files, hardly a word", hint)
    left = [item for item in task.checklist if not item.done]
    if done and left and "cancelled" not in task.tags:
        message = f"{task.id} is done, but {_count(len(left), 'item')} of its checklist {'is' if len(left) == 1 else 'are'} open"
        yield _say(spec, task, "open-items", message, "tick them, or set the task back to TODO")
    if task.status == "blocked" and not task.needs:
        hint = "say what it waits for, or set it to TODO; it is worked on otherwise"
        yield _say(spec, task, "blocked-without-needs", f"{task.id} is blocked, but waits for nothing", hint)
    if task.group and task.terms and task.terms.command:
        hint = "move the command to a task of the group"
        yield _say(spec, task, "group-command", f"{task.id} stands for its parts, so its command is never run", hint)
    if task.group and not task.needs:
        yield _say(spec, task, "empty-group", f"{task.id} stands for its parts, and has none", "remove it, or give it parts")


def _vague(task: Task) -> bool:
    told = task.checklist or task.files or task.touches or (task.proof and (task.proof.verifies or task.proof.scenarios))
    elsewhere = task.manual or task.group or (task.terms and (task.terms.command or task.terms.prompt))
    return not told and not elsewhere and len(task.description.encode("utf-8", "replace")) < _SHORT


def _standing(spec: Spec) -> Iterator[Problem]:
    """What tasks say of each other: done before what they need, or kept waiting by one that is only done when asked for."""
    tasks = {task.id: task for task in spec.tasks}
    waiting: dict[str, list[str]] = {}
    for task in spec.tasks:
        for need in task.needs:
            waiting.setdefault(need, []).append(task.id)
        early = [need for need in task.needs if need in tasks and tasks[need].status != "done"] if task.status == "done" else []
        if early:
            message = f"{task.id} is done, though what it needs is not: {_some(early)}"
            yield _say(spec, task, "done-too-early", message, "tick those, or set this one back")
    for task in spec.tasks:
        if task.manual and task.status != "done" and task.id in waiting:
            message = f"{task.id} is manual, and {_some(waiting[task.id])} cannot begin before somebody asks for it"
            yield _say(spec, task, "manual-needed", message, f"chargehand run --task {task.id}")


def _overlaps(spec: Spec) -> Iterator[Problem]:
    """Tasks that may change the same files, and neither waits for the other. They never run at once, but in any order."""
    scoped = [task for task in spec.tasks if task.touches and task.status != "done"]
    before = _before(spec) if len(scoped) > 1 else {}
    known: dict[tuple[tuple[str, ...], tuple[str, ...]], bool] = {}
    told = 0
    for looked, (one, two) in enumerate(combinations(scoped, 2)):
        if looked == _PAIRS or told == _MOST_OVERLAPS:
            yield _say(spec, one, "more", "the scopes of the tasks from here on were not compared", "mend those above first")
            return
        scopes = (one.touches, two.touches)
        if scopes not in known:
            known[scopes] = collide(*scopes)
        if known[scopes] and not _ordered(before, one.id, two.id):
            told += 1
            same = next((left for left in one.touches if collide((left,), two.touches)), one.touches[0])
            message = f"{one.id} and {two.id} may change the same files ({same}), and neither waits for the other"
            yield _say(spec, two, "overlap", message, f"if the order matters, {two.id} depends on {one.id}, or the other way round")


def _before(spec: Spec) -> dict[str, tuple[int, int]]:
    """For each task its own bit, and the bits of all that must be done before it."""
    needs = {task.id: task.needs for task in spec.tasks}
    bits: dict[str, tuple[int, int]] = {}
    for place, task in enumerate(topological(needs)):
        ahead = 0
        for need in needs[task]:
            if need in bits:
                ahead |= bits[need][0] | bits[need][1]
        bits[task] = (1 << place, ahead)
    return bits


def _ordered(before: Mapping[str, tuple[int, int]], one: str, two: str) -> bool:
    (left, ahead), (right, behind) = before.get(one, (0, 0)), before.get(two, (0, 0))
    return bool(left & behind or right & ahead)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
