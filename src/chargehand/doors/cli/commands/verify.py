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
    from chargehand.service.outputs import Verified

EPILOG = "Exit codes: 0 nothing is wrong, 1 something is, 2 the file cannot be read."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--audit", metavar="FILE", required=True, help="an audit log: is it as it was written?")


def run(args: argparse.Namespace) -> int:
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
