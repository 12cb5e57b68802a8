"""What stands on a terminal when a command has ended, whatever was drawn over meanwhile."""

from __future__ import annotations

from itertools import groupby

import pyte

LINES = 200


def seen(text: str, columns: int) -> str:
    """The lines of a terminal that got ``text``; ``⎋[red bold]`` is where a style begins, ``⎋[]`` where there is none again."""
    screen = pyte.Screen(columns, LINES)
    pyte.Stream(screen).feed(text.replace("\n", "\r\n"))
    lines = [_line(screen, number) for number in range(LINES)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _line(screen: pyte.Screen, number: int) -> str:
    cells = [screen.buffer[number][column] for column in range(screen.columns)]
    told, last = "", ""
    for style, group in groupby(cells, key=_style):
        text = "".join(cell.data for cell in group)
        told += (f"⎋[{style}]" if style != last else "") + text
        last = style
    return (told + ("⎋[]" if last else "")).rstrip()


def _style(cell: pyte.screens.Char) -> str:
    flags = ("bold", "italics", "underscore", "reverse")
    named = [colour for colour in (cell.fg, cell.bg) if colour != "default"]
    return " ".join([*named, *(flag for flag in flags if getattr(cell, flag))])
