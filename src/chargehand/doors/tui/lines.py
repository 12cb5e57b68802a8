"""A line of text with its roles, made into cells. All the text of the board goes through :func:`segments`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from chargehand.doors.tui.words import safe

Parts: TypeAlias = tuple[tuple[str, str], ...]
"""Pieces of a line, each with its role: a name of the palette."""
_NO_PARENTHESES = str.maketrans("", "", "()")


class Row(NamedTuple):
    """A line, and what it is about (a task's id), if one can go there."""

    parts: Parts
    key: str = ""


def row(text: str = "", role: str = "", key: str = "") -> Row:
    return Row(((text, role),), key)


def segments(parts: Iterable[tuple[str, str]], width: int, ink: Callable[[str], Style]) -> list[Segment]:
    """A line of exactly ``width`` cells, cut with an ellipsis; ``ink`` tells the style of a role. Whatever the text holds, it can
    do nothing to the terminal."""
    made: list[Segment] = []
    left = width
    for raw, role in parts:
        text = safe(raw)
        wide = len(text) if text.isascii() else cell_len(text)
        style = ink(role)
        if wide > left:
            cut = text[:left] if text[0] in "─━" else set_cell_size(text, max(0, left - 1)) + "…"[:left]
            made.append(Segment(cut, style))
            left = 0
            break
        made.append(Segment(text, style))
        left -= wide
    if left:
        made.append(Segment(" " * left, ink("")))
    return made


def heading(name: str, width: int, *, marked: bool) -> Parts:
    """A title in a rule, as briefly as it takes to fit."""
    rule, role = ("━", "key") if marked else ("─", "rule")
    brief = name.replace("IN PROGRESS", "PROGRESS")
    forms = (f" {name} " if name else "", name, brief, brief.translate(_NO_PARENTHESES))
    title = next((form for form in forms if len(form) < width), forms[-1])
    return (rule, role), (title, role if marked else "bold"), (rule * (width + 1), role)


def wrapped(line: Row, width: int) -> list[Row]:
    """A long line as several. The pieces keep their roles."""
    if width < 1 or sum(len(text) for text, _ in line.parts) * 2 <= width:
        return [line]
    rows: list[Row] = []
    current: list[tuple[str, str]] = []
    left = width
    for text, role in line.parts:
        rest = safe(text)
        while rest:
            cut = _fitting(rest, left)
            if cut < len(rest):
                space = rest.rfind(" ", max(1, cut - 24), cut)
                cut = space + 1 if space > 0 else cut or int(left == width)
            current.append((rest[:cut], role))
            left -= cell_len(rest[:cut])
            rest = rest[cut:]
            if rest:
                rows.append(Row(tuple(current), line.key))
                current, left = [], width
    rows.append(Row(tuple(current), line.key))
    return rows


def _fitting(text: str, width: int) -> int:
    """How many characters fit."""
    if text.isascii():
        return min(len(text), width)
    used = 0
    for place, character in enumerate(text):
        used += cell_len(character)
        if used > width:
            return place
    return len(text)
