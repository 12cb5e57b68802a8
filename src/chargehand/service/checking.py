"""Everything there is to say about a spec before it is run: what its reader found, what is doubtful, what the settings lack."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from chargehand.model.config import Config
from chargehand.model.errors import ConfigProblem, Problem
from chargehand.model.task import Section, Spec
from chargehand.service import specs
from chargehand.service.project import Project

_EXCERPT = 200


class Checked(NamedTuple):
    """``spec`` is None when it cannot be used. ``requirements`` counts those of its documents, ``covered`` those with a task."""

    spec: Spec | None
    problems: tuple[Problem, ...]
    requirements: int = 0
    covered: int = 0

    @property
    def errors(self) -> int:
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def warnings(self) -> int:
        return len(self.problems) - self.errors


def examine(project: Project, config: Config) -> Checked:
    """The spec the settings name, and all findings in the order of its files. Raises SpecProblem when there is none to read."""
    from chargehand.plan.audit import audit
    from chargehand.plan.coverage import coverage
    from chargehand.spec.sections import all_sections, repeated

    spec, problems = specs.check(project, config.spec, config.format)
    if spec is None:
        return Checked(None, problems)
    found = specs.gather(project, config.spec, config.format)
    lines = _Lines({**found.documents, **found.files})
    outline = all_sections(found.documents)
    doubts = audit(spec, outline, {name: lines.begin(section) for name, section in outline.items()})
    covered = coverage(spec, outline)
    doubts += [*repeated(found.documents), *_settings(spec, config)]
    told = _sorted(spec, [*problems, *map(lines.shown, doubts)])
    return Checked(spec, told, len(covered.requirements), len(covered.requirements) - len(covered.uncovered()))


def _settings(spec: Spec, config: Config) -> list[Problem]:
    """Agents and gates that tasks ask for and nobody configured."""
    from chargehand.service.roster import roster

    try:
        roster(replace(config, agent=config.agent or next(iter(config.agents), "")), spec)
    except ConfigProblem as error:
        return [Problem(one.code, one.message, spec.path, one.line, one.column, one.hint) for one in error.problems]
    return []


def _sorted(spec: Spec, problems: list[Problem]) -> tuple[Problem, ...]:
    order = {path: place for place, path in enumerate(spec.all_files())}
    return tuple(sorted(problems, key=lambda one: (order.get(one.path, len(order)), one.path, one.line, one.column)))


class _Lines:
    """The lines of the files, to point at."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files
        self._cut: dict[str, list[str]] = {}
        self._places: dict[str, dict[str, int]] = {}

    def of(self, path: str) -> list[str]:
        from chargehand.spec.lines import cut

        if path not in self._cut:
            self._cut[path] = cut(self._files.get(path, b"").decode("utf-8", "replace"))
        return self._cut[path]

    def begin(self, section: Section) -> tuple[int, int]:
        """Where a section begins: its first line is a heading, a paragraph or a row with its id."""
        if section.path not in self._places:
            numbered = enumerate(self.of(section.path), 1)
            self._places[section.path] = {line.strip(): number for number, line in reversed(list(numbered))}
        line = self._places[section.path].get(section.text.split("\n", 1)[0].strip(), 0)
        return line, max(1, self.of(section.path)[line - 1].find(section.id) + 1) if line else 0

    def shown(self, problem: Problem) -> Problem:
        """With the line it is about."""
        lines = self.of(problem.path)
        if problem.excerpt or not 0 < problem.line <= len(lines):
            return problem
        excerpt = lines[problem.line - 1][:_EXCERPT]
        values = problem.code, problem.message, problem.path, problem.line, problem.column, problem.hint
        return Problem(*values, excerpt, problem.severity)
