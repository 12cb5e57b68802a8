"""Opening a file where the user edits."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

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


def edit(path: Path, line: int = 1) -> str:
    """Edit the file; the terminal must be the editor's. Returns what went wrong, empty when nothing did."""
    words = command(path, line)
    try:
        done = subprocess.run(words, check=False)
    except OSError as error:
        return f"{words[0]}: {error.strerror}; set EDITOR"
    return f"{words[0]} ended with code {done.returncode}" if done.returncode else ""
