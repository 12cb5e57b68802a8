"""Findings about a spec for other programs: CSV for a sheet, SARIF for editors and code hosts."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from chargehand import __version__
from chargehand.doors.cli.render.problems import problem_object
from chargehand.model.errors import Problem

COLUMNS = ("severity", "code", "path", "line", "column", "message", "hint")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(problems: Sequence[Problem]) -> str:
    """One finding a line, under a header. What a sheet would take for a formula is made text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for problem in problems:
        told = problem_object(problem)
        writer.writerow([_cell(told[name]) for name in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def as_sarif(problems: Sequence[Problem]) -> dict[str, Any]:
    """A SARIF 2.1.0 log. A finding about the whole file has no region."""
    codes = sorted({problem.code for problem in problems})
    driver = {"name": "chargehand", "semanticVersion": __version__, "rules": [{"id": code} for code in codes]}
    results = [_result(problem, codes.index(problem.code)) for problem in problems]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def _result(problem: Problem, rule: int) -> dict[str, Any]:
    told = problem_object(problem)
    hint = f"\nHint: {told['hint']}" if told["hint"] else ""
    result: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": "error" if problem.severity == "error" else "warning",
        "message": {"text": f"{told['message']}{hint}"},
    }
    if problem.path:
        place: dict[str, Any] = {"artifactLocation": {"uri": quote(problem.path, errors="replace")}}
        if problem.line:
            place["region"] = {"startLine": problem.line, "startColumn": max(1, problem.column)}
        result["locations"] = [{"physicalLocation": place}]
    return result
