"""Plain tables: aligned columns, one task a line, cut to the width of the terminal. Needs no library, so it starts at once."""

from __future__ import annotations

from chargehand.doors.cli.render.style import STATE_COLOURS, paint
from chargehand.doors.cli.render.text import console_safe, duration, money, plural, tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from chargehand.service.outputs import RunObject, Status, TaskObject, Totals


_ORDER = ("needs_human", "failed", "working", "judging", "queued", "ready", "waiting", "cancelled", "skipped", "landed")
"""What asks for a person first, what is over last."""


def status(seen: Status, *, everything: bool, stream: TextIO) -> str:
    """The status as text: the run, the tasks, the totals. ``everything``: no task was left out that should be mentioned."""
    place = {state: number for number, state in enumerate(_ORDER)}
    tasks = sorted(seen["tasks"], key=lambda task: place[task["state"]])  # by state; within one, as in the file
    lines = [headline(seen["run"], stream)] if seen["run"] else []
    lines += _tasks(tasks, stream)
    if not everything and (left_out := seen["totals"]["tasks"] - len(tasks)):
        lines.append(f"... and {plural(left_out, 'more task')}: chargehand status --all")
    lines.append(totals(seen["totals"]))
    return "\n".join(lines)


_HEADER = ("TASK", "P", "STATE", "TRIES", "TIME", "COST", "TITLE", "REASON")
_ROOM_FOR_BOTH = 60
"""Columns: with fewer left for title and reason, a reason has a line of its own."""


def _tasks(tasks: Sequence[TaskObject], stream: TextIO) -> list[str]:
    rows = [_row(task) for task in tasks]
    if not rows or not stream.isatty():
        return grid(rows, _HEADER, stream)
    import shutil

    columns = shutil.get_terminal_size().columns
    taken = sum(max(map(len, column)) + 2 for column in list(zip(_HEADER, *rows, strict=True))[:-2])
    if columns - taken >= _ROOM_FOR_BOTH:
        return grid(rows, _HEADER, stream)
    lines = grid([(*row[:-1], "") for row in rows], (*_HEADER[:-1], ""), stream)
    found = lines[:1]
    for row, line in zip(rows, lines[1:], strict=True):
        found.append(line)
        if row[-1]:
            found.append(paint("    " + _fit(row[-1], columns - 4).rstrip(), "dim", stream))
    return found


def headline(run: RunObject, stream: TextIO) -> str:
    state = paint(run["state"].replace("_", " "), STATE_COLOURS.get(run["state"], "bold"), stream)
    reason = f" ({console_safe(run['reason'])})" if run["reason"] else ""
    where = f", {run['spec']} onto {run['target']}" if run["target"] else f", {run['spec']}"
    return f"run {run['id']}: {state}{reason}{console_safe(where)}"


def totals(sums: Totals) -> str:
    states = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in sums["by_state"].items())
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
        task["state"].replace("_", " "),
        str(task["attempts"] or "-"),
        duration(task["duration_s"]),
        money(task["cost_usd"]),
        console_safe(task["title"]),
        console_safe(task["reason"]),
    )


def grid(rows: Sequence[tuple[str, ...]], header: tuple[str, ...], stream: TextIO) -> list[str]:
    """Rows under a header. On a terminal the last two columns share what is left of the width; in a pipe nothing is cut."""
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    if stream.isatty():
        import shutil

        room = shutil.get_terminal_size().columns - sum(widths[:-2]) - 2 * (len(widths) - 1)
        widths[-2] = min(widths[-2], max(12, room // 2 if widths[-1] > room // 2 else room - widths[-1]))
        widths[-1] = min(widths[-1], max(8, room - widths[-2])) if widths[-1] else 0
    lines = [paint(_line(header, widths), "bold", stream)]
    for row in rows:
        text = _line(row, widths)
        colour = STATE_COLOURS.get(row[2].replace(" ", "_")) if len(row) > 2 else None
        lines.append(text.replace(row[2], paint(row[2], colour, stream), 1) if colour else text)
    return lines


def width(line: str) -> int:
    """How many columns a coloured line takes."""
    import re
    import unicodedata

    plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 0 if unicodedata.combining(one) else 1 for one in plain)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(_fit(cell, width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _fit(cell: str, width: int) -> str:
    if cell.isascii():
        return cell.ljust(width) if len(cell) <= width else cell[: width - 1] + "…"
    import unicodedata

    shown, used = "", 0
    for character in cell:
        wide = 2 if unicodedata.east_asian_width(character) in "WF" else 0 if unicodedata.combining(character) else 1
        if used + wide > width:
            return shown[:-1] + "…"
        shown, used = shown + character, used + wide
    return shown + " " * (width - used)
