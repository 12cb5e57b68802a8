"""Tasks written as JSON objects or front matter: what their fields mean, and what is wrong with them."""

from __future__ import annotations

import re
from difflib import get_close_matches

from chargehand.model.task import CheckItem, FileStatus, Span
from chargehand.spec.edits import CANCELLED, DEFERRED, PRIORITIES, STATUSES
from chargehand.spec.report import Report
from chargehand.spec.tree import Node

TEXT = 20_000
"""Characters of one field that are kept."""

_CRITERION = ("text", "description", "criterion", "title", "name")
_TEST = re.compile(r"\btests?\b", re.IGNORECASE)
_SLUG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?\Z")
_AMOUNT = r"([0-9]{1,4}(?:\.[0-9]{1,2})?)[ ]*"
_HOURS = re.compile(rf"[~≈]?[ ]*{_AMOUNT}(?:-[ ]*{_AMOUNT})?(m|min|h|hours?|d|days?)\Z", re.IGNORECASE)
_FACTOR = {"m": 1 / 60, "h": 1.0, "d": 8.0}


def span(node: Node) -> Span:
    return Span(node.line + 1, node.column)


def status_of(word: str) -> tuple[FileStatus, str] | None:
    """What a status word means, and the tag that goes with it (``cancelled``, ``deferred`` or none); None when it means nothing."""
    folded = word.strip().lower().strip("○◒●✔✓ ")
    if folded in CANCELLED:
        return "done", "cancelled"
    if folded in DEFERRED:
        return "todo", "deferred"
    known = STATUSES.get(folded)
    return (known, "") if known else None


def read_status(node: Node, key: str, name: str, report: Report) -> tuple[FileStatus, str]:
    """The status a task's entry states; without one it is to do. An unknown word is an error, at its place."""
    entry = node.get(key)
    if entry is None:
        return "todo", ""
    if not isinstance(entry.value, str):
        wrong_type(report, entry, f"{name}: {key}", "a text")
        return "todo", ""
    found = status_of(entry.value)
    if found is None:
        near = get_close_matches(entry.value[:30].lower(), [*STATUSES, *CANCELLED, *DEFERRED], n=1)
        hint = f"did you mean {near[0]}?" if near else "write todo, in progress, review, done or blocked, as this tool writes it"
        message = f'{name} has the unknown status "{entry.value[:30]}"'
        report.add("task-status", message, entry.line, entry.column, hint=hint)
        return "todo", ""
    return found


def read_priority(node: Node, name: str, report: Report) -> int:
    """From 0 to 3; 2 without one. A word that is none is a warning: it changes the order only."""
    entry = node.get("priority")
    if entry is None:
        return 2
    if isinstance(entry.value, (int, float)) and not isinstance(entry.value, bool):
        return max(0, min(3, int(entry.value)))
    word = entry.text().lower().strip()
    if word in PRIORITIES:
        return PRIORITIES[word]
    message = f'{name} has the unknown priority "{entry.text()[:30]}"'
    report.add("task-priority", message, entry.line, entry.column, hint="high, medium or low", severity="warning")
    return 2


def read_hours(text: str) -> float | None:
    """The upper end of an estimate like "1h", "2-3 days" or "30m"."""
    match = _HOURS.match(text.strip())
    return float(match[2] or match[1]) * _FACTOR[match[3][0].lower()] if match else None


def check_items(node: Node, *keys: str, done: bool = False) -> tuple[CheckItem, ...]:
    """A list of texts, or of objects with a text, as a checklist. Such files do not say which are done: all, when the task is."""
    entry = node.get(*keys)
    items = entry.items() if entry else []
    listed = items or ([entry] if entry and entry.text() else [])
    return tuple(
        CheckItem(text, done, span(item), bool(_TEST.search(text)))
        for item in listed
        if (text := (item.text() or item.text(*_CRITERION))[:TEXT].strip())
    )


def told(node: Node, *fields: tuple[str, str]) -> str:
    """The texts of these fields (key, heading), each below its heading; lists as lists."""
    parts = []
    for key, heading in fields:
        texts = [text for text in node.texts(key) if text.strip()]
        entry = node.get(key)
        if texts and entry:
            body = "\n".join(f"- {text}" for text in texts) if entry.items() else texts[0].strip()
            parts.append(f"{heading}\n\n{body}" if heading else body)
    return "\n\n".join(parts)[:TEXT]


def slug(text: str) -> str:
    """``text`` as an id may be written: others than letters, digits, ``.``, ``_`` and ``-`` become ``-``."""
    if _SLUG.match(text):
        return text
    return re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9._-]+", "-", text.strip().lstrip("#"))).strip("-._")


def wrong_type(report: Report, node: Node, what: str, wanted: str) -> None:
    report.add("wrong-type", f"{what} is not {wanted}", node.line, node.column, hint=f"write {wanted}")
