"""A widget of lines to read, and to go about in."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message
from textual.strip import Strip

from chargehand.doors.tui.lines import Row, wrapped
from chargehand.doors.tui.roll import Roll

MOST = 20_000
"""Of a text that grows, so many of its last lines are kept."""


class Lines(Roll):
    """Lines to read. ``choose``: a cursor goes over those that are about something. ``wrap``: nothing is cut off. ``follow``: the
    end stays in view until one scrolls away from it."""

    class Chosen(Message):
        """A line was clicked on twice."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Tapped(Message):
        """Lines without a cursor were clicked on, in this cell."""

        def __init__(self, lines: Lines, x: int) -> None:
            super().__init__()
            self.lines, self.x = lines, x

    def __init__(self, *, choose: bool = False, wrap: bool = False, follow: bool = False) -> None:
        super().__init__()
        self.chooses, self._wrap = choose, wrap
        self.follow = self.follows = follow
        self._given: list[Row] = []
        self._shown: list[Row] = []
        self._strips: dict[int, Strip] = {}
        self.cursor = 0

    def show(self, rows: Sequence[Row]) -> None:
        """Show other lines. The cursor stays on what it was on, the view where it was."""
        rows = list(rows)[-MOST:]
        if rows == self._given:
            return
        key = self.key
        self._given = rows
        self.restyled()
        if key and self.key != key:
            self.point(key, bring=False)
        self._grown()

    def add(self, rows: Sequence[Row]) -> None:
        """More lines at the end."""
        if not rows:
            return
        self._given += rows
        if len(self._given) > MOST + MOST // 4:
            del self._given[:-MOST]
            self.restyled()
        else:
            self._shown += self._broken(rows)
        self._grown()

    def _grown(self) -> None:
        self.resized()
        if self.follow:
            self.scroll_lines(self.last_top)

    def _broken(self, rows: Sequence[Row]) -> list[Row]:
        width = self.size.width - 1
        return [part for line in rows for part in wrapped(line, width)] if self._wrap else list(rows)

    @property
    def key(self) -> str:
        """What the cursor is on."""
        return self._shown[self.cursor].key if self.chooses and self.cursor < len(self._shown) else ""

    def point(self, key: str, *, bring: bool = True) -> None:
        """Put the cursor on the line about ``key``, if there is one, else on the first that is about anything."""
        places = [place for place, line in enumerate(self._shown) if line.key]
        self._set(next((place for place in places if self._shown[place].key == key), places[0] if places else 0))
        if bring:
            self.bring(self.cursor)

    def _set(self, cursor: int) -> None:
        for place in (self.cursor, cursor):
            self._strips.pop(place, None)
            self.touch(place, 1)
        self.cursor = cursor

    def move(self, by: int) -> None:
        """The cursor, over lines that are about nothing; without a cursor, the view."""
        if not self.chooses:
            self.scroll_lines(self.top + by)
            return
        places = [place for place, line in enumerate(self._shown) if line.key]
        if not places:
            return
        here = places.index(self.cursor) if self.cursor in places else 0
        self._set(places[max(0, min(here + by, len(places) - 1))])
        self.bring(max(0, self.cursor - 1), 3)

    def scroll_lines(self, top: int) -> None:
        super().scroll_lines(top)
        self.follow = self.follows and self.top >= self.last_top

    def count(self) -> int:
        return len(self._shown)

    def line(self, number: int) -> Strip:
        found = self._strips.get(number)
        if found is None:
            row = self._shown[number]
            lit = self.chooses and number == self.cursor and bool(row.key)
            found = self._strips[number] = self.made(row.parts, self.size.width, "cursor" if lit else "")
        return found

    def restyled(self) -> None:
        self._strips.clear()
        self._shown = self._broken(self._given)
        self.cursor = min(self.cursor, max(0, len(self._shown) - 1))

    def on_resize(self) -> None:
        self.restyled()
        self._grown()

    def on_click(self, event: events.Click) -> None:
        number = self.number_at(event)
        if not self.chooses:
            self.post_message(self.Tapped(self, event.x))
        elif number is not None and self._shown[number].key:
            self._set(number)
            if event.chain > 1:
                self.post_message(self.Chosen(self.key))
