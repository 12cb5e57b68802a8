"""chargehand trust"""

from __future__ import annotations

import argparse
import json
import os
import sys

from chargehand.doors.cli import context
from chargehand.doors.cli.render.style import paint
from chargehand.doors.cli.render.text import console_safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from chargehand.service.setupoutputs import Trust

EPILOG = "What is trusted is this very content: after any change it is not, until you say so again."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")


def run(args: argparse.Namespace) -> int:
    from chargehand.model.errors import UsageProblem
    from chargehand.service.settings import user_file
    from chargehand.service.trusting import agree, find

    found = find(context.project(args), os.environ, user_file())
    if not args.json:
        _show(found)
    places = (found["workspace"], found["settings"], found["plugins"])
    new = [each["hash"] for each in places if each and each["hash"] and not each["trusted"]]
    if new and not args.yes and not args.json:
        if not sys.stdin.isatty():
            raise UsageProblem("trust asks first, and there is no terminal to ask on", hint="chargehand trust --yes")
        print("Agents may run what these files name, with what your settings give them. Look at them first.", file=sys.stderr)
        if input("Trust this content? [y/N] ").strip().lower() not in {"y", "yes"}:
            return 0
    if new and (args.yes or not args.json):
        found = agree(found, user_file())
    if args.json:
        print(json.dumps(found))
    elif found["added"]:
        print(f"trusted, in {console_safe(found['file'])}")
    return 0


def _show(found: Trust) -> None:
    from chargehand.doors.cli.render import difference
    from chargehand.model.redaction import Redactor

    settings = found["settings"]
    for title, place in ((f"settings for agents in {found['commit'][:12]}", found["workspace"]), ("plugins", found["plugins"])):
        if place:
            print(f"{title}{_mark(place['trusted'])}")
            for file in place["files"]:
                print(f"  {file['sha256'][:12] or '-':<12}  {console_safe(file['path'])}")
            for link in place["links"]:
                print(f"{paint('never trusted:', 'yellow', sys.stdout)} {console_safe(link)} leads elsewhere")
    if found["workspace"] and found["workspace"]["diff"]:
        print(f"changed since {found['workspace']['before'][:12]}, the last commit you trusted:")
        difference.show(Redactor().text(found["workspace"]["diff"]))
    if settings:
        print(f"settings of the project that allow more than yours{_mark(settings['trusted'])}")
        for key, value in settings["values"].items():
            print(f"  {console_safe(key)} = {console_safe(json.dumps(value, ensure_ascii=False))}")
    if not any((found["workspace"], settings, found["plugins"])):
        print("nothing here needs to be trusted")


def _mark(trusted: bool) -> str:
    return ", trusted:" if trusted else ":"
