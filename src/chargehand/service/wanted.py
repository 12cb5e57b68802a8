"""Files that a spec wants of a run: a log for each task, a summary at the end. They are written into the user's checkout, because
he said so, but never out of the project, never over what git knows, and never through a link that leads elsewhere."""

from __future__ import annotations

from pathlib import Path

from chargehand.depot.repository import is_tracked
from chargehand.model.errors import ChargehandError
from chargehand.model.task import Spec
from chargehand.service import specs
from chargehand.service.project import STATE, Project

_OURS = {".git", STATE}


def logs(spec: Spec) -> dict[str, str]:
    """Where each task's log is wanted, by its id; ``{run_id}`` is still to be filled in."""
    return {task.id: task.terms.log for task in spec.tasks if task.terms and task.terms.log}


def summary(project: Project, spec: Spec) -> str:
    """Where the spec wants the summary of a run; empty when it does not."""
    if spec.format != "orchestrator":
        return ""
    from chargehand.spec.orchestrator import summary_path

    try:
        text = specs.gather(project, spec.path, spec.format).files[spec.path].decode("utf-8", "replace")
    except (ChargehandError, KeyError, OSError):  # gone meanwhile
        return ""
    return summary_path(text, spec.path)


def place(project: Project, path: str) -> tuple[Path | None, str]:
    """The file to write, its folder made; or None and why it is not to be written."""
    target = project.root / path
    if any(part.casefold() in _OURS for part in Path(path).parts):
        return None, "it lies among git's or our own files"
    root = project.root.resolve()
    there = next(folder for folder in target.parents if folder.exists())
    if not there.resolve().is_relative_to(root) or target.is_symlink():
        return None, "a link on the way leads elsewhere"
    if target.is_dir():
        return None, "it is a folder"
    if (project.root / ".git").exists() and is_tracked(project.root, path):
        return None, "git keeps this file: take it out with `git rm --cached`, or name another"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return None, f"its folder cannot be made: {error.strerror}"
    return target, ""
