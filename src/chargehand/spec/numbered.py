"""Checkbox lists whose items carry numbers: which boxes are tasks, which stand for the ones below them (2 for 2.1 and 2.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from chargehand.model.task import Task
from chargehand.spec.outline import Box, Outline, name_of, say_odd
from chargehand.spec.report import Report

NUMBER = r"[0-9]{1,4}(?:\.[0-9]{1,4}){0,5}"


def head_of(ids: str) -> re.Pattern[str]:
    """How the text of a box begins: the id, set off by what people set it off with, and the title."""
    return re.compile(rf"[*_`~]{{0,3}}(?P<id>{ids})(?![\w-])\.?[*_`~]{{0,3}}[.:)]?(?:[ \t]+(?P<rest>.*))?\Z", re.DOTALL)


class Numbered:
    """``items``: all boxes with an id, in order; ``boxes``: the first of each id; ``groups``: ids that stand for the tasks below
    them, with these. A box is a group when it has sub-tasks, unless these are optional (starred) and it is not. ``others``: boxes
    without an id that belong to no checklist.

    With ``unnamed`` a box without an id that is not inside another is an item too, by an id made of its text.
    """

    def __init__(self, outline: Outline, head: re.Pattern[str], *, unnamed: bool = False) -> None:
        self.outline, self.head = outline, head
        self.boxes: dict[str, Box] = {}
        for box in outline.boxes:
            if match := head.match(box.text):
                self.boxes.setdefault(match["id"], box)
        self.groups = self._groups()
        self.items: list[tuple[Box, str]] = []
        self.others: list[Box] = []
        taken: dict[str, int] = {}
        for box in outline.boxes:
            if match := head.match(box.text):
                self.items.append((box, match["id"]))
            elif not self.inside(box, unnamed):
                if unnamed and box.text:
                    self.items.append((box, name_of(box.text, taken)))
                else:
                    self.others.append(box)
        for box, name in self.items:
            self.boxes.setdefault(name, box)
        self.alone = {box.line for box, _ in self.items} | {box.line for box in self.others}

    def _groups(self) -> dict[str, list[str]]:
        below: dict[str, list[str]] = {}
        for name in self.boxes:
            parent = name.rpartition(".")[0]
            while parent:
                if parent in self.boxes:
                    below.setdefault(parent, []).append(name)
                parent = parent.rpartition(".")[0]
        groups = {
            name
            for name, members in below.items()
            if self.boxes[name].starred or not all(self.boxes[member].starred for member in members)
        }
        return {name: [member for member in below[name] if member not in groups] for name in below if name in groups}

    def tasks(self) -> list[tuple[Box, str]]:
        """What is to be done: the items that are no groups. An id that is there twice comes twice."""
        return [(box, name) for box, name in self.items if name not in self.groups or self.boxes[name] is not box]

    def places(self) -> dict[str, Box]:
        """The box of each task, and of each group."""
        return self.boxes

    def with_groups(self, tasks: Iterable[Task]) -> tuple[Task, ...]:
        """The tasks and the groups, in the order of the text. A group is done when its tasks are, but for the optional ones."""
        return tuple(sorted([*tasks, *map(self._whole, self.groups)], key=lambda task: task.span.line))

    def _whole(self, name: str) -> Task:
        box, outer, members = self.boxes[name], self.group(name), self.groups[name]
        section = box.heading.text if box.heading and box.heading.level > 1 else ""
        return Task(
            id=name,
            title=self.title(box),
            span=box.span,
            status=box.status,
            description=box.description(),
            needs=tuple(member for member in members if not self.boxes[member].starred) or tuple(members),
            milestone=self.title(outer) if outer else section,
            group=True,
        )

    def title(self, box: Box) -> str:
        match = self.head.match(box.text)
        title = (match["rest"] or "").strip() if match else box.text
        return title.replace("**", "", 1) if title.count("**") % 2 else title  # its other half stands before the number

    def own(self, box: Box) -> bool:
        """Whether a nested box stands for itself, not for a line of a checklist."""
        return box.line in self.alone

    def inside(self, box: Box, anything: bool) -> bool:
        """Whether a box without an id belongs to the checklist of one with (or of any other, if ``anything`` is an item). Nobody
        works on a group, so that what stands right below it is in no checklist."""
        above = box.above
        while above and not anything and not self.head.match(above.text):
            above = above.above
        match = self.head.match(above.text) if above else None
        return above is not None and not (match and match["id"] in self.groups)

    def group(self, name: str) -> Box | None:
        """The group a task stands in, the innermost."""
        parent = name.rpartition(".")[0]
        while parent and parent not in self.groups:
            parent = parent.rpartition(".")[0]
        return self.boxes[parent] if parent else None

    def expanded(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Tasks in place of groups."""
        return tuple(dict.fromkeys(member for name in names for member in self.groups.get(name, (name,))))

    def say(self, report: Report) -> None:
        """Tell of the boxes that are no tasks."""
        say_odd(self.outline.odd, report)
        if self.others:
            count = "a checkbox" if len(self.others) == 1 else f"{len(self.others):,} checkboxes"
            message = f"{count} without a number, not read as {'a task' if len(self.others) == 1 else 'tasks'}"
            hint = "give it a number, if work is meant"
            report.add("no-id", message, self.others[0].line, hint=hint, severity="warning")
