"""A text without a single task header: say what it seems to be instead."""

from __future__ import annotations

import re
from collections.abc import Collection

from chargehand.spec.report import Report
from chargehand.spec.scan import FORM, META_FORM, Scan

_ID = r"[A-Z]{1,10}[0-9]{0,3}[-.]?[0-9]+(?:\.[0-9]+)*(?![\w])"
_FORMS = (
    ("headings in another form", re.compile(rf"[ \t]*#{{1,6}}[ \t]*(?:\[.\][ \t]*)?[*`\[]*{_ID}")),
    ("bold paragraphs", re.compile(rf"[ \t]*\*\*[`\[]*{_ID}")),
    ("checkboxes with ids", re.compile(rf"[ \t]*[-*+][ \t]+\[.\][ \t]+[*`\[]*{_ID}")),
    ("table rows", re.compile(rf"[ \t]*\|[ \t]*[*`\[]*{_ID}[ \t*`\]]*\|")),
    ("a list", re.compile(rf"[ \t]*(?:[-*+]|[0-9]{{1,9}}[.)])[ \t]+[*`\[]*{_ID}(?:\][ \t]|[*`\]]*[ \t]*(?:[:—–]|-[ \t]))")),
    ("checkboxes", re.compile(r"[ \t]*[-*+][ \t]+\[[ xX~!-]\][ \t]")),
)
_HINT = f'a task is a heading "{FORM}" with a line "{META_FORM}" below it'


def lookalikes(view: list[str], passed: Collection[int]) -> tuple[str, list[int]]:
    """The form most lines with an id have that are no boxes, by name, and those lines; ``passed`` are lines to pass over."""
    name = ""
    found: list[int] = []
    for form, pattern in _FORMS[:2] + _FORMS[3:5]:
        lines = [n for n, line in enumerate(view) if line and n not in passed and pattern.match(line)]
        if len(lines) > len(found):
            name, found = form, lines
    return name, found


def explain(scan: Scan, report: Report) -> None:
    """Report the one error of a text that has no task: that it is empty, in another dialect, or plain prose."""
    if not any(line.strip() for line in scan.raw):
        report.add("empty", "the file is empty", hint=_HINT)
        return
    hits = {name: [n for n, line in enumerate(scan.view) if form.match(line)] for name, form in _FORMS}
    name, lines = max(hits.items(), key=lambda entry: len(entry[1]) if entry[0] != "checkboxes" else 0)
    if not lines:
        name, lines = "checkboxes", hits["checkboxes"]
    if not lines:
        hint = f"{_HINT}; of a text the planner makes tasks: chargehand plan --from {report.path}"
        report.add("no-tasks", "there is no task in this file", hint=hint)
        return
    count = f"{len(lines)} lines look" if len(lines) > 1 else "this line looks"
    message = f"{count} like tasks, but not in the format: they are {name}"
    column = len(scan.view[lines[0]]) - len(scan.view[lines[0]].lstrip()) + 1
    report.add("other-format", message, lines[0], column, hint=_HINT)
