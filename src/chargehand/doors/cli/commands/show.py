"""chargehand show"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from chargehand.doors.cli import context
from chargehand.doors.cli.render.style import STYLES, paint
from chargehand.doors.cli.render.text import console_safe, duration, money, tokens
from chargehand.model.words import spoken

if TYPE_CHECKING:
    from chargehand.service.outputs import AttemptObject, Show


_SEVERITIES = {"critical": "red", "major": "red", "minor": "yellow"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="ID", help="a task, or the unmistakable beginning of its id")


def run(args: argparse.Namespace) -> int:
    from chargehand.service import inspect

    seen = inspect.show(context.project(args), args.task)
    if args.json:
        print(json.dumps(seen, ensure_ascii=False))
    else:
        print("\n".join(_lines(seen)))
    return 0


def _lines(seen: Show) -> list[str]:
    task = seen["task"]
    word = spoken(task["state"])
    state = paint(word, STYLES.get(word, "bold"), sys.stdout)
    reason = f" ({console_safe(task['reason'])})" if task["reason"] else ""
    lines = [f"{task['id']}: {console_safe(task['title'])}", f"  {state}{reason}, {task['priority']}"]
    if task["needs"]:
        lines.append(f"  needs {', '.join(task['needs'])}")
    if task["commit"]:
        lines.append(f"  landed as {task['commit']}: git show {task['commit'][:10]}")
    if task["cost_usd"] is not None or task["input_tokens"] is not None:
        paid = f"{money(task['cost_usd'])}, {tokens(task['input_tokens'])} tokens in, {tokens(task['output_tokens'])} out"
        lines.append(f"  paid {paid}")
    for attempt in seen["attempts"]:
        lines += _attempt(attempt)
    return lines


def _attempt(attempt: AttemptObject) -> list[str]:
    outcome = spoken(attempt["outcome"]) or attempt["state"]
    lines = [
        f"attempt {attempt['number']}, {attempt['agent']}: {outcome}"
        + (f", {console_safe(attempt['reason'])}" if attempt["reason"] else "")
    ]
    for verdict in attempt["verdicts"]:
        word = paint(verdict["verdict"], "green" if verdict["verdict"] == "pass" else "red", sys.stdout)
        took = f" in {duration(verdict['duration_s'])}" if verdict["duration_s"] else ""
        lines.append(f"  gate {verdict['gate']}: {word}{took} on {verdict['commit'][:10]}, {console_safe(verdict['summary'])}")
        if verdict["verdict"] != "pass":
            lines += [f"    | {console_safe(line)}" for line in verdict["evidence"].splitlines()[-20:]]
        for found in verdict["findings"]:
            place = console_safe(found["file"]) + (f":{found['line']}" if found["line"] else "")
            severity = paint(found["severity"], _SEVERITIES.get(found["severity"], "dim"), sys.stdout)
            lines.append(f"    {severity} {found['id']} {place}: {console_safe(found['evidence'])}")
            lines += [f"      fix: {console_safe(found['fix'])}"] if found["fix"] else []
    if attempt["commit"]:
        lines.append(f"  its work: {attempt['commit'][:10]}, kept as {attempt['ref']} in .chargehand/depot.git")
    lines += [f"  {name}: {path}" for name, path in (("prompt", attempt["prompt"]), ("transcript", attempt["transcript"])) if path]
    return lines
