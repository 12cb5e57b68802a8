"""Reads ``tasks.md`` in spec-runner's format."""

from __future__ import annotations

import hashlib
import re
from difflib import get_close_matches

from msgspec.structs import replace

from chargehand.model.errors import Problem
from chargehand.model.task import CheckItem, FileStatus, Span, Task
from chargehand.spec.cycles import find_cycles
from chargehand.spec.dialect import explain
from chargehand.spec.grammar import AMOUNT, ESTIMATE, HOURS, MAX_ID, STATUSES, WORDS, status_of
from chargehand.spec.lines import cut
from chargehand.spec.refs import Names, is_none, names_tasks, read_needs, read_traces, targets
from chargehand.spec.report import Report
from chargehand.spec.scan import META_FORM, Block, Ref, Scan

MAX_TASKS = 20_000
MAX_NEEDS = 500_000
"""Needs of all tasks together: ranges could otherwise ask for hundreds of millions."""

PATIENCE = 200_000
"""Needs looked at in all for warnings about "Blocks"."""

_QUICK_ESTIMATE = re.compile(r"[ \t]*\|[ \t]*Est:[ \t]*([0-9]{1,4}-)?([0-9]{1,4})([dh])[ \t]*$")
_UNKNOWN_ESTIMATE = re.compile(r"[-–—?]|tbd\b|n/?a\b|none\b|$", re.IGNORECASE)
_SHOWN_IDS = 50
_NOT_META = re.compile(r"\bP[0-9]\b|\b(?:TODO|DONE|IN[_ ]PROGRESS|BLOCKED)\b")


def parse(text: str, path: str) -> tuple[tuple[Task, ...], tuple[Problem, ...]]:
    """The tasks of a text and everything that is wrong with it, in the order of the text. Never raises.

    Problems of severity ``error`` mean that the tasks must not be run: what is returned then is only what could be read.
    """
    report = Report(path, cut(text))
    scan = Scan(report.lines, report)
    if scan.count > MAX_TASKS:
        report.add("too-large", f"{scan.count:,} tasks are more than {MAX_TASKS:,}", hint="split the spec into several files")
        return (), report.sorted()
    tasks = _Parser(scan).run()
    if not tasks and not any(problem.severity == "error" for problem in report.problems):
        explain(scan, report)
    return tasks, report.sorted()


