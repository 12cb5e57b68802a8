"""The independent review of a run: what its reviewer is handed, what it must answer, and the reports made of both.

The handoff is written from facts: what landed, what judged it, how to run it. Nothing an author said of his work is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from chargehand.brief.answer import objects
from chargehand.brief.pull import Line, table
from chargehand.brief.review import FINDINGS_ALLOWED, SEVERITIES, Raised, blocking, read_findings
from chargehand.brief.schema import shape
from chargehand.brief.text import code, fence, head, inline, plain, quote
from chargehand.model.task import Section
from chargehand.model.work import Finding, Severity

ROLE = "independent"
HANDOFF_LIMIT = 60_000
SECTION_LIMIT = 4_000

_Text = Annotated[str, msgspec.Meta(max_length=4000)]


class Check(msgspec.Struct, frozen=True):
    """One thing the reviewer tried, or would have."""

    what: _Text
    how: _Text = ""
    result: Literal["pass", "fail", "not_run"] = "not_run"


class Cover(msgspec.Struct, frozen=True):
    """Whether a requirement is proven, and by what."""

    requirement: _Text
    covered: bool
    by: _Text = ""


class _Review(msgspec.Struct, frozen=True):
    findings: Annotated[list[Raised], msgspec.Meta(max_length=FINDINGS_ALLOWED)]
    summary: _Text = ""
    test_plan: Annotated[list[Check], msgspec.Meta(max_length=200)] = []
    coverage: Annotated[list[Cover], msgspec.Meta(max_length=500)] = []


class _Whole(msgspec.Struct, frozen=True):
    review: _Review


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the reviewer says."""

    findings: tuple[Finding, ...]
    summary: str = ""
    test_plan: tuple[Check, ...] = ()
    coverage: tuple[Cover, ...] = ()


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to be reviewed. ``gates`` are names with the commands they run; ``sections`` the requirements traced to."""

    run: str
    spec: str
    commit: str
    lines: Sequence[Line]
    gates: Sequence[tuple[str, str]] = ()
    sections: Sequence[Section] = ()


def handoff(handed: Handed) -> str:
    """``handoff.md``."""
    landed = [line for line in handed.lines if line.commit]
    commands = "\n".join(f"- {code(name, 60)}: {code(command)}" for name, command in handed.gates) or "- none is configured"
    parts = [
        f"# Handoff of run {inline(handed.run)}",
        f"The work of {code(handed.spec)} as it stands at commit {code(handed.commit)}. Look at one task's change with "
        f"{code('git show COMMIT')}.",
        f"## What landed\n\n{table(landed)}",
        f"## What is run to judge it\n\n{commands}",
        *(_requirement(section) for section in handed.sections),
    ]
    return head("\n\n".join(parts), HANDOFF_LIMIT, "look into the repository for the rest") + "\n"


def _requirement(section: Section) -> str:
    text = head(plain(section.text).strip(), SECTION_LIMIT, f"read {inline(section.path)} for the rest")
    return f"## {inline(section.id, 60)}: {inline(section.title, 120)}\n\n{fence(text, 'markdown')}"


def question(handed: Handed) -> str:
    """What the reviewer is asked."""
    parts = [
        f"# Independent review of run {inline(handed.run)}",
        "Other agents have worked on the tasks below; you know nothing of how. Review the whole as it is now: read the code, run "
        "it, run its tests and tests of your own. Your workspace is a checkout of all of it; nothing you change there is kept.",
        "Object only to what you can show: name file and line, and say what goes wrong. Look above all for what no single "
        "task could see: parts that do not fit together, requirements nobody met, behaviour nobody tests.",
        "Severities: `critical` (data loss, security, does not work at all), `major` (wrong in a case that matters, or a "
        "requirement not met), `minor` (should be better), `note` (taste).",
        "End with a JSON object on standard output and nothing after it, with the key `review`, after this schema. No finding is a "
        "good answer when there is none.",
        fence(schema(), "json"),
        handoff(handed),
    ]
    return "\n\n".join(parts)


def schema() -> str:
    """What the answer must fit."""
    return shape(_Whole)


def read_answer(transcript: str) -> Answer | str:
    """The last answer in a transcript, or why there is none that can be used."""
    findings = read_findings(transcript, ROLE)
    if isinstance(findings, str):
        return findings
    for text in objects(transcript, "review"):
        try:
            told = msgspec.json.decode(text, type=_Whole).review
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            continue
        return Answer(findings=findings, summary=told.summary, test_plan=tuple(told.test_plan), coverage=tuple(told.coverage))
    return Answer(findings=findings)


def reports(handed: Handed, answer: Answer, block: Severity) -> dict[str, str]:
    """The reports by file name. ``block``: findings of this severity or worse are bugs, and become tasks."""
    bugs = blocking(answer.findings, block)
    ordered = sorted(answer.findings, key=lambda one: SEVERITIES.index(one.severity))
    head_line = f"Run {code(handed.run)}, commit {code(handed.commit)}."
    rest = [one for one in ordered if one not in bugs]
    return {
        "handoff.md": handoff(handed),
        "test-plan.md": f"# Test plan\n\n{head_line}\n\n{_plan(handed, answer)}\n",
        "code-review-report.md": f"# Code review\n\n{head_line}\n\n{quote(answer.summary or 'No summary.')}\n\n"
        f"{len(ordered)} findings, {len(bugs)} of them bugs (see bug-report.md).\n\n{_listed(rest)}\n",
        "bug-report.md": f"# Bugs\n\n{head_line}\n\n{_listed(bugs)}\n",
        "qa-coverage.md": f"# Coverage\n\n{head_line}\n\n{_coverage(handed, answer)}\n",
    }


def _plan(handed: Handed, answer: Answer) -> str:
    rows = ["| What | How | Result |", "|---|---|---|"]
    rows += [f"| gate {_cell(name)} | {_cell(command)} | run for every commit that landed |" for name, command in handed.gates]
    rows += [f"| {_cell(one.what)} | {_cell(one.how)} | {one.result.replace('_', ' ')} |" for one in answer.test_plan]
    return "\n".join(rows)


def _listed(findings: Sequence[Finding]) -> str:
    return "\n\n".join(f"## {_head(one)}\n\n{quote(one.evidence)}{_fix(one)}" for one in findings) or "None."


def _head(one: Finding) -> str:
    place = f"{one.file}:{one.line}" if one.line else one.file
    return f"{one.severity}: {code(place, 200)} ({inline(one.id, 100)})"


def _fix(one: Finding) -> str:
    return f"\n\nFix: {inline(one.fix, 2000)}" if one.fix else ""


def _coverage(handed: Handed, answer: Answer) -> str:
    """Every requirement tasks trace to, with the tasks that landed for it, and what the reviewer says of it."""
    said = {one.requirement: one for one in answer.coverage}
    tasks: dict[str, list[str]] = {}
    for line in handed.lines:
        for trace in line.traces:
            tasks.setdefault(trace, []).append(f"{line.task} ({line.state.replace('_', ' ')})")
    rows = ["| Requirement | Tasks | The reviewer |", "|---|---|---|"]
    for name in dict.fromkeys((*tasks, *said)):
        told = said.get(name)
        word = "not looked at" if told is None else f"{'covered' if told.covered else 'not covered'}: {told.by}"
        rows.append(f"| {_cell(name)} | {_cell(', '.join(tasks.get(name, [])) or '-')} | {_cell(word)} |")
    return "\n".join(rows) if len(rows) > 2 else "No task traces to a requirement."


def _cell(text: str) -> str:
    return inline(text, 300).replace("|", "\\|").replace("<", "&lt;")
