"""The traceability matrix as one page of HTML that needs nothing else: no script, no font, no address."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, TextIO

from chargehand.doors.cli.render import matrix
from chargehand.doors.cli.render.text import console_safe
from chargehand.model.words import spoken

if TYPE_CHECKING:
    from chargehand.service.specoutputs import SectionObject, TracedRow, TracedTask, TraceReport

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { max-width: 80rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #8886; }
tbody { border-bottom: 2px solid #8889; }
code { font-family: ui-monospace, monospace; }
small { opacity: .75; }
.met, .landed, .done, .pass { color: #1a7f37; } .uncovered, .failed, .fail, .error { color: #cf222e; }
.open, .needs_human, .skip, .blocked { color: #9a6700; }
@media (prefers-color-scheme: dark) {
  .met, .landed, .done, .pass { color: #56d364; } .uncovered, .failed, .fail, .error { color: #ff7b72; }
  .open, .needs_human, .skip, .blocked { color: #e3b341; }
}
"""
_HEADS = ("Requirement", "Design", "Task", "State", "Attempt", "Commit", "Verdict")


def page(told: TraceReport, out: TextIO) -> None:
    title = _text(f"Traceability of {told['spec']}")
    onto = f" onto <code>{_text(told['target'])}</code>" if told["target"] else ""
    out.write(
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n<style>{_STYLE}</style>\n'
    )
    out.write(f"</head>\n<body>\n<h1>{title}</h1>\n<p>{_text(matrix.totals(told))}{onto}.</p>\n<table>\n<thead><tr>")
    out.write("".join(f"<th>{name}</th>" for name in _HEADS) + "</tr></thead>\n")
    for row in told["rows"]:
        out.write(_body(row))
    out.write("</table>\n</body>\n</html>\n")


def _body(row: TracedRow) -> str:
    """The rows of one requirement."""
    count = max(1, len(row["tasks"]))
    span = f' rowspan="{count}"' if count > 1 else ""
    head = f"<td{span}>{_requirement(row)}</td><td{span}>{'<br>'.join(map(_section, row['designs'])) or '-'}</td>"
    cells = [_task(task) for task in row["tasks"]] or ['<td colspan="5">no task</td>']
    lines = [f"<tr>{head if place == 0 else ''}{cell}</tr>\n" for place, cell in enumerate(cells)]
    return f"<tbody>\n{''.join(lines)}</tbody>\n"


def _requirement(row: TracedRow) -> str:
    told = _section(row["requirement"]) if row["requirement"] else "none"
    return f'{told}<br><small class="{row["standing"]}">{row["standing"]}</small>'


def _section(section: SectionObject) -> str:
    return f"<b>{_text(section['id'])}</b> {_text(section['title'])}"


def _task(task: TracedTask) -> str:
    state = task["state"] or task["status"]
    attempt = _text(f"{task['attempt']} of {task['attempts']}, {task['agent']}") if task["attempt"] else "-"
    commit = f'<code title="{_text(task["commit"])}">{_text(task["commit"][:10])}</code>' if task["commit"] else "-"
    when = f"<br><small>{_text(task['landed_at'])}</small>" if task["landed_at"] else ""
    verdict = "<br>".join(
        f'{_text(said["gate"])}: <span class="{_text(said["verdict"])}">{_text(said["verdict"])}</span>'
        for said in task["verdicts"]
    )
    return (
        f"<td><b>{_text(task['id'])}</b> {_text(task['title'])}</td>"
        f'<td class="{_text(state)}">{_text(spoken(state))}</td>'
        f"<td>{attempt}</td><td>{commit}{when}</td><td>{verdict or '-'}</td>"
    )


def _text(text: str) -> str:
    return escape(console_safe(text))
