"""How a run stands, as text: what it is, its tasks, what it comes to."""

from __future__ import annotations

from chargehand.doors.cli.render import table
from chargehand.doors.cli.render.style import STYLES, paint
from chargehand.doors.cli.render.text import console_safe, duration, money, plural, tokens, wrapped
from chargehand.model.words import spoken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from chargehand.service.outputs import RunObject, Status, TaskObject, Totals


_ORDER = ("needs_human", "failed", "working", "judging", "queued", "ready", "waiting", "cancelled", "skipped", "landed")
"""What asks for a person first, what is over last."""

_HEADER = ("TASK", "P", "STATE", "TRIES", "TIME", "COST", "TITLE", "REASON")
_ROOM_FOR_BOTH = 60
"""Columns: with fewer left for title and reason, a reason has lines of its own."""


def status(seen: Status, *, everything: bool, stream: TextIO) -> str:
    """The status as text: the run, the tasks, the totals. ``everything``: no task was left out that should be mentioned."""
    place = {state: number for number, state in enumerate(_ORDER)}
    tasks = sorted(seen["tasks"], key=lambda task: place[task["state"]])  # by state; within one, as in the file
    lines = [headline(seen["run"], stream)] if seen["run"] else []
    lines += _tasks(tasks, stream)
    if not everything and (left_out := seen["totals"]["tasks"] - len(tasks)):
        lines.append(f"... and {plural(left_out, 'more task')}: chargehand status --all")
    lines += wrapped(totals(seen["totals"]), stream).split("\n")
    return "\n".join(lines)


def _tasks(tasks: Sequence[TaskObject], stream: TextIO) -> list[str]:
    rows = [_row(task) for task in tasks]
    if rows and stream.isatty():
        import shutil

        taken = sum(max(map(len, column)) + 2 for column in list(zip(_HEADER, *rows, strict=True))[:-2])
        if shutil.get_terminal_size().columns - taken < _ROOM_FOR_BOTH:
            reasons = [row[-1] for row in rows]
            return table.grid([row[:-1] for row in rows], _HEADER[:-1], stream, below=reasons)
    return table.grid(rows, _HEADER, stream)


def headline(run: RunObject, stream: TextIO) -> str:
    word = spoken(run["state"])
    state = paint(word, STYLES.get(word, "bold"), stream)
    reason = f" ({console_safe(run['reason'])})" if run["reason"] else ""
    where = f", {run['spec']} onto {run['target']}" if run["target"] else f", {run['spec']}"
    return f"run {run['id']}: {state}{reason}{console_safe(where)}"


def totals(sums: Totals) -> str:
    states = ", ".join(f"{number} {spoken(state)}" for state, number in sums["by_state"].items())
    parts = [f"{plural(sums['tasks'], 'task')}: {states}"]
    if sums["attempts"]:
        parts.append(f"{plural(sums['attempts'], 'attempt')}")
    if sums["input_tokens"] or sums["output_tokens"] or sums["cost_usd"]:
        parts.append(f"{tokens(sums['input_tokens'])} tokens in, {tokens(sums['output_tokens'])} out, {money(sums['cost_usd'])}")
    if sums["unmeasured_calls"]:
        parts.append(f"{plural(sums['unmeasured_calls'], 'call')} reported no usage")
    if sums["elapsed_s"]:
        parts.append(f"{duration(sums['elapsed_s'])} elapsed")
    return "; ".join(parts)


def _row(task: TaskObject) -> tuple[str, ...]:
    return (
        task["id"],
        task["priority"],
        spoken(task["state"]),
        str(task["attempts"] or "-"),
        duration(task["duration_s"]),
        money(task["cost_usd"]),
        console_safe(task["title"]),
        console_safe(task["reason"]),
    )
