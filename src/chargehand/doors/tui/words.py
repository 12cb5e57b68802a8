"""Small pieces of text in the little room a card has, and other people's text made harmless."""

from __future__ import annotations

import re

from chargehand.doors.cli.render.text import console_safe

_UNSEEN = re.compile("[\u00ad\u061c\u180b-\u180e\ufe00-\ufe0f\ufff9-\ufffb\U000e0000-\U000e0fff]")
_HALVES = re.compile("[\ud800-\udfff]")


def safe(text: str) -> str:
    """One line that can do nothing to a terminal, and takes as many cells as it seems to take."""
    if text.isascii() and text.isprintable():
        return text
    return console_safe(_HALVES.sub("\ufffd", _UNSEEN.sub("", text.replace("\t", "    "))))


def short(seconds: float | None) -> str:
    """``42s``, ``2m31s``, ``1h05m``, ``3d04h``; ``-`` when not known."""
    if seconds is None:
        return "-"
    whole = int(seconds)
    for size, unit, below, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // below:02d}{part}"
    return f"{whole}s"


def rough(seconds: float) -> str:
    """What is only expected, without false exactness: ``40s``, ``10m``, ``1h05m``."""
    if seconds < 60:
        return f"{max(5, round(seconds / 5) * 5)}s" if seconds < 57.5 else "1m"
    return f"{round(seconds / 60)}m" if seconds < 3570 else short(round(seconds / 300) * 300)


def paid(usd: float | None) -> str:
    """``$0.12``; four digits below a cent; ``-`` when not reported."""
    if usd is None:
        return "-"
    return f"${usd:.4f}" if 0 < usd < 0.01 else f"${usd:,.2f}"


def amount(count: int | None) -> str:
    """``950``, ``45.2K``, ``3.1M``; ``-`` when not reported."""
    if count is None:
        return "-"
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}K" if count < 999_950 else f"{count / 1_000_000:.1f}M"
