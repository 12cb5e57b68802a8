"""Reading what a program said, for people and for briefs: bounded, decoded, harmless to a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_ESCAPES = re.compile(r"\x1b(?:\][^\x07\x1b]*(?:\x07|\x1b\\)?|[P^_X][^\x1b]*(?:\x1b\\)?|\[[0-?]*[ -/]*[@-~]|[@-Z\\-_]?)")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def clean(text: str) -> str:
    """Text without terminal escapes, control and direction characters. Line ends are kept."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def tail(path: Path, limit: int = 8192) -> str:
    """The last ``limit`` bytes of a transcript as clean text; empty when there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - limit))
            return clean(file.read().decode("utf-8", "replace"))
    except FileNotFoundError:
        return ""


def excerpt(paths: Iterable[Path], lines: int = 20, limit: int = 2000) -> str:
    """The last lines of several transcripts, one after the other."""
    parts = ("\n".join(tail(path).strip().splitlines()[-lines:])[-limit:] for path in paths)
    return "\n".join(part for part in parts if part)
