"""What single tasks want otherwise than the settings: another agent, a model, more tries, less time, their own gates and budget."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec

from chargehand.model.config import Config
from chargehand.model.task import Task

COMMAND = "command@"
"""What the agent of a task that is a command is called, before the task's id."""


def agent_of(task: Task | None, default: str) -> str:
    """The name of the agent that does a task: its own command, its own agent or model, or the default."""
    if task is None or task.terms is None:
        return default
    if task.terms.command:
        return COMMAND + task.id
    name = task.terms.agent or default
    return f"{name}@{task.terms.model}" if task.terms.model else name


def settings_of(task: Task | None, config: Config) -> Config:
    """The settings as they hold for a task."""
    if task is None or task.terms is None:
        return config
    retry, timeouts = config.retry, config.timeouts
    if task.terms.attempts is not None:
        retry = msgspec.structs.replace(retry, attempts=max(1, task.terms.attempts))
    if task.terms.timeout_minutes is not None:
        timeouts = msgspec.structs.replace(timeouts, task_minutes=task.terms.timeout_minutes)
    return msgspec.structs.replace(config, retry=retry, timeouts=timeouts)


def judged_by(task: Task, gate: str) -> bool:
    """Whether that gate judges the task: all do, unless it names its own."""
    return task.terms is None or task.terms.gates is None or gate in task.terms.gates


def collide(one: Sequence[str], two: Sequence[str]) -> bool:
    """Whether two scopes (globs or paths; empty: not declared) could touch the same file. In doubt they could."""
    return any(_meet(left, right) for left in one for right in two)


def _meet(left: str, right: str) -> bool:
    if left == right or fnmatchcase(left, right) or fnmatchcase(right, left):
        return True
    head, other = _fixed(left), _fixed(right)
    if head != left and other != right:  # two patterns: where their fixed beginnings agree they may meet
        return head.startswith(other) or other.startswith(head)
    # A folder holds what lies below it.
    return left.startswith(right.rstrip("/") + "/") or right.startswith(left.rstrip("/") + "/")


def _fixed(pattern: str) -> str:
    """What comes before the first wildcard."""
    return re.split(r"[*?\[]", pattern, maxsplit=1)[0]
