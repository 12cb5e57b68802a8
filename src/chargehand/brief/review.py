"""What a reviewer is asked, and how its findings are read.

Round after round may only object to what changed since the last one, so that reviewing comes to an end.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Annotated

import msgspec

from chargehand.brief.answer import objects
from chargehand.brief.brief import render
from chargehand.brief.schema import shape, strict
from chargehand.brief.text import code, fence, head, inline, quote
from chargehand.model.task import Section, Task
from chargehand.model.work import Finding, Severity, Verdict

DIFF_LIMIT = 60_000
SINCE_LIMIT = 20_000
FINDINGS_ALLOWED = 50

SEVERITIES: tuple[Severity, ...] = ("critical", "major", "minor", "note")

FOCUS = {
    "quality": "Correctness and robustness: wrong results, unhandled errors, races, security holes, broken contracts.",
    "implementation": "Whether the change does what the task and its requirements ask for: all of it, and nothing else.",
    "testing": "Whether tests prove the behaviour asked for: what is untested, what cannot fail, what was weakened or skipped.",
    "simplification": "What could be simpler: dead code, needless layers and options, duplication, reinvented library functions.",
    "docs": "Whether documentation, comments and messages are true and complete for what changed.",
}
"""What each role looks at."""


class Raised(msgspec.Struct, frozen=True):
    """A finding as a reviewer gives it."""

    severity: Severity
    file: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    evidence: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
    id: Annotated[str, msgspec.Meta(max_length=100)] = ""
    line: Annotated[int, msgspec.Meta(ge=0)] = 0
    fix: Annotated[str, msgspec.Meta(max_length=4000)] = ""


class _Review(msgspec.Struct, frozen=True):
    findings: Annotated[list[Raised], msgspec.Meta(max_length=FINDINGS_ALLOWED)]
    summary: Annotated[str, msgspec.Meta(max_length=4000)] = ""


class _Whole(msgspec.Struct, frozen=True):
    review: _Review


class _Raw(msgspec.Struct):
    review: msgspec.Raw


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is reviewed: the whole change as a unified diff, and what is new in it since the last round (empty in the first)."""

    diff: str
    since: str = ""


def schema() -> str:
    """What the answer must fit, for programs that hold their model to a JSON Schema."""
    return strict(_Whole)


def question(
    task: Task,
    sections: Sequence[Section],
    change: Change,
    *,
    role: str,
    focus: str,
    run: str,
    spec_path: str,
    verdicts: Sequence[Verdict],
    earlier: Sequence[Finding],
    round_: int,
) -> str:
    """The reviewer's brief. ``verdicts``: what gates said of the same commit; ``earlier``: the findings of the round before."""
    told = render(task, sections, (), run=run, attempt=round_, spec_path=spec_path, evidence="commit", gates=())
    gates = "\n".join(f"- {code(one.gate, 60)}: {one.verdict}, {inline(one.summary)}" for one in verdicts) or "- none"
    parts = [
        f"# Review {inline(task.id)}: {inline(role, 60)}",
        "Another agent has worked on a task, and says that it is done. You are one of several reviewers of its change. Your part: "
        f"{inline(focus, 2000)}",
        "The workspace is a checkout of the change. Look at whatever you need there; change nothing, nothing you change is kept. "
        "Object only to what you can show in the code as it is: name file and line, and say what goes wrong.",
        "Severities: `critical` (data loss, security, does not work at all), `major` (wrong in a case that matters, or a "
        "requirement not met), `minor` (should be better), `note` (taste).",
        *_rounds(earlier, round_),
        "End with a JSON object on standard output and nothing after it, with the key `review`, after this schema. No finding is a "
        "good answer when there is none.",
        fence(shape(_Whole), "json"),
        f"## What the gates said of it\n\n{gates}",
        "## The change\n\n" + fence(head(change.diff, DIFF_LIMIT, "look into the workspace for the rest"), "diff"),
    ]
    if change.since:
        parts.append("## What is new in it since the last round\n\n" + fence(head(change.since, SINCE_LIMIT, "cut here"), "diff"))
    parts.append("## What its author was told\n\n" + fence(told, "markdown"))
    return "\n\n".join(parts) + "\n"


