"""Small pieces of text: durations, money, and text of others made harmless."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def console_safe(text: str) -> str:
    """One line of somebody else's text that can do nothing to a terminal: control and direction characters are shown as ``␛``."""
    return _UNSAFE.sub("␛", text)


def wrapped(line: str, stream: TextIO) -> str:
    """A long line of plain text as several that fit a terminal; in a pipe it stays one."""
    if not stream.isatty():
        return line
    import shutil
    import textwrap

    columns = shutil.get_terminal_size().columns
    return "\n".join(textwrap.wrap(line, columns, subsequent_indent="  ", break_on_hyphens=False))


def duration(seconds: float | None) -> str:
    """``4.2s``, ``3m 05s``, ``2h 10m``."""
    if not seconds:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f}s"
    if seconds < 3600:
        return f"{int(seconds // 60)}m {int(seconds % 60):02d}s"
    return f"{int(seconds // 3600)}h {int(seconds % 3600 // 60):02d}m"


def money(usd: float | None) -> str:
    """``$0.0312`` for small sums, ``$12.40`` for others; ``-`` when not reported."""
    if usd is None:
        return "-"
    return f"${usd:.4f}" if 0 < usd < 1 else f"${usd:.2f}"


def tokens(count: int | None) -> str:
    """``950``, ``12.4k``, ``3.1M``; ``-`` when not reported."""
    if count is None:
        return "-"
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 1_000_000 else f"{count / 1_000_000:.1f}M"


def plural(count: int, one: str, many: str = "") -> str:
    """``1 task``, ``3 tasks``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def size(count: int) -> str:
    """``950 B``, ``12.4 kB``, ``3.1 MB``, ``2.0 GB``."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} B"
