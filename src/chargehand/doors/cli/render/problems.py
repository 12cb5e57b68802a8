"""Errors for people and for machines: what, where, and a hint; all of them at once, and without secrets of a known form."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from pathlib import Path

from chargehand.doors.cli import records
from chargehand.doors.cli.render.style import paint
from chargehand.doors.cli.render.text import console_safe
from chargehand.model.errors import ChargehandError, EnvironmentProblem, Problem


def report(error: ChargehandError, *, as_json: bool) -> int:
    """Tell an error and return its exit code. JSON goes to stdout, so that a script finds it where it reads."""
    if as_json:
        print(json.dumps({"schema_version": 1, "error": as_object(error)}))
    elif records.in_json():
        records.tell(error)
    else:
        print(f"{paint('error:', 'red')} {_safe(error.message)}", file=sys.stderr)
        told = len(error.problems) == 1 and error.problems[0].message in error.message
        for problem in error.problems:
            print(problem_text(problem, told=told), file=sys.stderr)
        if error.hint and error.hint not in {problem.hint for problem in error.problems}:
            print(f"{paint('hint:', 'cyan')} {_safe(error.hint)}", file=sys.stderr)
    return error.exit_code


def as_object(error: ChargehandError) -> dict[str, object]:
    return {
        "code": error.code,
        "message": _clean(error.message),
        "hint": _clean(error.hint),
        "exit_code": error.exit_code,
        "problems": [problem_object(problem) for problem in error.problems],
    }


def problem_object(problem: Problem) -> dict[str, object]:
    return {
        "severity": problem.severity,
        "code": problem.code,
        "message": _clean(problem.message),
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "hint": _clean(problem.hint),
    }


def problem_text(problem: Problem, *, told: bool = False) -> str:
    """A problem with its line and a caret under the place. ``told``: what is wrong was said already."""
    colour = "red" if problem.severity == "error" else "yellow"
    where = f"{console_safe(problem.place())}: " if problem.place() else ""
    lines = [f"  {where}{paint(problem.severity + ':', colour)} {_safe(problem.message)}"]
    if told:
        lines = [f"  {where.removesuffix(': ')}"] if where else []
    if problem.excerpt and problem.line and _clean(problem.excerpt) == problem.excerpt:
        number = str(problem.line)
        start = max(0, problem.column - 60)
        shown = console_safe(problem.excerpt[start : start + 110])
        lines.append(f"    {number} | {shown}")
        if problem.column:
            lines.append(f"    {' ' * len(number)} | {' ' * (problem.column - 1 - start)}{paint('^', colour)}")
    if problem.hint:
        lines.append(f"    {paint('hint:', 'cyan')} {_safe(problem.hint)}")
    return "\n".join(lines)


def refused_by_the_system(error: OSError) -> EnvironmentProblem:
    """What the machine would not do, wherever it was: a full disk, a right that is missing, too many open files."""
    what = error.strerror or str(error)
    where = f": {error.filename}" if error.filename else ""
    return EnvironmentProblem(
        f"the system refused: {what}{where}", hint="mend that and run again; nothing is lost: chargehand doctor"
    )


def report_bug(error: Exception, *, as_json: bool) -> int:
    """An error nobody foresaw: the trace goes to a file, its place to the user."""
    handle, name = tempfile.mkstemp(prefix="chargehand-crash-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(_clean("".join(traceback.format_exception(error))))
    message = f"this is a bug in chargehand: {type(error).__name__}: {error}"
    bug = ChargehandError(message, hint=f"nothing is lost; the details are in {Path(name)}, please report them", code="bug")
    return report(bug, as_json=as_json)


def _safe(text: str) -> str:
    return console_safe(_clean(text))


def _clean(text: str) -> str:
    from chargehand.model.redaction import Redactor

    return Redactor().text(text) if text else text
