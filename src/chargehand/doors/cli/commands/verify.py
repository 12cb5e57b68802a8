"""chargehand verify"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from chargehand.doors.cli import context
from chargehand.doors.cli.render.style import paint
from chargehand.doors.cli.render.text import console_safe, plural

if TYPE_CHECKING:
    from chargehand.service.auditoutputs import Verified
    from chargehand.service.specoutputs import Compliance, ComplianceFinding

EPILOG = "Exit codes: 0 nothing is wrong, 1 something is, 2 the spec or the file cannot be read."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--spec", metavar="FILE", help="the spec to read")
    parser.add_argument("--task", "-t", metavar="ID", help="this task only")
    parser.add_argument("--strict", action="store_true", help="what is only worth a note counts too")
    parser.add_argument("--audit", metavar="FILE", help="an audit log instead: is it as it was written?")


def run(args: argparse.Namespace) -> int:
    return _audit(args) if args.audit else _comply(args)


def _comply(args: argparse.Namespace) -> int:
    from chargehand.service import complying, specs, tasks, tracing

    here = context.project(args)
    config = context.settings(args, here).config
    spec = specs.read(here, config.spec, config.format)
    only = tasks.find(spec, args.task).id if args.task else ""
    found = complying.comply(here, config, spec, tracing.outline(here, config.spec, config.format), only)
    if args.strict and found["findings"]:
        found["ok"] = False
    if args.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        for finding in found["findings"]:
            print(_line(finding))
        print(_sums(found))
    return 0 if found["ok"] else 1


def _line(finding: ComplianceFinding) -> str:
    problem = finding["level"] == "problem"
    word = paint("problem:" if problem else "note:", "red" if problem else "yellow", sys.stdout)
    hint = f"\n    {paint('hint:', 'cyan', sys.stdout)} {console_safe(finding['hint'])}" if finding["hint"] else ""
    return f"  {word} {console_safe(finding['message'])}{hint}"


def _sums(found: Compliance) -> str:
    word = paint("ok", "green", sys.stdout) if found["ok"] else paint("not proven", "red", sys.stdout)
    where = f" on {console_safe(found['target'])}" if found["target"] else ""
    met = f"; {found['met']} of {plural(found['requirements'], 'requirement')} met" if found["requirements"] else ""
    return f"{word}: {found['ticked']} of {plural(found['tasks'], 'task')} ticked, {found['proven']} proven{where}{met}"


def _audit(args: argparse.Namespace) -> int:
    from chargehand.service.audit import verify

    found = verify(Path(args.audit), context.project(args))
    if args.json:
        print(json.dumps(found))
    elif found["ok"]:
        print(f"{paint('ok', 'green', sys.stdout)}: {plural(found['events'], 'event')}, sealed {found['seal']}")
        print(_against(found))
    else:
        where = f"{console_safe(found['path'])}:{found['line']}"
        print(f"{where}: {paint('wrong:', 'red', sys.stdout)} {found['problem']}")
    return 0 if found["ok"] else 1


def _against(found: Verified) -> str:
    match found["ledger"]:
        case "same":
            return "the ledger here says the same"
        case "longer":
            return f"the ledger here begins with it and goes on: {plural(found['more'], 'event')} more"
        case "other":
            return "it is not of the ledger here"
        case _:
            return "there is no ledger here to compare it with"
