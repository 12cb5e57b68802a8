"""Opening a file where the user edits."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from chargehand.service.project import Project

_COLON = frozenset({"code", "code-insiders", "codium", "cursor", "subl", "zed", "hx", "helix"})
_WAIT = frozenset({"code", "code-insiders", "codium", "cursor", "subl", "zed"})
_GOTO = frozenset({"code", "code-insiders", "codium", "cursor"})


def command(path: Path, line: int) -> list[str]:
    """$VISUAL or $EDITOR (else vi), told to open the file at the line, in the way of that editor."""
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    name = Path(words[0]).name
    if name not in _COLON:
        return [*words, f"+{line}", str(path)]
    return [*words, *(["--wait"] if name in _WAIT else []), *(["--goto"] if name in _GOTO else []), f"{path}:{line}"]


def where(project: Project, spec: str, task: str) -> tuple[Path, int]:
    """The file a task is written in, and its line; the top of the spec when it cannot be found there."""
    from chargehand.model.errors import ChargehandError
    from chargehand.service import specs

    try:
        read = specs.read(project, spec)
    except ChargehandError:  # a spec with errors is what one wants to edit
        return project.root / spec, 1
    found = read.task(task)
    return (project.root / read.file_of(found), found.span.line) if found else (project.root / spec, 1)


def edit(path: Path, line: int = 1) -> str:
    """Edit the file; the terminal must be the editor's. Returns what went wrong, empty when nothing did."""
    words = command(path, line)
    try:
        done = subprocess.run(words, check=False)
    except OSError as error:
        return f"{words[0]}: {error.strerror}; set EDITOR"
    return f"{words[0]} ended with code {done.returncode}" if done.returncode else ""
