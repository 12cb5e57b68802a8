"""Pieces of lines side by side. Of a line that changes in one place, only that is made anew."""

from __future__ import annotations

from collections.abc import Sequence

from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from textual.strip import Strip


class Piece:
    """A part of a line; what a terminal is sent of it is made once."""

    __slots__ = ("_sent", "segments")

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = segments
        self._sent: str | None = None

    def sent(self, console: Console) -> str:
        if self._sent is None:
            made, colours = [], console._color_system or ColorSystem.TRUECOLOR
            for text, style, _ in Segment.simplify(self.segments):
                made.append(Strip.render_style(style, text, colours) if style else text)
            self._sent = "".join(made)
        return self._sent


class Side(Strip):
    """Pieces side by side."""

    __slots__ = ("_pieces",)

    def __init__(self, pieces: Sequence[Piece], width: int) -> None:
        super().__init__([segment for piece in pieces for segment in piece.segments], width)
        self._pieces = pieces

    def render(self, console: Console) -> str:
        """As textual's, from what is known of the pieces."""
        return "".join([piece.sent(console) for piece in self._pieces])
