"""All columns of the board, as one widget.

To textual each widget costs something for each of its lines and each picture, and so does each border between two. With one widget
it has one line to send where there were seven, and one that did not change is not sent. That is what 5,000 cards ten times a second
need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from chargehand.doors.tui.cards import COLUMNS, Known, window
from chargehand.doors.tui.column import Column
from chargehand.doors.tui.inks import Inks
from chargehand.doors.tui.pieces import Piece, Side
from chargehand.doors.tui.roll import WHEEL
from chargehand.service.boardcards import Card

_NARROW, _LEAST = 18, 15
"""Cells a column wants. With less, those that are empty give way; with less than the least, not all are in view."""


class Columns(Widget):
    """What was changed in a column is drawn by :meth:`show`."""

    DEFAULT_CSS = "Columns { width: 1fr; height: 1fr; }"
    ALLOW_SELECT: ClassVar[bool] = False

    class Picked(Message):
        """A card was clicked on; ``opened``: twice."""

        def __init__(self, name: str, opened: bool) -> None:
            super().__init__()
            self.name, self.opened = name, opened

    def __init__(self, known: Callable[[Card], Known]) -> None:
        super().__init__()
        self.can_focus = False
        self._inks = Inks(self)
        self.all = [Column(place, known, self._inks) for place in COLUMNS]
        self._come: set[Column] = set()
        self._first = 0
        self._rows: list[tuple[Piece, ...]] = []
        self._lines: list[Strip] = []
        self._stale = True

    def __iter__(self) -> Iterator[Column]:
        return iter(self.all)

    def choose(self, task: str, *, bring: bool = True) -> None:
        """Have another card chosen."""
        for column in self.all:
            column.choose(task, bring=bring)
        self.show()

    # --- where they are --------------------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        """Columns come when there is something for them, and stay where there is room. Without room for all, those around the
        chosen one are shown."""
        width, height = self.size
        columns = [column for column in self.all if column.place.always or len(column) or column in self._come]
        tight = width < _NARROW * len(columns)
        if tight:
            columns = [column for column in columns if column.place.always or len(column)]
        self._come |= set(columns)
        needs = [len(column.place.brief) + 2 if tight and not len(column) else _LEAST for column in columns]
        chosen = next((place for place, column in enumerate(columns) if column.chosen), 0)
        seen = window(needs, width, chosen, self._first) if tight else range(len(columns))
        self._first = seen.start
        places = dict(zip((columns[place] for place in seen), _widths([needs[place] for place in seen], width), strict=True))
        x = 0
        for column in self.all:
            column.more_left = column.more_right = False
            own = min(places.get(column, 0), width - x)
            anew = own != column.width
            column.x, column.width, column.room = x, own, max(0, height - 1)
            x += own
            if anew and own:
                column.restyled()
        columns[seen.start].more_left = seen.start > 0
        columns[seen.stop - 1].more_right = seen.stop < len(columns)

    # --- drawing ---------------------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Draw what looks different now, if anybody can see it; else it is drawn when it comes to light."""
        self._stale = True
        if self.is_attached and self.screen.is_current and (changed := self._draw()):
            first, last = changed[0], changed[-1]
            if len(changed) > (last - first) // 2:  # a region for each costs more than to send a few more lines
                self.refresh(Region(0, first, self.size.width, last + 1 - first))
            else:
                self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def _draw(self) -> list[int]:
        """Make the lines that look different now; which ones."""
        self._stale = False
        width, height = self.size
        if not width or not height:
            return []
        if self._inks.renewed():
            for column in self.all:
                column.restyled()
        self._arrange()
        rows = list(zip(*(column.lines() for column in self.all if column.width), strict=True))
        if len(rows) != len(self._rows):
            self._rows, self._lines = [()] * height, [Strip([])] * height
        changed = [y for y, (old, new) in enumerate(zip(self._rows, rows, strict=True)) if old != new]
        for y in changed:
            self._lines[y] = Side(rows[y], width)
        self._rows = rows
        return changed

    def render_lines(self, crop: Region) -> list[Strip]:
        """textual's own goes through styles and borders for each line; there are none here."""
        if self._stale:
            self._draw()
        lines = self._lines[crop.y : crop.bottom]
        return lines if crop.x == 0 and crop.width == self.size.width else [line.crop(crop.x, crop.right) for line in lines]

    def on_resize(self) -> None:
        self.show()

    # --- mouse -----------------------------------------------------------------------------------------------------------------

    def _under(self, event: events.MouseEvent) -> Column:
        return next(column for column in self.all if column.x <= event.x < column.x + column.width)

    def on_click(self, event: events.Click) -> None:
        """On a card, or on the scroll mark's place, which scrolls there."""
        column, line = self._under(event), event.y - 1
        if line < 0:
            return
        if event.x == column.x + column.width - 1 and column.last_top:
            column.scroll(round(line / max(1, column.room - 1) * column.last_top))
            self.show()
        elif column.top + line < column.count():
            self.post_message(self.Picked(column.at((column.top + line) // column.place.tall), event.chain > 1))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -WHEEL)

    def _wheel(self, event: events.MouseEvent, by: int) -> None:
        event.stop()
        column = self._under(event)
        column.scroll(column.top + by)
        self.show()


def _widths(needs: list[int], width: int) -> list[int]:
    """Those that need the least share what the others leave."""
    shares = needs.count(_LEAST)
    left = width - sum(need for need in needs if need != _LEAST)
    found, at = [], 0
    for need in needs:
        if need == _LEAST:
            at += 1
            found.append(left * at // shares - left * (at - 1) // shares)
        else:
            found.append(need)
    return found
