"""Everything that can be said to a user about what went wrong.

An error says what, where and how to mend it. Its class decides the exit code of the process (docs/design.md, section 6).
This module imports nothing heavy: the read-only commands use it and must start fast.
"""

from __future__ import annotations


class Problem:
    """One finding about a text a user wrote.

    ``line`` and ``column`` count from 1; 0 means "the whole file". ``excerpt`` is the offending line without its line end.
    """

    # Not a dataclass: to import those takes as long as everything else that `chargehand --version` does.
    __slots__ = ("code", "column", "excerpt", "hint", "line", "message", "path", "severity")

    def __init__(
        self,
        code: str,
        message: str,
        path: str = "",
        line: int = 0,
        column: int = 0,
        hint: str = "",
        excerpt: str = "",
        severity: str = "error",
    ) -> None:
        self.code, self.message, self.hint, self.severity = code, message, hint, severity
        self.path, self.line, self.column, self.excerpt = path, line, column, excerpt

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Problem) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        return f"Problem({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"

    def place(self) -> str:
        """``path:line:column``, as editors and terminals understand it."""
        if not self.line:
            return self.path
        return f"{self.path}:{self.line}:{self.column or 1}"


class ChargehandError(Exception):
    """Base of every error meant for the user. ``code`` is stable and documented; ``hint`` says what to do."""

    exit_code = 3
    code = "bug"

    def __init__(self, message: str, *, hint: str = "", code: str = "", problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or type(self).code
        self.problems = problems


class UsageProblem(ChargehandError):
    """The command line asks for something that cannot be."""

    exit_code = 2
    code = "usage"


class SpecProblem(ChargehandError):
    """The spec cannot be run as it is. Carries every problem of the file at once."""

    exit_code = 2
    code = "spec"


class ConfigProblem(ChargehandError):
    """A setting is unknown, of the wrong type or out of range."""

    exit_code = 2
    code = "config"


class RepositoryProblem(ChargehandError):
    """The git repository is not in a state to work on (none, no commit, no target)."""

    exit_code = 2
    code = "repository"


class EnvironmentProblem(ChargehandError):
    """The machine lacks something: a program, disk space, a right."""

    exit_code = 5
    code = "environment"


class StorageProblem(EnvironmentProblem):
    """The disk is full, read-only or failing. It may pass: what was not written can be written again."""

    code = "storage"


STORAGE_WORDS = ("No space left on device", "Disk quota exceeded", "Read-only file system", "Input/output error")
"""How programs say that it is the disk."""


class NeedsHuman(ChargehandError):
    """Only a person can decide what happens next."""

    exit_code = 4
    code = "needs_human"


class Locked(ChargehandError):
    """Another instance works on this project."""

    exit_code = 6
    code = "locked"
