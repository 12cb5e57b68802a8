"""Putting text of unknown origin into a Markdown document so that it stays data."""

from __future__ import annotations

import re
from collections.abc import Sequence

LONGEST_RUN = 40

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # operating system commands: titles, links
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours, cursor moves
    r"|\x1b[PX^_][^\x1b\n]*(?:\x1b\\)?"  # strings for the terminal
    r"|\x1b[ -/]*[0-~]?"  # everything short
)
_LINE_ENDS = re.compile(r"\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
# Controls but tab and newline, marks that reverse the direction of reading, and halves of characters that no file can hold.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def plain(text: str) -> str:
    """The text as it reads: lines end in a newline; terminal escapes, control characters and reversals are gone."""
    if text.isprintable() and text.isascii():
        return text
    return _UNSEEN.sub("", _LINE_ENDS.sub("\n", _ESCAPES.sub("", text)))


def inline(text: str, limit: int = 300) -> str:
    """One line of at most ``limit`` characters."""
    line = " ".join(plain(text).split())
    return line if len(line) <= limit else line[: limit - 3].rstrip() + "..."


def code(text: str, limit: int = 300) -> str:
    """An inline code span that shows exactly this, backticks included."""
    line = inline(text, limit) or " "
    ticks = "`" * (_longest_run(line) + 1)
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def fence(text: str, info: str = "text") -> str:
    """A fenced block; its fence is longer than any run of backticks inside, so the text cannot end it.

    Runs above `LONGEST_RUN` are shortened to it, so the size of a fence has a bound.
    """
    body = re.sub(f"`{{{LONGEST_RUN},}}", "`" * LONGEST_RUN, plain(text).strip("\n"))
    ticks = "`" * max(3, _longest_run(body) + 1)
    return f"{ticks}{info}\n{body}\n{ticks}"


def quote(text: str) -> str:
    """A block quote: every line is marked, so nothing opened inside reaches beyond it."""
    return "\n".join(f"> {line}".rstrip() for line in plain(text).strip("\n").split("\n"))


def head(text: str, room: int, rest: str) -> str:
    """At most ``room`` characters from the start, cut at a line end where one is near, and a note that ``rest`` tells the rest."""
    if len(text) <= room:
        return text
    kept = text[: max(room, 0)]
    at = kept.rfind("\n")
    kept = kept[:at] if at > len(kept) // 2 else kept
    return f"{kept}\n\n[cut: {len(kept)} of {len(text)} characters shown; {rest}]"


def tail(text: str, room: int) -> str:
    """At most ``room`` characters from the end, with a note of what is missing before them."""
    if len(text) <= room:
        return text
    kept = text[len(text) - max(room, 0) :]
    at = kept.find("\n")
    kept = kept[at + 1 :] if 0 <= at < len(kept) // 2 else kept
    return f"[cut: the last {len(kept)} of {len(text)} characters]\n\n{kept}"


def shares(wanted: Sequence[int], room: int) -> list[int]:
    """Divide ``room`` so that the small get all they want and the large get equal parts of what is left."""
    given = [0] * len(wanted)
    waiting = sorted(range(len(wanted)), key=lambda index: wanted[index])
    for position, index in enumerate(waiting):
        given[index] = min(wanted[index], max(room, 0) // (len(waiting) - position))
        room -= given[index]
    return given


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0) if "`" in text else 0
