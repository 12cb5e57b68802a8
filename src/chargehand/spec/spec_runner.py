"""Reads ``tasks.md`` in spec-runner's format."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache

from msgspec.structs import force_setattr

from chargehand.model.task import FileStatus, Span, Task
from chargehand.spec.cycles import arrows, find_cycles
from chargehand.spec.dialect import explain
from chargehand.spec.digest import digest
from chargehand.spec.formats import CERTAIN, LIKELY, NO, POSSIBLE, Parsed
from chargehand.spec.front import read_front
from chargehand.spec.grammar import AMOUNT, ESTIMATE, HOURS, MAX_ID, STATUSES, WORDS, status_of
from chargehand.spec.lines import BOM, FRONT, cut
from chargehand.spec.proof import read_proof, read_touches
from chargehand.spec.refs import Names, is_none, names_tasks, plain_needs, read_needs, read_traces, targets
from chargehand.spec.report import Report
from chargehand.spec.scan import META_FORM, Block, Ref, Scan
from chargehand.spec.settle import MAX_NEEDS, MAX_TASKS
from chargehand.spec.ticks import mark

Hours = tuple[float | None, float | None]
_NO_HOURS: Hours = (None, None)

__all__ = ["NAME", "mark", "parse", "recognise"]

NAME = "spec-runner"

_A_HEADER = re.compile(r"^ {0,3}###[ \t]+[A-Z][A-Z0-9]*-[0-9]+:", re.MULTILINE)
_A_META = re.compile(r"^[^\n|]{0,20}\b[Pp][0-9]\b[^\n|]{0,4}\|", re.MULTILINE)
_OTHER_BOXES = re.compile(r"^[ \t]*(?:[-*+]|[0-9]+[.)]|#{1,6})[ \t]+\[[ xX~-]\]", re.MULTILINE)
_OWN_PATH = re.compile(r"(?:^|/)spec/[^/]*tasks\.md$|(?:^|/)spec/changes/")

PATIENCE = 200_000
"""Needs looked at in all for warnings about "Blocks"."""

_QUICK_ESTIMATE = re.compile(r"[ \t]*\|[ \t]*Est:[ \t]*([0-9]{1,4}-)?([0-9]{1,4})([dh])[ \t]*$")
_UNKNOWN_ESTIMATE = re.compile(r"[-–—?]|tbd\b|n/?a\b|none\b|$", re.IGNORECASE)
_NOT_META = re.compile(r"\bP[0-9]\b|\b(?:TODO|DONE|IN[_ ]PROGRESS|BLOCKED)\b")


def recognise(path: str, text: str) -> int:
    """Headers with status lines are its own; headers alone, or a status line without one, may be."""
    head = text[:200_000]
    if head.lstrip(BOM).startswith("+++"):
        return NO  # our own format
    headers = len(_A_HEADER.findall(head))
    if headers:
        return CERTAIN if _OWN_PATH.search(path) or _A_META.search(head) else LIKELY
    return POSSIBLE if _OWN_PATH.search(path) and not _OTHER_BOXES.search(head) else NO


def parse(text: str, path: str) -> Parsed:
    """The tasks of a text and everything that is wrong with it, in the order of the text. Never raises.

    Problems of severity ``error`` mean that the tasks must not be run: what is returned then is only what could be read.
    """
    report = Report(path, cut(text))
    scan = Scan(report.lines, report)
    if front := scan.hidden.count(FRONT):
        read_front(report.lines, front, "tasks", report)
    if scan.count > MAX_TASKS:
        report.add("too-large", f"{scan.count:,} tasks are more than {MAX_TASKS:,}", hint="split the spec into several files")
        return Parsed((), report.sorted())
    tasks = _Parser(scan).run()
    if not tasks and not any(problem.severity == "error" for problem in report.problems):
        explain(scan, report)
    return Parsed(tasks, report.sorted())


class _Parser:
    """Turns blocks into tasks. Each step is done for all before the next begins: an eighth quicker than task by task."""

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self.report = scan.report
        self.names = Names(scan.defined)
        self.tasks: dict[str, Task] = {}
        self.needed_at: dict[str, tuple[int, int, str, bool]] = {}
        self.blocks_at: dict[str, list[Ref]] = {}
        self.total = 0
        self.unestimated: list[str] = []
        self.metas: dict[str, tuple[int, FileStatus, Hours]] = {}
        self.traces = cache(read_traces)

    def run(self) -> tuple[Task, ...]:
        for block in list(self.scan.blocks()):
            self.admit(block)
            task = self.task(block)
            self.tasks.setdefault(block.id, task)
        tasks = tuple(self.tasks.values())
        for task in tasks:
            force_setattr(task, "digest", digest(task))  # nobody has seen it yet; a copy takes as long as the rest
        if self.total > MAX_NEEDS:
            message = f"{self.total:,} needs are more than {MAX_NEEDS:,}"
            self.report.add("too-large", message, hint="leave out what others already need")
            return tasks
        for cycle in find_cycles({task.id: task.needs for task in tasks}):
            line, offset, text, _ = self.needed_at[cycle[0]]
            column = offset + len(text) - len(text.lstrip()) + 1
            message = f"these tasks wait for each other: {arrows(cycle)}"
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
        if first or len(block.id) > MAX_ID or not block.title:
            self.flaws(block, first)
        if block.needs:
            self.needed_at.setdefault(block.id, block.needs[0])
        if block.blocks:
            self.blocks_at.setdefault(block.id, block.blocks)

    def flaws(self, block: Block, first: Task | None) -> None:
        column = self.report.lines[block.line].index(block.id) + 1
        if first:
            message = f"{block.id} is defined twice (the first time on line {first.span.line})"
            self.report.add("duplicate-id", message, block.line, column, hint="give each task an id of its own")
        if len(block.id) > MAX_ID:
            self.report.add("task-header", f"the id is longer than {MAX_ID} characters", block.line, column, hint="shorten it")
        if not block.title:
            self.report.add("task-header", f"{block.id} has no title", block.line, column, hint="write one behind the colon")

    def task(self, block: Block) -> Task:
        line = block.meta.string if block.meta else ""
        priority, status, (low, hours) = self.metas.get(line) or self.meta(block)
        needs = self.needs(block) if block.needs else ()
        traces = self.traces(block.traces[0][2]) if block.traces else ()
        if len(block.traces) > 1:
            traces = tuple(dict.fromkeys([name for ref in block.traces for name in self.traces(ref[2])]))
        blocks: tuple[str, ...] = ()
        if block.blocks:
            blocks = tuple(dict.fromkeys([task_id for ref in block.blocks for task_id in targets(ref[2], self.names.ids)]))
        return Task(
            id=block.id,
            title=block.title,
            span=Span(block.line + 1, 1),
            priority=priority,
            status=status,
            estimate_hours=hours,
            low_hours=low,
            description=_description(block.text),
            checklist=tuple(block.boxes),
            needs=needs,
            blocks=blocks,
            traces=traces,
            milestone=block.milestone,
            touches=read_touches(block, self.report) if block.says else (),
            proof=read_proof(block, self.report) if block.says else None,
        )

    def meta(self, block: Block) -> tuple[int, FileStatus, Hours]:
        """Priority, status and hours from the line below the header. Of a line without a fault they are kept: it comes again."""
        match = block.meta
        if match is None:
            self.no_meta(block)
            return 2, "todo", _NO_HOURS
        said = len(self.report.problems) + len(self.unestimated)
        priority, status = int(match["priority"][:3]), status_of(match["word"])
        if len(match["priority"]) > 1 or priority > 3:
            message = f"{block.id} has priority P{match['priority'][:10]}, which is none of P0, P1, P2, P3"
            self.report.add("task-priority", message, block.meta_line, match.start("priority"), hint="P0 is done first, P3 last")
            priority = 2
        if status is None:
            self.no_status(block, match)
        found = priority, status or "todo", self.estimate(block, match)
        if len(self.report.problems) + len(self.unestimated) == said:
            self.metas[match.string] = found
        return found

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

    def estimate(self, block: Block, meta: re.Match[str]) -> Hours:
        """Lower and upper end in hours, None for what is not said."""
        rest = meta.string[meta.end() :]
        quick = _QUICK_ESTIMATE.match(rest)
        if quick and int((quick[1] or "0-")[:-1]) <= int(quick[2]):
            factor = HOURS[quick[3]]
            return int(quick[1][:-1]) * factor if quick[1] else None, int(quick[2]) * factor
        found = ESTIMATE.search(rest)
        if not found or _UNKNOWN_ESTIMATE.match(found[1].strip(" \t*")):
            self.unestimated.append(block.id)
            return _NO_HOURS
        hours = _hours(found[1])
        if hours is _NO_HOURS:
            message = f'{block.id} has the unreadable estimate "{found[1].strip()[:30]}"'
            column = meta.end() + found.start(1) + 1
            self.report.add("task-estimate", message, block.meta_line, column, hint='write "Est: 2h", "Est: 1-2d" or "Est: 30m"')
        return hours

    def needs(self, block: Block) -> tuple[str, ...]:
        if len(block.needs) == 1 and (listed := plain_needs(block.needs[0][2], self.names)) is not None and block.id not in listed:
            self.total += len(listed)
            return listed if self.total <= MAX_NEEDS else ()
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


def _hours(text: str) -> Hours:
    match = AMOUNT.match(text.strip(" \t*"))
    if not match:
        return _NO_HOURS
    low, low_unit, high, unit = match.groups()
    unit = (unit or low_unit) if high else low_unit
    factor, low_factor = HOURS.get(unit.lower()), HOURS.get((low_unit or unit).lower())
    if factor is None or low_factor is None:
        return _NO_HOURS
    lower, upper = float(low.replace(",", ".")) * low_factor, float((high or low).replace(",", ".")) * factor
    if lower > upper:
        return _NO_HOURS
    return (lower if high else None), upper


def _description(lines: list[str]) -> str:
    text = "\n".join(lines).strip()
    while text.endswith("---"):
        above, _, last = text.rpartition("\n")
        if last.strip("- "):
            break
        text = above.rstrip()
    return re.sub(r"\n{3,}", "\n\n", text) if "\n\n\n" in text else text
