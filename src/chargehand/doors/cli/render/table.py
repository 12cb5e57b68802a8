"""Tables: on a terminal laid out by Rich within its width; in a pipe plain, each row one line and nothing cut.

Rich is asked for only when a terminal is there, because asking for it takes longer than all the rest (docs/adr/0018).
"""

from __future__ import annotations

from chargehand.doors.cli.render.style import STYLES, coloured, paint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal, TextIO, TypeAlias

    Rows: TypeAlias = Sequence[tuple[str, ...]]

_FIGURES = frozenset(
    {"#", "EST", "ITEMS", "TRIES", "TIME", "COST", "TASKS", "DONE", "CALLS", "TOKENS IN", "TOKENS OUT", "HOW OFTEN", "WAIT FOR IT",
     "LEARNED", "TOOK", "PAID", "P50", "P80", "P95"}
)  # fmt: skip
"""Columns of these names hold figures, which end below each other."""

_MANY = 500
"""Rows to be laid out with care; more are cut to the width, which is a hundred times as fast."""
_WHOLE = 20
"""Columns so wide or less are never broken while there is a wider one."""


def grid(rows: Rows, header: tuple[str, ...], stream: TextIO, *, below: Sequence[str] = ()) -> list[str]:
    """Rows of harmless text under a header, as lines; words for a state have their colour. ``below`` has what is to stand under
    the last cell of each row, which is then kept to one line."""
    if not rows:
        return []
    if not stream.isatty():
        return _plain(rows, header, stream)
    import shutil

    columns = shutil.get_terminal_size().columns
    if len(rows) > _MANY:
        cells = [(*row[:-1], f"{row[-1]}  {text}") for row, text in zip(rows, below, strict=True)] if below else rows
        return _plain(cells, header, stream, columns)
    return _laid_out(rows, header, stream, below, columns)


def show(rows: Rows, header: tuple[str, ...], stream: TextIO) -> None:
    """Print it."""
    stream.writelines(f"{line}\n" for line in grid(rows, header, stream))


def _plain(rows: Rows, header: tuple[str, ...], stream: TextIO, columns: int = 0) -> list[str]:
    """``columns``: lines are cut there, and no cell takes more than a third of them."""
    widths = _widths(rows, header)
    if columns:
        widths = [min(one, columns // 3) for one in widths[:-1]] + [columns]
    ends = [name in _FIGURES for name in header]
    lines = []
    for row in (header, *rows):
        cells, left = [], columns
        for cell, wide, end in zip(row, widths, ends, strict=True):
            shown = cell if not columns or width(cell) <= min(wide, left) else _cut(cell, min(wide, left))
            space = " " * (wide - width(shown))
            left -= wide + 2
            colour = "bold" if row is header else STYLES.get(cell, "")
            told = paint(shown, colour, stream) if colour else shown
            cells.append(space + told if end else told + space)
        lines.append("  ".join(cells).rstrip())
    return lines


def width(text: str) -> int:
    """How many columns a text takes; colours take none."""
    import re

    if text.isascii():
        return len(text) if "\x1b" not in text else len(re.sub(r"\x1b\[[0-9;]*m", "", text))
    import unicodedata

    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 0 if unicodedata.combining(one) else 1 for one in plain)


def _cut(text: str, most: int) -> str:
    """The beginning of a text that takes more than ``most`` columns."""
    end = len(text)
    while end and width(text[:end]) > most - 1:
        end -= max(1, (width(text[:end]) - most) // 2)
    return text[:end] + "…" if most > 0 else ""


def _laid_out(rows: Rows, header: tuple[str, ...], stream: TextIO, below: Sequence[str], columns: int) -> list[str]:
    import io

    from rich.console import Console, Group, RenderableType
    from rich.table import Table
    from rich.text import Text

    if not _fits(rows, header, columns):  # a column that tells nothing gives way
        telling = [place for place in range(len(header)) if any(row[place] not in {"", "-"} for row in rows)]
        header, *rows = [tuple(row[place] for place in telling) for row in (header, *rows)]
    whole = _fits(rows, header, columns)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for name, wide in zip(header, _widths(rows, header), strict=True):
        right = name in _FIGURES
        table.add_column(name, overflow="fold", no_wrap=whole and wide <= _WHOLE, justify="right" if right else "left")
    for place, row in enumerate(rows):
        cells: list[RenderableType] = [Text(cell, style=STYLES.get(cell, "")) for cell in row]
        if below:
            last = Text(row[-1], no_wrap=True, overflow="ellipsis")
            cells[-1] = Group(last, Text(below[place], style="dim")) if below[place] else last
        table.add_row(*cells)
    written = io.StringIO()
    colours: Literal["standard"] | None = "standard" if coloured(stream) else None
    Console(file=written, width=columns, color_system=colours, force_terminal=bool(colours), highlight=False).print(table)
    return [line.rstrip() for line in written.getvalue().splitlines()]


def _widths(rows: Rows, header: tuple[str, ...]) -> list[int]:
    return [max(map(width, column)) for column in zip(header, *rows, strict=True)]


def _fits(rows: Rows, header: tuple[str, ...], columns: int) -> bool:
    """Whether the narrow columns can stay whole and leave some room for the wide ones."""
    return sum(min(wide, _WHOLE) + 2 for wide in _widths(rows, header)) <= columns + 2
