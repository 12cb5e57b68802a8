"""Which requirement is met by which design and which tasks, as the spec and its documents say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from chargehand.model.task import Section, Spec, Task

_ALWAYS = re.compile(r"(?:[A-Z][A-Z0-9]*-)?(?:REQ|NFR|FR)(?:-[A-Z0-9]+)*-?[0-9]+|[0-9]+")
_NAME = re.compile(r"(?<![\w-])[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*-?[0-9]+(?![\w-])")
_FAMILY = re.compile(r"[0-9]+\Z")
UNWRITTEN = "(no document)"
"""The path of a requirement that is only named."""

_OUT = frozenset({"cancelled"})


class Coverage(NamedTuple):
    """``requirements`` and ``designs`` are sections by id. ``tasks``: which tasks trace to a section; ``designed``: which designs
    name a requirement; both only of ids that are there."""

    requirements: dict[str, Section]
    designs: dict[str, Section]
    tasks: dict[str, tuple[str, ...]]
    designed: dict[str, tuple[str, ...]]

    def meant(self, requirement: str) -> tuple[str, ...]:
        """The tasks that are to meet a requirement: those that trace to it, or to a design that names it."""
        through = [task for design in self.designed.get(requirement, ()) for task in self.tasks.get(design, ())]
        return tuple(dict.fromkeys([*self.tasks.get(requirement, ()), *through]))

    def uncovered(self) -> list[str]:
        return [name for name in self.requirements if not self.meant(name)]


def coverage(spec: Spec, outline: Mapping[str, Section]) -> Coverage:
    """What covers what. ``outline`` holds every section of the documents beside the spec, by id.

    Of ``requirements.md`` the sections called REQ, NFR or FR, or just numbered, are requirements, and those of any other kind that
    some task traces to. A task that was cancelled covers nothing.
    """
    tasks: dict[str, list[str]] = {}
    for task in spec.tasks:
        for name in traced(task, outline):
            if name in outline and _OUT.isdisjoint(task.tags):
                tasks.setdefault(name, []).append(task.id)
    families = {_family(name) for name in tasks}
    requirements = {
        name: section
        for name, section in outline.items()
        if section.path.endswith(("requirements.md", UNWRITTEN)) and (_ALWAYS.fullmatch(name) or _family(name) in families)
    }
    designs = {name: section for name, section in outline.items() if section.path.endswith("design.md")}
    designed: dict[str, list[str]] = {}
    for name, section in designs.items():
        for other in names_in(section.text):
            if other in requirements:
                designed.setdefault(other, []).append(name)
    return Coverage(requirements, designs, _frozen(tasks), _frozen(designed))


def unwritten(spec: Spec, outline: Mapping[str, Section]) -> dict[str, Section]:
    """Requirements that tasks trace to and no document has: no more than their ids."""
    names = [name for task in spec.tasks for name in traced(task, outline) if name not in outline and _ALWAYS.fullmatch(name)]
    return {name: Section(name, "", "", UNWRITTEN) for name in dict.fromkeys(names)}


def traced(task: Task, outline: Mapping[str, Section]) -> tuple[str, ...]:
    """The sections a task traces to, by id: ``1.2`` is the second criterion of section ``1``, where there is no section ``1.2``."""
    return tuple(dict.fromkeys(name if name in outline else name.partition(".")[0] for name in task.traces))


def names_in(text: str) -> tuple[str, ...]:
    """Everything in a text that has the form of an id, once each."""
    return tuple(dict.fromkeys(_NAME.findall(text)))


def _family(name: str) -> str:
    return _FAMILY.sub("", name)


def _frozen(lists: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(dict.fromkeys(members)) for name, members in lists.items()}
