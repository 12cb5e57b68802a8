"""chargehand check, also called validate and audit"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from chargehand.doors.cli import context
from chargehand.doors.cli.render.problems import problem_object, problem_text
from chargehand.doors.cli.render.text import console_safe, plural

if TYPE_CHECKING:
    from chargehand.model.errors import Problem
    from chargehand.service.checking import Checked

EPILOG = "Exit codes: 0 the spec can be run, 2 it cannot (with --strict: or there is a warning)."

SHOWN = 20
"""Of more warnings of one kind, so many are shown to people; all of them to programs."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--spec", metavar="FILE", help="the spec to read")
    parser.add_argument("--format", metavar="NAME", help="the format of the spec, where it cannot be told")
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")
    parser.add_argument("--all", "-a", action="store_true", help=f"every warning, also the 21st of a kind (default: {SHOWN})")
    parser.add_argument("--csv", action="store_true", help="one finding a line, for a sheet")
    parser.add_argument("--sarif", metavar="FILE", help="write the findings as SARIF to FILE too, or to stdout alone (-)")


def run(args: argparse.Namespace) -> int:
    from chargehand.service.checking import examine

    here = context.project(args)
    config = context.settings(args, here).config
    found = examine(here, config)
    if args.sarif:
        from chargehand.doors.cli.render.files import write_whole
        from chargehand.doors.cli.render.findings import as_sarif

        sarif = json.dumps(as_sarif(found.problems), indent=2, ensure_ascii=False) + "\n"
        if args.sarif == "-":
            sys.stdout.write(sarif)
        else:
            write_whole(Path(args.sarif), sarif)
    if args.sarif != "-":
        _tell(args, config.spec, found)
    return 2 if found.errors or (args.strict and found.warnings) else 0


def _tell(args: argparse.Namespace, path: str, found: Checked) -> None:
    if args.json:
        told = {
            "schema_version": 1,
            "spec": path,
            "ok": not found.errors,
            "tasks": len(found.spec.tasks) if found.spec else None,
            "errors": found.errors,
            "warnings": found.warnings,
            "requirements": found.requirements,
            "covered": found.covered,
            "problems": [problem_object(problem) for problem in found.problems],
        }
        print(json.dumps(told, ensure_ascii=False))
    elif args.csv:
        from chargehand.doors.cli.render.findings import as_csv

        sys.stdout.write(as_csv(found.problems))
    else:
        _show(path, found, everything=args.all)


def _show(path: str, found: Checked, *, everything: bool) -> None:
    kinds: dict[str, int] = {}
    for problem in found.problems:
        if everything or _wanted(problem, kinds):
            print(problem_text(problem))
    for code, count in kinds.items():
        if count > SHOWN:
            print(f"  ... and {plural(count - SHOWN, 'more warning')} of this kind: {code} (--all shows them)")
    counts = plural(found.warnings, "warning")
    if found.spec and not found.errors:
        edges = sum(len(task.needs) for task in found.spec.tasks)
        covered = f"{found.covered} of {plural(found.requirements, 'requirement')} covered, " if found.requirements else ""
        print(f"{console_safe(path)}: {plural(len(found.spec.tasks), 'task')}, {plural(edges, 'need')}, {covered}{counts}")
    else:
        print(f"{console_safe(path)}: {plural(found.errors, 'error')}, {counts}", file=sys.stderr)


def _wanted(problem: Problem, kinds: dict[str, int]) -> bool:
    """Whether it is an error, or one of the first warnings of its kind; counts them."""
    if problem.severity == "error":
        return True
    kinds[problem.code] = kinds.get(problem.code, 0) + 1
    return kinds[problem.code] <= SHOWN
