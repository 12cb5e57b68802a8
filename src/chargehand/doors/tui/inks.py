"""The styles of the theme a widget is shown in, and lines in them."""

from __future__ import annotations

from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.widget import Widget

from chargehand.doors.tui.lines import Parts, segments
from chargehand.doors.tui.palette import roles


class Inks:
    """Called with a role, and the role of what is behind it: its style. What textual would change in each line (for NO_COLOR, say)
    is changed once, here."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._theme: str | None = None
        self._known: dict[tuple[str, str], Style] = {}

    def renewed(self) -> bool:
        """Whether the theme is another one than when it was asked last."""
        theme = self._widget.app.theme
        if theme == self._theme:
            return False
        self._theme = theme
        self._known.clear()
        return True

    def __call__(self, role: str, ground: str = "") -> Style:
        found = self._known.get((role, ground))
        if found is None:
            app: Any = self._widget.app
            styles = roles(app)
            made = [Segment("x", styles["ground"] + styles[ground] + styles.get(role, styles[""]))]
            for change in app.get_line_filters():
                made = change.apply(made, self._widget.background_colors[1])
            found = self._known[role, ground] = made[0].style or Style()
        return found

    def line(self, parts: Parts, width: int, ground: str = "") -> list[Segment]:
        """A line of ``width`` cells."""
        return segments(parts, width, lambda role: self(role, ground))
