"""The forms of spec-runner's ``tasks.md``: what a header, a meta line, a label and a checkbox look like.

Every pattern is applied with ``match`` to one line and is linear in its length.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from chargehand.model.task import FileStatus

MAX_ID = 64

ID = re.compile(r"[A-Z][A-Z0-9]*-[0-9]+")
HEADER = re.compile(r" {0,3}###[ \t]+([A-Z][A-Z0-9]*-[0-9]+):(.*)", re.DOTALL)
HEADING = re.compile(r"([ \t>]*)(#{1,6})(?!#)([ \t]*)(.*)", re.DOTALL)

_MARK = r"(?:[^\x00-\x7f\w\s]+|:[a-z0-9_+-]+:)"
META = re.compile(
    rf"[ \t]*(?:[-*+][ \t]+)?(?:{_MARK}[ \t]*)?\*{{0,2}}[Pp](?P<priority>[0-9]+)\*{{0,2}}[ \t]*\|[ \t]*"
    rf"(?P<mark>{_MARK})?[ \t]*\*{{0,2}}(?P<word>[^\W\d_]\w*(?:[ -](?i:progress)\b)?)?"
)
BOX = re.compile(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]+\[([ xX])\](?![(\[])[ \t]*(.*)", re.DOTALL)
LABEL = re.compile(r"[ \t]*(?:[-*+][ \t]+)?\*\*[ \t]*([^*:]{1,60})(?::[ \t]*\*\*|\*\*[ \t]*:)[ \t]*")
INNER_LABEL = re.compile(r"\*\*(depends on|blocks|traces to)(?::\*\*|\*\*:)[ \t]*", re.IGNORECASE)
PLAIN_LABEL = re.compile(r"[ \t]*(?:[-*+][ \t]+)?[*_]{0,3}(depends on|blocked by)[*_]{0,3}[ \t]*:[*_]{0,3}[ \t]*", re.IGNORECASE)
BOLD_ID = re.compile(r"[ \t]*(?:[-*+][ \t]+)?(?:\[.\][ \t]*)?\*\*[^\w*]*([^\W_]+-[0-9]+)")
ESTIMATE = re.compile(r"\best(?:imate)?\b[ \t]*:?[ \t]*([^|]*)", re.IGNORECASE)
AMOUNT = re.compile(
    r"[~≈]?[ \t]*([0-9]{1,6}(?:[.,][0-9]{1,6})?)[ \t]*([a-z]*)"
    r"(?:[ \t]*(?:-|–|—|\.\.|to\b)[ \t]*([0-9]{1,6}(?:[.,][0-9]{1,6})?)[ \t]*([a-z]*))?(?![\w.,])",
    re.IGNORECASE,
)

HOURS = {"m": 1 / 60, "min": 1 / 60, "mins": 1 / 60, "minute": 1 / 60, "minutes": 1 / 60}
HOURS |= dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 1.0)
HOURS |= dict.fromkeys(("d", "day", "days"), 8.0) | dict.fromkeys(("w", "wk", "week", "weeks"), 40.0)

STATUSES: dict[str, FileStatus] = {
    "todo": "todo",
    "in_progress": "in_progress",
    "in progress": "in_progress",
    "in-progress": "in_progress",
    "review": "review",
    "done": "done",
    "blocked": "blocked",
}
WORDS: dict[FileStatus, str] = {
    "todo": "TODO",
    "in_progress": "IN_PROGRESS",
    "review": "REVIEW",
    "done": "DONE",
    "blocked": "BLOCKED",
}
EMOJI: dict[FileStatus, str] = {"todo": "⬜", "in_progress": "🔄", "review": "🔍", "done": "✅", "blocked": "⏸️"}
SHORTCODES: dict[FileStatus, str] = {
    "todo": ":white_large_square:",
    "in_progress": ":arrows_counterclockwise:",
    "review": ":mag:",
    "done": ":white_check_mark:",
    "blocked": ":pause_button:",
}

LABELS = {
    "depends on": "needs",
    "depends": "needs",
    "depends-on": "needs",
    "blocked by": "needs",
    "needs": "loose",
    "requires": "loose",
    "dependencies": "loose",
    "prerequisites": "loose",
    "blocks": "blocks",
    "traces to": "traces",
    "checklist": "checklist",
    "description": "description",
    "mode": "mode",
    "verifies": "verifies",
    "scenarios": "scenarios",
    "touches": "touches",
    "tdd-waiver": "waiver",
    "negative-control": "control",
}
"""What a bold label opens. ``loose`` labels name tasks in some files and libraries in others: the text decides."""

_LOOKALIKES = str.maketrans("АВЕКМНОРСТУХІЈЅԀԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧ‐‑‒–—−", "ABEKMHOPCTYXIJSDQWABEZHIKMNOPTYX------")


def status_of(word: str | None) -> FileStatus | None:
    """The status a word of the meta line means; None when it means none."""
    return STATUSES.get(word.lower()) if word else None


def fold(text: str) -> str:
    """Upper case, without what the eye cannot tell apart: width, letters of other scripts, invisible characters."""
    if text.isascii():
        return text.upper()
    visible = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    return visible.upper().translate(_LOOKALIKES)


def header_fault(task_id: str, tail: str, colon: str, lead: str, level: int, gap: str, text: str, defined: Collection[str]) -> str:
    """What is wrong with a header, most telling thing first."""
    shown = text.split(":", maxsplit=1)[0].strip()[:40]
    if level != 3:
        return f'"{shown}" looks like a task, but its heading has {level} "#" instead of 3'
    if ">" in lead:
        return f'"{shown}" looks like a task, but stands in a quotation'
    if not text.upper().isascii() and fold(shown) != shown.upper() and task_id in fold(shown):
        twin = f" and cannot be told from {task_id}" if task_id in defined else ""
        return f'the id "{shown}" holds characters that only look like plain letters{twin}'
    if shown.upper() == task_id and shown != task_id:
        twin = f" ({task_id} exists already)" if task_id in defined else ""
        return f'the id "{shown}" is not in capitals{twin}'
    if tail:
        return f'"{shown}" looks like a task, but an id ends in digits'
    if not colon:
        return f'"{shown}" looks like a task, but there is no colon behind its id'
    if not gap or lead:
        return f'"{shown}" looks like a task, but its heading is not written as one'
    return f'"{shown}" looks like a task, but its id does not stand alone between "###" and ":"'
