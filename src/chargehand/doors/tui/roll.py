"""A widget of lines that are made when they come into view.

It does by itself what textual's ScrollView does with a layout of the whole screen for each change of length: it keeps where it is
scrolled to, draws its heading and its scroll mark, and hands out finished lines.
"""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from chargehand.doors.tui.inks import Inks
from chargehand.doors.tui.lines import Parts, heading

WHEEL = 3
"""Lines that one step of the mouse's wheel scrolls."""


def scroll_mark(known: int, room: int, top: int) -> range:
    """Which of the lines in view bear the scroll mark: their share of all."""
    if known <= room or not room:
        return range(0)
    size = max(1, room * room // known)
    start = round(top / (known - room) * (room - size))
    return range(start, start + size)


class Roll(Widget):
    """Subclasses say how many lines there are and make them; ``heading`` (None: no such line) stands above them."""

    DEFAULT_CSS = "Roll { width: 1fr; height: 1fr; }"
    ALLOW_SELECT: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.can_focus = False
        self.top = 0
        self.heading: str | None = None
        self._inks = Inks(self)
        self._width = 0
        self._heads: dict[str | None, Strip] = {}
        self._marks: dict[int, tuple[Strip, Strip]] = {}

    def count(self) -> int:
        """How many lines there are."""
        raise NotImplementedError

    def line(self, number: int) -> Strip:
        """A line of them, as wide as the widget; its last cell is empty. The same object as long as it is the same line."""
        raise NotImplementedError

    def restyled(self) -> None:
        """The theme or the width is another one: whatever was kept is of no use."""

    @property
    def room(self) -> int:
        """Lines that are in view."""
        return max(0, self.size.height - (self.heading is not None))

    @property
    def last_top(self) -> int:
        """How far one can scroll."""
        return max(0, self.count() - self.room)

    def scroll_lines(self, top: int) -> None:
        """Have this line on top, or the nearest one that can be."""
        top = max(0, min(top, self.last_top))
        if top != self.top:
            self.top = top
            self.refresh()

    def bring(self, first: int, lines: int = 1) -> None:
        """Scroll as little as it takes to have these lines in view."""
        self.scroll_lines(max(min(self.top, first), first + min(lines, self.room) - self.room))

    def touch(self, first: int, lines: int) -> None:
        """These lines look different now."""
        begin = max(0, first - self.top)
        end = min(self.room, first - self.top + lines)
        if begin < end:
            self.refresh(Region(0, begin + (self.heading is not None), self.size.width, end - begin))

    def resized(self) -> None:
        """There are more lines or fewer, or others."""
        self.top = max(0, min(self.top, self.last_top))
        self.refresh()

    # --- drawing ---------------------------------------------------------------------------------------------------------------

    def made(self, parts: Parts, width: int, ground: str = "") -> Strip:
        """A line in the theme. ``ground`` is the role behind it; the last cell is empty."""
        return Strip([*self._inks.line(parts, width - 1, ground), Segment(" ", self._inks(""))], width)

    def render_lines(self, crop: Region) -> list[Strip]:
        """textual's own goes through styles and borders for each line; there are none here."""
        width, height = self.size
        if self._inks.renewed() or width != self._width:
            self._width = width
            self._heads.clear()
            self._marks.clear()
            self.restyled()
        if not width:
            return [Strip([])] * crop.height
        lines = [] if self.heading is None else [self._head(width)]
        known = self.count()
        last = min(known, self.top + self.room)
        mark = scroll_mark(known, self.room, self.top)
        for number in range(self.top, last):
            line = self.line(number)
            lines.append(self._with_mark(line, width) if number - self.top in mark else line)
        blank = self.blank(width)
        lines += [blank] * (height - len(lines))
        lines = lines[crop.y : crop.bottom]
        return lines if crop.x == 0 and crop.width == width else [line.crop(crop.x, crop.right) for line in lines]

    def blank(self, width: int) -> Strip:
        found = self._heads.get(None)
        if found is None:
            found = self._heads[None] = self.made((("", ""),), width)
        return found

    def _head(self, width: int) -> Strip:
        name = self.heading or ""
        found = self._heads.get(name)
        if found is None:
            found = self._heads[name] = self.made(heading(name, width - 1, marked=False), width)
        return found

    def _with_mark(self, line: Strip, width: int) -> Strip:
        """The line with the mark in its last cell. Kept, so that it stays the same object too."""
        found = self._marks.get(id(line))
        if found is None or found[0] is not line:
            if len(self._marks) > 500:
                self._marks.clear()
            bar = Strip([Segment("▐", self._inks("rule"))], 1)
            found = self._marks[id(line)] = (line, Strip.join([line.crop(0, width - 1), bar]))
        return found[1]

    # --- mouse -----------------------------------------------------------------------------------------------------------------

    def number_at(self, event: events.Click) -> int | None:
        """The line that was clicked on. A click on the scroll mark's place scrolls there."""
        row = event.y - (self.heading is not None)
        if row < 0:
            return None
        if event.x == self.size.width - 1 and self.last_top:
            self.scroll_lines(round(row / max(1, self.room - 1) * self.last_top))
            return None
        number = self.top + row
        return number if number < self.count() else None

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_lines(self.top + WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_lines(self.top - WHEEL)

    def on_resize(self) -> None:
        self.resized()
