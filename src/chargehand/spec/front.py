"""What the YAML front matter of a spec-runner document says of it. It is read and never changed: whose it is keeps it."""

from __future__ import annotations

from difflib import get_close_matches

from chargehand.spec.report import Report
from chargehand.spec.tree import Node
from chargehand.spec.yaml_text import read_yaml

STAGES = ("requirements", "design", "tasks", "exec")
_STATUSES = {
    "draft": "nobody has approved it yet",
    "approved": "",
    "stale": "what it was made of has changed since it was approved",
}


def read_front(lines: list[str], end: int, stage: str, report: Report) -> None:
    """Warn of what speaks against working from this file: it is of another ``stage``, not approved, or failed its validation.

    ``end``: how many lines the front matter has. Front matter of other tools, without ``spec_stage``, says nothing to us.
    """
    text = "\n".join(lines[1 : end - 1])
    if "spec_stage" not in text or not lines[0].startswith("---"):
        return
    own = Report(report.path, lines)
    root = read_yaml(text, own, line=1)
    for problem in own.problems:
        message = f"the front matter cannot be read, so it is passed over: {problem.message}"
        report.add("front-matter", message, problem.line - 1, problem.column, hint=problem.hint, severity="warning")
    if root is None or not isinstance(root.value, dict):
        return
    if (said := root.get("spec_stage")) and said.text() != stage:
        _warn(report, said, f'the front matter calls this the stage "{said.text()[:40]}", and it is read as {stage}', "")
    if status := root.get("status"):
        near = next(iter(get_close_matches(status.text(), _STATUSES, n=1)), "")
        if status.text() not in _STATUSES:
            hint = f"did you mean {near}?" if near else f"write one of {', '.join(_STATUSES)}"
            _warn(report, status, f'the front matter has the unknown status "{status.text()[:40]}"', hint)
        elif why := _STATUSES[status.text()]:
            hint = "check --strict fails until it says: status: approved"
            _warn(report, status, f"the front matter says {status.text()}: {why}", hint)
    if (found := root.get("validation")) and found.text().lower() in {"fail", "failed"}:
        _warn(report, found, "the front matter says that its validation failed", "validate it again, or correct what it found")


def _warn(report: Report, node: Node, message: str, hint: str) -> None:
    report.add("front-matter", message, node.line, node.column, hint=hint, severity="warning")
