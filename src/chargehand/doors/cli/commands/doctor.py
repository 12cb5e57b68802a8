"""chargehand doctor"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from chargehand.doors.cli import context
from chargehand.doors.cli.render.style import paint
from chargehand.doors.cli.render.text import console_safe, plural
from chargehand.model.config import Config
from chargehand.service.doctor import Finding, examine
from chargehand.service.project import Project

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "problem": ("✗", "red")}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--spec", metavar="FILE", help="the spec to read")
    parser.add_argument("--agent", metavar="NAME", help="the agent to look at")
    parser.add_argument("--rebuild", metavar="FILE", help="make the ledger anew from an audit log, when it is missing or damaged")
    parser.add_argument("--yes", "-y", action="store_true", help="with --rebuild: replace a sound ledger too")


def run(args: argparse.Namespace) -> int:
    here = context.project(args)
    if args.rebuild:
        return _rebuild(args, here)

    def preflight(config: Config) -> Iterator[Finding]:
        from chargehand.wiring import examine_programs

        yield from examine_programs(here, config)

    findings = examine(here, lambda: context.settings(args, here).config, preflight)
    bad = any(finding.level == "problem" for finding in findings)
    if args.json:
        print(json.dumps({"schema_version": 1, "ok": not bad, "findings": [finding._asdict() for finding in findings]}))
        return 5 if bad else 0
    for finding in findings:
        mark, colour = _MARKS[finding.level]
        print(f"{paint(mark, colour, sys.stdout)} {finding.what}: {console_safe(finding.detail)}")
        if finding.fix and finding.level != "ok":
            print(f"  {paint('fix:', 'cyan', sys.stdout)} {console_safe(finding.fix)}")
    return 5 if bad else 0


def _rebuild(args: argparse.Namespace, here: Project) -> int:
    from chargehand.service.rebuilding import rebuild

    done = rebuild(here, Path(args.rebuild), even_if_sound=args.yes)
    if args.json:
        print(json.dumps(done))
        return 0
    if done["aside"]:
        print(f"the old ledger ({console_safe(done['damage']) or 'sound'}) is kept as {done['aside']}")
    held = f"{plural(done['runs'], 'run')}, {plural(done['events'], 'event')}"
    print(f"the ledger is made anew from {console_safe(done['path'])}: {held}")
    return 0
