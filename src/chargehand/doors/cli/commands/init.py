"""chargehand init"""

from __future__ import annotations

import argparse
import json

from chargehand.doors.cli import context


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", "-y", action="store_true", help="accepted for scripts; init never asks")


def run(args: argparse.Namespace) -> int:
    from chargehand.service import beginning

    begun = beginning.init(context.project(args))
    if args.json:
        print(json.dumps({"schema_version": 1, "path": str(begun.path), "written": begun.written, "found": begun.found}))
        return 0
    for line in begun.found:
        print(line)
    if begun.written:
        print(f"wrote {begun.path.name}; look it over, then: chargehand doctor, chargehand check, chargehand run --all")
    return 0
