"""``ROADMAP.md``: phases, sections and boxes.

A task's id is the one written at its start, or is made of its title, so that lines inserted above change nothing; of tasks with the
same title the section decides. Prose without boxes is recognised, and answered with what can be done about it.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter

from chargehand.model.task import CheckItem, Span, Task
from chargehand.spec.dialect import lookalikes
from chargehand.spec.formats import CERTAIN, LIKELY, NO, POSSIBLE, Changes, Parsed
from chargehand.spec.grammar import AMOUNT, HOURS
from chargehand.spec.lines import cut, cut_with_ends
from chargehand.spec.outline import say_odd
from chargehand.spec.report import Report
from chargehand.spec.roadmap_scan import MAX_ITEMS, Heading, Item, RoadmapScan
from chargehand.spec.settle import MAX_NEEDS, MAX_TASKS

NAME = "roadmap"

_ANY_BOX = re.compile(r"^[ \t]*(?:(?:[-*+][ \t\xa0]*|(?:[0-9.]+[.)]?|#{1,6})[ \t]+))?\[[ \xa0xX]?\][ \t\xa0]+\S", re.MULTILINE)
_OTHERS = re.compile(r"^ {0,3}###[ \t]+[A-Z][A-Z0-9]*-[0-9]+:", re.MULTILINE)
_OWN_ID = re.compile(
    r"(?:\*\*|`|\[|\()?(?P<id>[A-Z][A-Za-z]{0,9}[-_]?[0-9]{1,5}(?:[.-][0-9]{1,4}){0,3}[a-z]?)"
    r"(?P<end>(?:\*\*|`|\]|\))?[ \t]*(?:[:—–]|-[ \t]|\.[ \t])|(?:\*\*|`|\]|\))(?=[ \t]|\Z))"
)
_DOTTED_ID = re.compile(r"(?![Vv][0-9])(?P<id>[A-Z]{1,4}[0-9]{1,3}(?:\.[0-9]{1,3}){1,3}[a-z]?)(?=[ \t]+\S)")
"""As in "T1.2 Write it": without a colon, but no word people begin with. ``V1.2`` is a version."""

_BOLD = re.compile(r"(?:\*\*|__)(?P<title>[^*_\n][^*\n]{0,200}?)(?:\*\*|__)(?P<sep>[ \t]*[:—–-]|:)?[ \t]*(?P<rest>.*)", re.DOTALL)
_PHASE = re.compile(r"(?:phase|stage|milestone|step)[ \t]+([0-9]+(?:\.[0-9]+)*|[A-Z](?![\w]))", re.IGNORECASE)
_NUMBER = re.compile(r"[^\w]*([0-9]+(?:\.[0-9]+)*)[.:) \t]")
_INLINE_NEEDS = re.compile(
    r"[\[(*_]{1,3}(?:depends on|needs|requires|after|blocked by)[: \t*_]+([^()\[\]\n]{1,300}?)[\])*_]{1,3}", re.IGNORECASE
)
_EFFORT = re.compile(r"\b(?:est(?:imate)?|effort)\b[ \t]*[:=]?[ \t]*\**[ \t]*(?=[~≈0-9])(.{1,40})", re.IGNORECASE)
_PRIORITY = re.compile(r"\b(?:P([0-3])\b|(critical|urgent|highest)|(high)|(medium|normal)|(low(?:est)?)\b)", re.IGNORECASE)
_HEADED = re.compile(
    r"[^\w]*(?:P([0-3])\b|(critical|urgent|highest)\b.{0,3}priority|(high)[ -]priority|(medium)[ -]priority|(low)[ -]priority)",
    re.IGNORECASE,
)
_TAGGED = re.compile(r"[\[(](?:P([0-3])|(critical|urgent)|(high)|(medium)|(low))(?:[ -]priority)?[\])]", re.IGNORECASE)
_PLAIN_ID = re.compile(r"[A-Za-z]+[0-9]*[-.]?[0-9]+(?:\.[0-9]+)*")
_MARKS = re.compile(r"[*_`~]+")
_TITLE = 160
_CONTEXT = 3_000


def recognise(path: str, text: str) -> int:
    """Boxes, or a file that is called a roadmap."""
    name = path.rpartition("/")[2].lower()
    if not name.endswith((".md", ".markdown", ".txt")):
        return NO
    head = text[:200_000]
    if _OTHERS.search(head):
        return NO
    boxes = _ANY_BOX.search(head) is not None
    if "roadmap" in name:
        return CERTAIN if boxes else LIKELY
    return POSSIBLE if boxes else NO


def parse(text: str, path: str) -> Parsed:
    """One task for each box that stands in no other; boxes below it are its checklist."""
    report = Report(path, cut(text))
    scan = RoadmapScan(report.lines, report)
    if max(scan.count, len(scan.headings)) > MAX_ITEMS:
        return Parsed((), report.sorted())
    if len(scan.items) > MAX_TASKS:
        report.add("too-large", f"{len(scan.items):,} tasks are more than {MAX_TASKS:,}", hint="split the spec into several files")
        return Parsed((), report.sorted())
    if not scan.items or (scan.items[0].emoji and sum(scan.plain.values()) > len(scan.items)):
        _prose(scan, report)
        return Parsed((), report.sorted())
    tasks, places = _Reader(scan, report).run()
    return Parsed(tasks, report.sorted(), places)


def mark(text: str, changes: Changes) -> tuple[str, frozenset[str]]:
    """Boxes ticked or opened; other statuses have no box of their own in a roadmap but ``[~]`` and ``[!]``."""
    bom, lines, ends = cut_with_ends(text)
    scan = RoadmapScan(lines, Report("", lines))
    ids = _ids(scan.items)
    pending = set(changes)
    for item, task_id in zip(scan.items, ids, strict=True):
        if task_id not in pending:
            continue
        status, tick = changes[task_id]
        if item.dropped() and status != "done":
            continue  # it is done, whatever its box says
        pending.remove(task_id)
        for box in (item, *item.boxes) if tick else (item,):
            wanted = "done" if box is not item else status
            if box.status(scan.legend) != wanted:
                new = _EMOJI[wanted] if box.emoji else _BOXES[wanted]
                lines[box.line] = lines[box.line][: box.at] + new + lines[box.line][box.until :]
    whole = "".join([part for pair in zip(lines, ends, strict=True) for part in pair])
    return bom + whole, frozenset(pending)


_BOXES = {"todo": " ", "in_progress": "~", "review": "~", "done": "x", "blocked": "!"}
_EMOJI = {"todo": "⬜", "in_progress": "🚧", "review": "🚧", "done": "✅", "blocked": "⏸"}


def _prose(scan: RoadmapScan, report: Report) -> None:
    """Say what is there instead of tasks, and what can be done about it."""
    if not any(line.strip() for line in scan.raw):
        report.add("empty", "the file is empty", hint='write a line "- [ ] ..." for each task')
        return
    rows, lists = len(scan.table_rows()) or len(scan.rows), sum(scan.plain.values())
    parts = [
        f"{count:,} {name}"
        for count, name in ((lists, "list items"), (rows, "table rows"), (len(scan.headings), "headings"))
        if count
    ]
    where = next(iter(scan.plain), None)
    line = scan.rows[0] if rows and not lists else where.line if where and where.line >= 0 else -1
    message = f"this roadmap is prose: no item in it has a box ({', '.join(parts) or 'plain text'})"
    report.add(
        "prose-roadmap",
        message,
        line,
        hint=f"put `- [ ]` before each item to be done, or have the planner make tasks of it: chargehand plan --from {report.path}",
    )


class _Reader:
    def __init__(self, scan: RoadmapScan, report: Report) -> None:
        self.scan, self.report = scan, report
        self.ids = _ids(scan.items)
        self.by_id = {task_id.lower(): task_id for task_id in self.ids}
        self.by_title: dict[str, list[str]] = {}
        self.under: dict[Heading, list[str]] = {}
        for item, task_id in zip(scan.items, self.ids, strict=True):
            self.by_title.setdefault(_plain(_title(item.text)[0]), []).append(task_id)
            for heading in item.heading.chain():
                self.under.setdefault(heading, []).append(task_id)
        self.phases: dict[str, Heading] = {}
        for heading in scan.headings:
            for key in _names(heading):
                self.phases.setdefault(key, heading)
        self.wants = {heading: self.prerequisites(heading) for heading in (scan.items[0].heading.chain()[:1] + scan.headings)}
        self.total = 0

    def run(self) -> tuple[tuple[Task, ...], dict[str, tuple[int, int]]]:
        places: dict[str, tuple[int, int]] = {}
        tasks = tuple(self.task(item, task_id, places) for item, task_id in zip(self.scan.items, self.ids, strict=True))
        self.remarks()
        return tasks, places

    def task(self, item: Item, task_id: str, places: dict[str, tuple[int, int]]) -> Task:
        title, rest = _title(item.text)
        chain = [heading for heading in item.heading.chain() if heading.level]
        status = item.status(self.scan.legend)
        low, hours = self.hours(item, chain)
        text = "\n".join([*([rest] if rest else []), *_dedent(item.body)]).strip()
        needs = self.needs(item, chain, task_id, places)
        checklist = tuple(
            CheckItem(
                _plain_text(box.text) + "".join(f"\n{line}" for line in _dedent(box.body)).rstrip(),
                box.status(self.scan.legend) == "done",
                Span(box.line + 1, box.at + 1),
            )
            for box in item.boxes
        )
        tags = (("cancelled",) if item.dropped() else ()) + (("deferred",) if item.mark == ">" else ())
        return Task(
            id=task_id,
            title=title,
            span=Span(item.line + 1, max(item.at - 2, 0) + 1),
            priority=self.priority(item, chain),
            status="done" if item.dropped() else status,
            estimate_hours=hours,
            low_hours=low,
            description=text,
            checklist=checklist,
            needs=needs,
            milestone=_plain_text(_phase(chain).title) if chain else "",
            files=item.files,
            context=_context(chain),
            tags=tags,
            manual=item.mark == ">",
        )

    def priority(self, item: Item, chain: list[Heading]) -> int:
        for _, value in item.says.get("priority", ()):
            if (found := _level(_PRIORITY.search(value))) is not None:
                return found
        if (found := _level(_TAGGED.search(item.text))) is not None:
            return found
        for heading in reversed(chain):
            said = [value for _, value in heading.says.get("priority", ())]
            for match in (*map(_PRIORITY.search, said), _HEADED.match(heading.title)):
                if (found := _level(match)) is not None:
                    return found
        return 2

    def hours(self, item: Item, chain: list[Heading]) -> tuple[float | None, float | None]:
        del chain  # a phase's effort is not its tasks'
        inline = _EFFORT.search(item.text)
        for value in (*(value for _, value in item.says.get("effort", ())), *((inline[1],) if inline else ())):
            match = AMOUNT.match(value.strip(" \t*"))
            if match:
                low, low_unit, high, unit = match.groups()
                unit = ((unit or low_unit) if high else low_unit).lower()
                if unit in HOURS:
                    first = float(low.replace(",", ".")) * HOURS.get((low_unit or unit).lower(), HOURS[unit])
                    return (first, float(high.replace(",", ".")) * HOURS[unit]) if high else (None, first)
        return None, None

    def needs(self, item: Item, chain: list[Heading], task_id: str, places: dict[str, tuple[int, int]]) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for heading in chain:
            found.update(dict.fromkeys(self.wants.get(heading, ())))
        own = list(item.says.get("needs", ())) + [(item.line, match[1]) for match in _INLINE_NEEDS.finditer(item.text)]
        for line, value in own:
            places[task_id] = (line + 1, 1)
            found.update(dict.fromkeys(self.named(line, value)))
        found.pop(task_id, None)
        self.total += len(found)
        if self.total > MAX_NEEDS:
            if self.total - len(found) <= MAX_NEEDS:
                self.report.add("too-large", f"more than {MAX_NEEDS:,} needs", item.line, hint="let phases wait for fewer others")
            return ()
        return tuple(found)

    def prerequisites(self, heading: Heading) -> tuple[str, ...]:
        """The tasks that must be done before any below this heading."""
        found: dict[str, None] = {}
        for line, value in heading.says.get("needs", ()):
            found.update(dict.fromkeys(self.named(line, value)))
        below = set(self.under.get(heading, ()))
        return tuple(name for name in found if name not in below)

    def named(self, line: int, value: str) -> list[str]:
        """The tasks that words name: phases, sections, ids or titles."""
        if not _plain(value) or _plain(value) in {"none", "n a", "nothing"}:
            return []
        found: list[str] = []
        for match in _PHASE.finditer(value):
            heading = self.phases.get(f"phase {match[1].lower()}")
            if heading is None:
                known = ", ".join(dict.fromkeys(found.title for key, found in self.phases.items() if key.startswith("phase ")))
                message = f'there is no phase "{match[1]}" in this roadmap'
                self.report.add("unknown-need", message, line, hint=f"phases are {known}" if known else "name a task or a heading")
            else:
                found += self.under.get(heading, [])
        rest = _PHASE.sub(" ", value)
        for part in re.split(r"[,;+&/]|\band\b|\bund\b", rest):
            found += self.one(part)
        if not found and not _PHASE.search(value):
            message = f'"{value[:60]}" names no phase or task of this roadmap, so nothing is waited for'
            self.report.add("no-need", message, line, hint="name a phase, an id or a title, if one is meant", severity="warning")
        return found

    def one(self, part: str) -> list[str]:
        key = _plain(part)
        bare = part.strip(" \t*`_[]().\"'")
        if not key:
            return []
        if bare.lower() in self.by_id:
            return [self.by_id[bare.lower()]]
        if key in self.by_title:
            return self.by_title[key]
        heading = self.phases.get(bare.lower()) or self.phases.get(key)
        return self.under.get(heading, []) if heading else []

    def remarks(self) -> None:
        """What is in the roadmap and was not read as a task: said, never passed over in silence."""
        scan = self.scan
        rows = scan.table_rows()
        parts = {heading.line for heading in scan.headings if heading in self.under or heading in scan.plain}  # "## Q1" is no task
        form, lines = lookalikes(scan.view, parts | {item.line for item in scan.items})
        ids = {match[0] for n in lines if (match := _PLAIN_ID.search(scan.view[n]))}
        if len(ids) > len(scan.items):
            message = f"{len(lines):,} lines look like tasks and have no box ({form}), and {len(scan.items):,} items have one"
            self.report.add("other-format", message, lines[0], hint="put [ ] before each task, or name the format with --format")
        if rows:
            count, boxes = len(rows), len(scan.items)
            severity = "error" if count > boxes else "warning"
            message = f"{count:,} table rows with a status are not read as tasks" + (f" (but {boxes:,} boxes are)" if boxes else "")
            self.report.add(
                "table-tasks", message, rows[0], hint="make them list items with [ ], if they are tasks", severity=severity
            )
        odd = scan.odd()
        say_odd(odd, self.report, "error" if len(odd) > len(scan.items) else "warning")
        if scan.boxed and scan.emoji_lines:
            message = f"{len(scan.emoji_lines):,} list items with an emoji are not read as tasks: in this roadmap boxes are"
            self.report.add(
                "no-box", message, scan.emoji_lines[0], hint="put [ ] or [x] before them, if they are tasks", severity="warning"
            )
        boxed = set(self.under)
        plain = [(heading, count) for heading, count in scan.plain.items() if heading.level and heading not in boxed]
        if plain:
            total = sum(count for _, count in plain)
            message = f"{total:,} list items below headings without any box are not read as tasks"
            self.report.add("no-box", message, plain[0][0].line, hint="put [ ] before them, if they are tasks", severity="warning")
        for item in scan.items:
            if item.mark == "-" and not item.emoji and "-" not in scan.legend:
                message = '"[-]" is read as under way; in some files it means dropped'
                self.report.add(
                    "box", message, item.line, item.at, hint="write [~] for under way, or strike the text out", severity="warning"
                )
                break


def _ids(items: list[Item]) -> list[str]:
    """An id for each item: its own where it has one that no other has, else made of its title."""
    matches = [_OWN_ID.match(item.text) or _DOTTED_ID.match(item.text) for item in items]
    own = [match["id"].replace("_", "-") if match else "" for match in matches]
    taken = Counter(name.lower() for name in own)
    titles = [_plain(_title(item.text)[0]) for item in items]
    same = Counter(titles)
    seen: Counter[str] = Counter()
    ids = []
    for item, name, title in zip(items, own, titles, strict=True):
        if name and taken[name.lower()] == 1:
            ids.append(name)
            continue
        anchor = title
        if same[title] > 1:
            anchor = "\0".join([_plain(item.text), *(_plain(heading.title) for heading in item.heading.chain())])
        words = re.sub(r"[^a-z0-9]+", "-", title.lower().encode("ascii", "ignore").decode()).strip("-")[:36].rpartition("-")
        slug = (
            (words[0] if len(words[2]) < 3 or len(title) > 36 else "-".join(filter(None, (words[0], words[2]))))
            or words[2]
            or "task"
        )
        base = f"{slug.strip('-')}-{hashlib.blake2b(anchor.encode('utf-8', 'surrogatepass'), digest_size=3).hexdigest()}"
        seen[base] += 1
        ids.append(base if seen[base] == 1 else f"{base}-{seen[base]}")
    return ids


def _title(text: str) -> tuple[str, str]:
    """A short title and what the line says beyond it. Nothing of the line is lost."""
    match = _BOLD.match(text)
    if match and match["sep"] and match["rest"] and len(match["title"]) > 2 and not _OWN_ID.fullmatch(f"**{match['title']}**"):
        return _plain_text(match["title"]).rstrip(" :"), match["rest"]
    whole = _plain_text(text)
    if len(whole) <= _TITLE:
        return whole, ""
    return whole[:_TITLE].rpartition(" ")[0] or whole[:_TITLE], text


def _plain_text(text: str) -> str:
    """Without emphasis."""
    return (
        re.sub(r"(\*\*|__|~~)(?=\S)(.+?)(?<=\S)\1", r"\2", text).strip()
        if "*" in text or "_" in text or "~" in text
        else text.strip()
    )


def _plain(text: str) -> str:
    """For comparing: words only, in small letters."""
    return " ".join(re.sub(r"[^\w]+", " ", _MARKS.sub("", text).replace("_", " ")).casefold().split())


def _names(heading: Heading) -> list[str]:
    """What a heading may be called elsewhere: its number, its phase, its words."""
    names = [_plain(heading.title)]
    if match := _PHASE.match(heading.title.lstrip("*_ 0123456789.:)✅🚧⏳📋🎯🚀—–-")):
        names.append(f"phase {match[1].lower()}")
    if match := _NUMBER.match(heading.title + " "):
        names.append(match[1])
    return names


def _phase(chain: list[Heading]) -> Heading:
    """The outermost heading that is not the document's title."""
    return next((heading for heading in chain if heading.level > 1), chain[-1])


def _context(chain: list[Heading]) -> str:
    """What stands around a task: the goals of its phase and the text of its section."""
    parts = []
    for heading in chain:
        if heading.level > 1 or heading is chain[-1]:
            text = "\n".join(heading.text).strip()
            parts.append(f"{heading.title}\n{text}" if text else heading.title)
    return "\n\n".join(parts)[:_CONTEXT]


def _level(match: re.Match[str] | None) -> int | None:
    if match is None:
        return None
    return int(match[1]) if match[1] else next(level for level, group in enumerate(match.groups()[1:]) if group)


def _dedent(lines: list[str]) -> list[str]:
    widths = [len(line) - len(line.lstrip(" \t")) for line in lines if line.strip()]
    cut_ = min(widths, default=0)
    return [line[cut_:] if line[:cut_].isspace() or not line.strip() else line for line in lines]
