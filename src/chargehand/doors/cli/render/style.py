"""Colour with a meaning, and only where it is wanted: red failed, yellow attention, green done, cyan hint."""

from __future__ import annotations

import os
import sys

_CODES = {"red": "31", "yellow": "33", "green": "32", "cyan": "36", "bold": "1", "dim": "2"}


def coloured(stream: object) -> bool:
    """Whether escapes may go to this stream: a terminal, and neither NO_COLOR nor a dumb one; FORCE_COLOR overrules."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return bool(getattr(stream, "isatty", lambda: False)()) and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str, stream: object = None) -> str:
    """``text`` in a colour, for stderr unless another stream is named."""
    if not coloured(stream or sys.stderr):
        return text
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"


STYLES = {
    **dict.fromkeys(("landed", "finished", "done", "met", "pass"), "green"),
    **dict.fromkeys(("failed", "fail", "error", "uncovered"), "red"),
    **dict.fromkeys(("working", "judging", "queued", "in progress", "review"), "cyan"),
    **dict.fromkeys(("needs you", "interrupted", "paused", "stopped", "blocked", "open", "skip"), "yellow"),
}
"""The colours of words for a state, a verdict or a standing."""
