"""Collects what is wrong with one text, with the place of each finding."""

from __future__ import annotations

from chargehand.model.errors import Problem

EXCERPT = 200
"""Characters of an offending line that are kept: a line may be megabytes long."""


class Report:
    """The findings about one text. Lines are given from 0, as they are indexed; columns count from 1."""

    __slots__ = ("lines", "path", "problems")

    def __init__(self, path: str, lines: list[str]) -> None:
        self.path = path
        self.lines = lines
        self.problems: list[Problem] = []

    def add(self, code: str, message: str, line: int = -1, column: int = 1, *, hint: str = "", severity: str = "error") -> None:
        """Record a finding. ``line`` -1 means the whole text."""
        whole = line < 0
        self.problems.append(
            Problem(
                code=code,
                message=message,
                path=self.path,
                line=0 if whole else line + 1,
                column=0 if whole else column,
                hint=hint,
                excerpt="" if whole else self.lines[line][:EXCERPT],
                severity=severity,
            )
        )

    def sorted(self) -> tuple[Problem, ...]:
        """Errors and warnings in the order of the text."""
        return tuple(sorted(self.problems, key=lambda found: (found.line, found.column)))
