"""chargehand doctor"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from chargehand.doors.cli import context
from chargehand.doors.cli.render.style import paint
from chargehand.doors.cli.render.text import console_safe
from chargehand.model.config import Config
from chargehand.service.doctor import Finding, examine

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "problem": ("✗", "red")}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--spec", metavar="FILE", help="the spec to read")
    parser.add_argument("--agent", metavar="NAME", help="the agent to look at")


def run(args: argparse.Namespace) -> int:
    here = context.project(args)

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
