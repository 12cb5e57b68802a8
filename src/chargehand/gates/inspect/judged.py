"""How an inspector puts what it found."""

from __future__ import annotations

from collections.abc import Sequence

from chargehand.brief.text import inline, plain
from chargehand.model.work import Finding, Severity, Verdict
from chargehand.ports import Change

PREFIX = "inspect."
"""Inspectors are told from the user's gates by their names."""

_SHOWN = 40


def passed(name: str, change: Change, summary: str) -> Verdict:
    return Verdict(gate=name, commit=change.commit, verdict="pass", summary=inline(summary, 200))


def failed(name: str, change: Change, summary: str, findings: Sequence[Finding]) -> Verdict:
    """``findings`` are told one a line."""
    lines = [f"{one.file}{f':{one.line}' if one.line else ''}: {one.evidence}" for one in findings[:_SHOWN]]
    if len(findings) > _SHOWN:
        lines.append(f"[... {len(findings) - _SHOWN} more]")
    return Verdict(
        gate=name,
        commit=change.commit,
        verdict="fail",
        summary=inline(summary, 400),
        evidence=plain("\n".join(lines)),
        findings=tuple(findings[:_SHOWN]),
    )


def finding(name: str, file: str, evidence: str, *, fix: str = "", line: int = 0, severity: Severity = "major") -> Finding:
    return Finding(
        id=f"{name}:{inline(file, 120)}:{inline(evidence, 60)}",
        severity=severity,
        file=inline(file, 200),
        line=line,
        evidence=inline(evidence, 300),
        fix=inline(fix, 300),
    )
