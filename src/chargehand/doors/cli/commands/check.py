"""chargehand check"""

from __future__ import annotations

import argparse
import json
import sys

from chargehand.doors.cli import context
from chargehand.doors.cli.render.problems import problem_object, problem_text
from chargehand.doors.cli.render.text import plural


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--spec", metavar="FILE", help="the spec to read")
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")


def run(args: argparse.Namespace) -> int:
    from chargehand.service import specs

    here = context.project(args)
    path = context.settings(args, here).config.spec
    spec, problems = specs.check(here, path)
    errors = [problem for problem in problems if problem.severity == "error"]
    warnings = len(problems) - len(errors)
    if args.json:
        tasks = len(spec.tasks) if spec else None
        found = {
            "schema_version": 1,
            "spec": path,
            "ok": not errors,
            "tasks": tasks,
            "problems": [problem_object(p) for p in problems],
        }
        print(json.dumps(found, ensure_ascii=False))
    else:
        for problem in problems:
            print(problem_text(problem))
        if spec and not errors:
            edges = sum(len(task.needs) for task in spec.tasks)
            print(f"{path}: {plural(len(spec.tasks), 'task')}, {plural(edges, 'need')}, {plural(warnings, 'warning')}")
        else:
            print(f"{path}: {plural(len(errors), 'error')}, {plural(warnings, 'warning')}", file=sys.stderr)
    return 2 if errors or (args.strict and warnings) else 0
