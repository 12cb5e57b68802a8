"""Tables that fit: on a terminal long cells are folded within its width, in a pipe each row is one line and nothing is cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from chargehand.doors.cli.render import table
from chargehand.doors.cli.render.style import coloured

STYLES = {
    "done": "green", "met": "green", "pass": "green", "landed": "green",
    "failed": "red", "fail": "red", "error": "red", "uncovered": "red",
    "in progress": "cyan", "review": "cyan", "working": "cyan", "judging": "cyan", "queued": "cyan",
    "blocked": "yellow", "needs human": "yellow", "open": "yellow", "skip": "yellow",
}  # fmt: skip

_MANY = 500
"""Rows to be laid out with care; more are cut to the width, which is a hundred times as fast."""


def show(rows: Sequence[tuple[str, ...]], header: tuple[str, ...], stream: TextIO) -> None:
    """Print rows of harmless text under a header; words for a state have their colour."""
    if not stream.isatty() or len(rows) > _MANY:
        for line in table.grid(list(rows), header, stream):
            stream.write(line + "\n")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for place, name in enumerate(header):
        last = place == len(header) - 1
        grid.add_column(name, overflow="fold", no_wrap=False, ratio=None, min_width=8 if last else None)
    for row in rows:
        grid.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    Console(file=stream, color_system="auto" if coloured(stream) else None, highlight=False).print(grid)
