"""Reading the spec from the user's checkout, with the documents that lie beside it."""

from __future__ import annotations

from pathlib import Path

from chargehand.model.errors import Problem, SpecProblem
from chargehand.model.task import Spec
from chargehand.service.project import Project
from chargehand.spec import load as loader

DOCUMENTS = ("requirements.md", "design.md")


def read(project: Project, path: str) -> Spec:
    """The spec at ``path`` (relative to the root). Raises SpecProblem with every error in it."""
    data, documents = _gather(project, path)
    return loader.load(data, path, documents)


def check(project: Project, path: str) -> tuple[Spec | None, tuple[Problem, ...]]:
    """The spec, if it can be used, and everything there is to say about it."""
    data, documents = _gather(project, path)
    return loader.check(data, path, documents)


def _gather(project: Project, path: str) -> tuple[bytes, dict[str, bytes]]:
    file = project.root / path
    if not file.is_file():
        raise SpecProblem(f"there is no spec at {path}", code="spec.missing", hint=_where_else(project, path))
    documents = {}
    for name in DOCUMENTS:
        document = file.parent / name
        if document.is_file():
            documents[document.relative_to(project.root).as_posix() if document.is_relative_to(project.root) else name] = (
                document.read_bytes()
            )
    return file.read_bytes(), documents


def _where_else(project: Project, path: str) -> str:
    for candidate in ("spec/tasks.md", "specs/tasks.md", "tasks.md", "docs/tasks.md"):
        if candidate != path and Path(project.root / candidate).is_file():
            return f'there is {candidate}: set `spec = "{candidate}"` in chargehand.toml'
    return f"write your tasks to {path}, or name another file with `spec = ...` in chargehand.toml or --spec"
