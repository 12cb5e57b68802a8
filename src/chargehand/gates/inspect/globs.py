"""Globs of paths, and what a task says it may change."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence

from chargehand.gates.inspect.asked import asked, lets
from chargehand.model.task import Task

_EVERYTHING = frozenset({"", ".", "*", "**", "**/*", "./**"})


@functools.lru_cache(maxsize=2048)
def pattern(glob: str) -> re.Pattern[str]:
    """``*`` stays within a folder, ``**`` does not. A plain path also means all below it; a name with ``*`` and without a slash is
    looked for in every folder."""
    glob = glob.removeprefix("./").rstrip("/")
    anywhere = "/" not in glob and any(sign in glob for sign in "*?[")
    parts = ["(?:.*/)?" if anywhere else ""]
    at = 0
    while at < len(glob):
        if glob.startswith("**/", at):
            parts.append("(?:.*/)?")
            at += 3
        elif glob.startswith("**", at):
            parts.append(".*")
            at += 2
        else:
            sign, end = glob[at], glob.find("]", at + 2)
            if sign == "[" and end > 0:
                inside = glob[at + 1 : end].replace("\\", r"\\").replace("[", r"\[")
                parts.append(f"[{'^' + inside[1:] if inside[0] in '!^' else inside}]")
                at = end
            else:
                parts.append({"*": "[^/]*", "?": "[^/]"}.get(sign, re.escape(sign)))
            at += 1
    try:
        return re.compile("".join(parts) + r"(?:/.*)?\Z", re.DOTALL)
    except re.error:
        return re.compile(re.escape(glob) + r"(?:/.*)?\Z")


def matches(path: str, globs: Iterable[str]) -> bool:
    return any(pattern(glob).match(path) for glob in globs)


def in_scope(task: Task, path: str) -> bool:
    """Whether a task may change a file, as far as it says anything of that."""
    return not task.touches or any(glob in _EVERYTHING for glob in task.touches) or matches(path, (*task.touches, *task.files))


def named(task: Task, path: str) -> bool:
    """Whether a task is about a change of this very file: it lies in what the task declares (everything is no declaration), or the
    task's text names it. That it must pass, or is to be looked at, is no leave to change it."""
    if matches(path, (glob for glob in (*task.touches, *asked(task)) if glob not in _EVERYTHING)):
        return True
    return lets(task, path)


def listed(paths: Sequence[str], most: int = 5) -> str:
    """``a, b, c and 4 more``."""
    shown = ", ".join(paths[:most])
    return f"{shown} and {len(paths) - most} more" if len(paths) > most else shown
