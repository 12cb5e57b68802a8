"""The part of a program's output that is worth showing, and what it says of tests."""

from __future__ import annotations

import re
from pathlib import Path

from chargehand.brief.text import plain

TAIL_BYTES = 256 * 1024
LINES = 60
SIZE = 6_000
"""Characters of an excerpt, notes of what was left out aside."""

LINE_SIZE = 400
MARKED = 24
"""How many lines about failures are shown although they are far from the end."""

# Lines that name what failed, then lines that say why; in the words of the usual test programs, compilers and linters.
_WHAT = re.compile(r"^(FAILED |ERROR |(FAIL|ERROR): |--- FAIL: |\s*not ok \d|\s*[✗✕✖×] |test .* \.\.\. FAILED|\S+ FAILED\b)")
_WHY = re.compile(
    r"^E  |^\w*(Error|Exception|Failure)\b.*|^\s*(error|fatal|panic)(\[\w+\])?:|\berror:|panicked at|^thread '.*' panicked"
)


def read_tail(path: Path, most: int = TAIL_BYTES) -> str:
    """The end of a log as plain text, at most so many bytes; empty when there is none. Of a progress bar only the last state
    stays."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most))
            data = file.read()
    except OSError:
        return ""
    if size > len(data):
        data = data.partition(b"\n")[2] or data
    lines = data.decode(errors="replace").split("\n")
    return plain("\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines))


def excerpt(stdout: str, stderr: str) -> str:
    """About 60 lines or 6,000 characters of both streams: their ends, and before these the lines that tell what failed."""
    streams = [lines for lines in (_lines(stdout), _lines(stderr)) if lines]
    if len(streams) < 2:
        return "".join(_choose(lines, LINES, SIZE) for lines in streams)
    out, err = streams
    kept_err = _choose(err, max(LINES // 2, LINES - len(out)), max(SIZE // 2, SIZE - _size(out)))
    kept_out = _choose(out, max(LINES // 2, LINES - len(err)), max(SIZE // 2, SIZE - _size(err)))
    return f"{kept_out}\n--- stderr ---\n{kept_err}"


def _lines(text: str) -> list[str]:
    lines = (line.rstrip() for line in text.strip("\n").split("\n"))
    return [line if len(line) <= LINE_SIZE else line[:LINE_SIZE] + " [...]" for line in lines] if text.strip() else []


def _size(lines: list[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _choose(lines: list[str], count: int, size: int) -> str:
    what = [index for index, line in enumerate(lines) if _WHAT.match(line)]
    why = [index for index, line in enumerate(lines) if _WHY.search(line)]
    # At most half of the room goes to marked lines: the end must keep its own.
    marked = _within(lines, [*what, *why][:MARKED], count // 2, size // 2)
    rest = [index for index in range(len(lines) - 1, -1, -1) if index not in marked]
    kept = sorted(marked | _within(lines, rest, count - len(marked), size - sum(len(lines[index]) + 1 for index in marked)))
    shown: list[str] = []
    for position, index in enumerate(kept):
        if index > (kept[position - 1] + 1 if position else 0):
            shown.append("[...]")
        shown.append(lines[index])
    return "\n".join(shown)


def _within(lines: list[str], indexes: list[int], count: int, size: int) -> set[int]:
    chosen: set[int] = set()
    for index in indexes[:count]:
        size -= len(lines[index]) + 1
        if size < 0:
            break
        chosen.add(index)
    return chosen