def digest(task: Task) -> str:
    """A hash of everything the task asks for, and of nothing that work on it changes: not status, ticks or position."""
    hours = "" if task.estimate_hours is None else repr(task.estimate_hours)
    parts = [task.title, str(task.priority), hours, task.milestone, task.description, *task.needs, "", *task.traces, ""]
    for item in task.checklist:
        parts.append("t" if item.test else "c")
        parts.append(item.text)
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class _Parser:
    """Turns blocks into tasks one by one; only what the closing checks need is kept of a block."""

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self.report = scan.report
        self.names = Names(scan.defined)
        self.tasks: dict[str, Task] = {}
        self.needed_at: dict[str, tuple[int, int]] = {}
        self.blocks_at: dict[str, list[Ref]] = {}
        self.total = 0
        self.unestimated: list[str] = []

    def run(self) -> tuple[Task, ...]:
        for block in self.scan.blocks():
            self.admit(block)
            task = self.task(block)
            self.tasks.setdefault(block.id, task)
        tasks = tuple(self.tasks.values())
        if self.total > MAX_NEEDS:
            message = f"{self.total:,} needs are more than {MAX_NEEDS:,}"
            self.report.add("too-large", message, hint="leave out what others already need")
            return tasks
        for cycle in find_cycles({task.id: task.needs for task in tasks}):
            line, column = self.needed_at[cycle[0]]
            message = f"these tasks wait for each other: {_arrows(cycle)}"
            self.report.add("cycle", message, line, column, hint="remove one of these needs")
        self.check_blocks()
        if self.unestimated:
            count, first = len(self.unestimated), self.tasks[self.unestimated[0]]
            message = f"no estimate: {count:,} of {len(tasks):,} tasks, {first.id} first"
            hint = 'add "Est: 2h" or "Est: 1-2d" to the status line; the order of work gets better with it'
            self.report.add("no-estimate", message, first.span.line - 1, hint=hint, severity="warning")
        return tasks

    def admit(self, block: Block) -> None:
        first = self.tasks.get(block.id)
        column = self.report.lines[block.line].index(block.id) + 1
        if first:
            message = f"{block.id} is defined twice (the first time on line {first.span.line})"
            self.report.add("duplicate-id", message, block.line, column, hint="give each task an id of its own")
        if len(block.id) > MAX_ID:
            self.report.add("task-header", f"the id is longer than {MAX_ID} characters", block.line, column, hint="shorten it")
        if not block.title:
            self.report.add("task-header", f"{block.id} has no title", block.line, column, hint="write one behind the colon")
        if block.needs:
            line, offset, text, _ = block.needs[0]
            self.needed_at.setdefault(block.id, (line, offset + len(text) - len(text.lstrip()) + 1))
        if block.blocks:
            self.blocks_at.setdefault(block.id, block.blocks)

    def task(self, block: Block) -> Task:
        priority, status, hours = self.meta(block)
        needs = self.needs(block) if block.needs else ()
        traces = tuple(dict.fromkeys(name for ref in block.traces for name in read_traces(ref[2])))
        blocks = tuple(dict.fromkeys(task_id for ref in block.blocks for task_id in targets(ref[2], self.names.ids)))
        checklist = tuple(
            [
                CheckItem(
                    "\n".join(box.text).rstrip() if len(box.text) > 1 else box.text[0],
                    box.done,
                    Span(box.line + 1, box.offset),
                    box.test,
                )
                for box in block.boxes
            ]
        )
        task = Task(
            id=block.id,
            title=block.title,
            span=Span(block.line + 1, 1),
            priority=priority,
            status=status,
            estimate_hours=hours,
            description=_description(block.text),
            checklist=checklist,
            needs=needs,
            blocks=blocks,
            traces=traces,
            milestone=block.milestone,
        )
        return replace(task, digest=digest(task))

    def meta(self, block: Block) -> tuple[int, FileStatus, float | None]:
        """Priority, status and hours from the line below the header."""
        match = block.meta
        if match is None:
            self.no_meta(block)
            return 2, "todo", None
        priority, status = int(match["priority"][:3]), status_of(match["word"])
        if len(match["priority"]) > 1 or priority > 3:
            message = f"{block.id} has priority P{match['priority'][:10]}, which is none of P0, P1, P2, P3"
            self.report.add("task-priority", message, block.meta_line, match.start("priority"), hint="P0 is done first, P3 last")
            priority = 2
        if status is None:
            self.no_status(block, match)
        hours = self.estimate(block, match)
        return priority, status or "todo", hours

    def no_meta(self, block: Block) -> None:
        line, message = block.line, f"{block.id} has no priority and status line"
        for n in range(block.line + 1, min(block.line + 3, len(self.report.lines))):
            if _NOT_META.search(self.report.lines[n][:1000]):
                line, message = n, f"{block.id}: this is not a readable priority and status line"
        self.report.add("task-meta", message, line, hint=f'put one like "{META_FORM}" below the header')

    def no_status(self, block: Block, match: re.Match[str]) -> None:
        word = match["word"]
        known = ", ".join(WORDS.values())
        if word:
            near = get_close_matches(word[:30].lower(), STATUSES, n=1)
            hint = f"did you mean {WORDS[STATUSES[near[0]]]}?" if near else f"write one of {known}"
            message = f'{block.id} has the unknown status "{word[:30]}"'
            self.report.add("task-status", message, block.meta_line, match.start("word") + 1, hint=hint)
        else:
            self.report.add(
                "task-status", f"{block.id} has no status", block.meta_line, match.end() + 1, hint=f"write one of {known}"
            )

    def estimate(self, block: Block, meta: re.Match[str]) -> float | None:
        """The upper end in hours, None when there is none."""
        rest = meta.string[meta.end() :]
        quick = _QUICK_ESTIMATE.match(rest)
        if quick and int((quick[1] or "0-")[:-1]) <= int(quick[2]):
            return int(quick[2]) * HOURS[quick[3]]
        found = ESTIMATE.search(rest)
        if not found or _UNKNOWN_ESTIMATE.match(found[1].strip(" \t*")):
            self.unestimated.append(block.id)
            return None
        hours = _hours(found[1])
        if hours is None:
            message = f'{block.id} has the unreadable estimate "{found[1].strip()[:30]}"'
            column = meta.end() + found.start(1) + 1
            self.report.add("task-estimate", message, block.meta_line, column, hint='write "Est: 2h", "Est: 1-2d" or "Est: 30m"')
        return hours

    def needs(self, block: Block) -> tuple[str, ...]:
        wanted: dict[str, None] = {}
        for line, offset, text, loose in block.needs:
            if loose and not names_tasks(text, self.names):
                self.loose(block, line, offset, text)
                continue
            found, faults = read_needs(text, self.names)
            for fault in faults:
                column = offset + fault.offset + 1
                self.report.add(fault.code, f"{block.id}: {fault.message}", line, column, hint=fault.hint)
            if block.id in found:
                column = offset + max(text.find(block.id), 0) + 1
                if len(found) == 1 or ".." not in text:
                    self.report.add("self-need", f"{block.id} needs itself", line, column, hint="remove it")
                found.remove(block.id)
            self.total += len(found)
            if self.total <= MAX_NEEDS:
                wanted.update(dict.fromkeys(found))
        return tuple(wanted)

    def loose(self, block: Block, line: int, offset: int, text: str) -> None:
        """A line like "Dependencies: fastapi" is about libraries: part of the description, but worth a word."""
        if not is_none(text):
            block.text.append(self.report.lines[line].strip())
            message = f"{block.id}: this names no task, so nothing is waited for"
            self.report.add("no-need", message, line, offset + 1, hint="name tasks by id, if tasks are meant", severity="warning")

    def check_blocks(self) -> None:
        """Warn where "Blocks", which never makes an edge, says what no "Depends on" does."""
        patience = [PATIENCE]
        for task_id, refs in self.blocks_at.items():
            for other in self.tasks[task_id].blocks:
                if other != task_id and not self.follows(other, task_id, patience):
                    line, offset, text = next(ref for ref in refs if other in ref[2])
                    message = f"{task_id} says it blocks {other}, but {other} does not depend on it"
                    hint = f'only "Depends on" counts: add [{task_id}] there, if it is needed'
                    self.report.add(
                        "asymmetric-blocks", message, line, offset + text.index(other) + 1, hint=hint, severity="warning"
                    )

    def follows(self, later: str, earlier: str, patience: list[int]) -> bool:
        """Whether ``later`` needs ``earlier``, if only by way of others. When patience ends only direct needs are looked at."""
        seen = {later}
        ahead = [later]
        while ahead:
            needs = self.tasks[ahead.pop()].needs
            if earlier in needs:
                return True
            patience[0] -= len(needs) + 1
            if patience[0] > 0:
                fresh = [need for need in needs if need not in seen]
                seen.update(fresh)
                ahead += fresh
        return False


def _hours(text: str) -> float | None:
    match = AMOUNT.match(text.strip(" \t*"))
    if not match:
        return None
    low, low_unit, high, unit = match.groups()
    unit = (unit or low_unit) if high else low_unit
    factor, low_factor = HOURS.get(unit.lower()), HOURS.get((low_unit or unit).lower())
    if factor is None or low_factor is None:
        return None
    upper = float((high or low).replace(",", ".")) * factor
    return upper if float(low.replace(",", ".")) * low_factor <= upper else None


def _description(lines: list[str]) -> str:
    text = "\n".join(lines).strip()
    while text.endswith("---"):
        above, _, last = text.rpartition("\n")
        if last.strip("- "):
            break
        text = above.rstrip()
    return re.sub(r"\n{3,}", "\n\n", text) if "\n\n\n" in text else text


def _arrows(cycle: tuple[str, ...]) -> str:
    """The cycle in full; one that would fill pages is cut in the middle and says by how much."""
    if len(cycle) <= _SHOWN_IDS:
        return " -> ".join(cycle)
    gap = len(cycle) - _SHOWN_IDS
    return " -> ".join((*cycle[: _SHOWN_IDS - 5], f"... {gap:,} more ...", *cycle[-5:]))
