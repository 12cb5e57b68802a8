"""Tasks to the text of a new ``tasks.md`` in spec-runner's format. What was written is read again before it counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from chargehand.model.task import Task
from chargehand.spec.grammar import EMOJI, META, WORDS
from chargehand.spec.load import check

_SIGNS = ("🔴", "🟠", "🟡", "🟢")
_LEAD = re.compile(r"[ \t]*(?:#+[ \t]*|>[ \t]*|(?:[-*+]|[0-9]{1,9}[.)])[ \t]+\[.?\][ \t]*|```+.*|~~~+.*|-{3,}[ \t]*$|\++[ \t]*$)*")
_NEED = re.compile(r"\b(depends on|blocked by)([*_ \t]*:)", re.IGNORECASE)


def written(title: str, intro: Sequence[str], tasks: Sequence[Task], questions: Sequence[str]) -> str | tuple[str, ...]:
    """The text, or what of it would be read as something else than these tasks. ``intro`` are lines below its title."""
    lines = [f"# {title}", "", *(f"> {line}" for line in intro), ""]
    if questions:
        lines += ["Open questions:", "", *(f"- {_harmless(line)}" for line in questions), ""]
    milestone = ""
    for task in tasks:
        if task.milestone != milestone:
            milestone = task.milestone
            lines += [f"## Milestone: {milestone}" if milestone else "## Further tasks", ""]
        lines += [*_block(task), ""]
    text = "\n".join(lines).rstrip() + "\n"
    spec, problems = check(text.encode("utf-8", "replace"), "tasks.md", format_name="spec-runner")
    if spec is None:
        return tuple(problem.message for problem in problems if problem.severity == "error")
    same = len(spec.tasks) == len(tasks)
    return text if same and all(map(_same, spec.tasks, tasks)) else ("it reads differently from what was meant",)


def _block(task: Task) -> Iterator[str]:
    hours = f" | Est: {task.estimate_hours:g}h" if task.estimate_hours else ""
    yield f"### {task.id}: {task.title}"
    yield f"{_SIGNS[task.priority]} P{task.priority} | {EMOJI['todo']} {WORDS['todo']}{hours}"
    if task.description:
        yield from ("", *map(_harmless, task.description.split("\n")))
    for label, test in (("Checklist", False), ("Tests", True)):
        items = [item.text for item in task.checklist if item.test is test]
        if items:
            yield from ("", f"**{label}:**", *(f"- [ ] {text}" for text in items))
    yield ""
    yield f"**Depends on:** {', '.join(f'[{need}]' for need in task.needs) or '—'}"
    if task.touches:
        yield f"**Touches:** {', '.join(task.touches)}"


def _harmless(line: str) -> str:
    """A line of a description that is nothing else: no heading, no checkbox, no fence, no label, no comment, no status line."""
    text = _LEAD.sub("", line, count=1).replace("**", "").replace("<!--", "<! --")
    if META.match(text):
        text = text.replace("|", "/")
    return _NEED.sub(r"\1 -", text).rstrip()


def _same(one: Task, other: Task) -> bool:
    return _essence(one) == _essence(other)


def _essence(task: Task) -> tuple[object, ...]:
    items = [(item.text, item.test) for item in task.checklist]
    return task.id, task.title, task.priority, task.needs, task.touches, items, task.milestone.removeprefix("Milestone: ")