def _rounds(earlier: Sequence[Finding], round_: int) -> list[str]:
    if round_ == 1:
        return []
    listed = "\n".join(
        f"- {code(one.id, 100)} ({one.severity}) {code(one.file, 200)}:{one.line}\n{quote(one.evidence)}" for one in earlier
    )
    return [
        f"This is round {round_}. Repeat a finding of the last round, with the same `id`, only where it still holds. "
        "New findings may only concern what is new since then.",
        f"## Findings of the last round\n\n{listed or '- none'}",
    ]


def read_findings(transcript: str, role: str) -> tuple[Finding, ...] | str:
    """The findings of the last answer in a transcript, or why there is none that can be used."""
    reason = "the reviewer gave no findings, not even an empty list"
    for text in objects(transcript, "review"):
        try:
            found = msgspec.json.decode(msgspec.json.decode(text, type=_Raw).review, type=_Review)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
            reason = f"the reviewer's answer does not fit its schema: {error}"
            continue
        return tuple(_named(one, role, number) for number, one in enumerate(found.findings, 1))
    return reason


def _named(one: Raised, role: str, number: int) -> Finding:
    name = re.sub(r"[^\w/.-]+", "-", one.id).strip("-")[:80] or str(number)
    return Finding(
        id=name if name.startswith(f"{role}/") else f"{role}/{name}",
        severity=one.severity,
        file=one.file.removeprefix("./"),
        line=one.line,
        evidence=one.evidence,
        fix=one.fix,
    )


def bounded(findings: Sequence[Finding], earlier: Sequence[Finding], changed: Collection[str] | None) -> tuple[Finding, ...]:
    """The findings that may be raised in this round: those of the last one that still hold, and new ones where something changed.

    ``changed`` None: it is the first round, and everything may be objected to. Others are kept as notes, so that nothing is lost.
    """
    if changed is None:
        return tuple(findings)
    known = {one.id: one for one in earlier}
    result = []
    for one in findings:
        if one.id in known:  # what was minor does not become a reason to block later
            order = max(SEVERITIES.index(one.severity), SEVERITIES.index(known[one.id].severity))
            result.append(msgspec.structs.replace(one, severity=SEVERITIES[order]))
        elif one.file in changed:
            result.append(one)
        else:
            result.append(msgspec.structs.replace(one, severity="note"))
    return tuple(result)


def blocking(findings: Sequence[Finding], block: Severity) -> tuple[Finding, ...]:
    """Those of severity ``block`` or worse."""
    worst = SEVERITIES.index(block)
    return tuple(one for one in findings if SEVERITIES.index(one.severity) <= worst)


def verdict(role: str, commit: str, findings: Sequence[Finding], block: Severity, duration_s: float) -> Verdict:
    """What a review says as a gate: it fails when a finding blocks."""
    bad = blocking(findings, block)
    count = f"{len(findings)} finding{'' if len(findings) == 1 else 's'}"
    return Verdict(
        gate=f"review/{role}",
        commit=commit,
        verdict="fail" if bad else "pass",
        summary=f"{count}, {len(bad)} of them block" if bad else count if findings else "no finding",
        evidence="\n".join(_line(one) for one in sorted(findings, key=lambda one: SEVERITIES.index(one.severity))),
        duration_s=duration_s,
        findings=tuple(findings),
    )


def _line(one: Finding) -> str:
    place = f"{one.file}:{one.line}" if one.line else one.file
    return f"{one.severity} {one.id} {place}: {one.evidence}" + (f"\n  fix: {one.fix}" if one.fix else "")
