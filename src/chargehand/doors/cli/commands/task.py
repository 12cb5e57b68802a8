"""chargehand task"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO

from chargehand.doors.cli import context
from chargehand.doors.cli.render import drawing, tasklist

if TYPE_CHECKING:
    from chargehand.model.task import FileStatus
    from chargehand.service.project import Project
    from chargehand.service.specoutputs import TaskMarked
    from chargehand.service.tasks import Known, Wanted

EPILOG = "start, done, block and check write to the spec's file, and to nothing else; not while a run is under way (exit code 6)."

_STATUSES = ("todo", "in_progress", "review", "done", "blocked")
_MARKS: dict[str, tuple[FileStatus, str]] = {
    "start": ("in_progress", "say that somebody works on it"),
    "done": ("done", "say that it is done"),
    "block": ("blocked", "say that it cannot go on"),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listed = _verb(verbs, "list", "the tasks, in the order of the file", "ls")
    listed.add_argument("--ready", action="store_true", help="only those that could be begun now")
    _filters(listed)
    _verb(verbs, "show", "one task as the spec has it").add_argument("task", metavar="ID")
    following = _verb(verbs, "next", "what could be begun now, in the order a run would take it")
    following.add_argument("--limit", "-n", type=int, default=10, metavar="N", help="at most so many (default: 10)")
    _filters(following)
    _filters(_verb(verbs, "stats", "counts, hours, and the longest chain of work that is left"))
    drawn = _verb(verbs, "graph", "what waits for what; * marks the longest chain of work")
    drawn.add_argument("--format", choices=["text", "mermaid", "dot"], default="text", dest="form", help="default: text")
    _filters(drawn)
    for name, (_, text) in _MARKS.items():
        verb = _verb(verbs, name, text)
        verb.add_argument("task", metavar="ID")
        verb.add_argument("--force", action="store_true", help="although it waits for others, or has open items (done ticks them)")
    ticked = _verb(verbs, "check", "tick an item of its checklist")
    ticked.add_argument("task", metavar="ID")
    ticked.add_argument("item", metavar="NUMBER", type=int, help="as `task show` counts them, from 1")
    ticked.add_argument("--undo", action="store_true", help="take the tick away")


def _verb(verbs: Any, name: str, text: str, *others: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text, aliases=others)
    parser.add_argument("--spec", metavar="FILE", help="the spec to read")
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="speak JSON on stdout")
    parser.add_argument("-C", "--project", metavar="DIR", default=argparse.SUPPRESS, help="work on the project in DIR")
    return parser


def _filters(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which tasks")
    group.add_argument("--status", "-s", action="append", choices=_STATUSES, default=[], help="in the file (may be repeated)")
    priorities = ["p0", "p1", "p2", "p3"]
    group.add_argument("--priority", "-p", action="append", type=str.lower, choices=priorities, default=[], help="may be repeated")
    group.add_argument("--milestone", "-m", metavar="TEXT", default="", help="a part of its milestone")
    group.add_argument("--tag", metavar="TAG", default="", help="with this tag")
    group.add_argument("--text", metavar="TEXT", default="", help="a part of its id, title or description")


def run(args: argparse.Namespace) -> int:
    from chargehand.service import specs, tasks

    here = context.project(args)
    config = context.settings(args, here).config
    known = tasks.known(here, specs.read(here, config.spec, config.format))
    told: Any
    shown: Callable[[Any, TextIO], None]
    match args.verb:
        case "show":
            told, shown = tasks.show(known, args.task), tasklist.one
        case "stats":
            told, shown = tasks.stats(known, _wanted(args)), tasklist.stats
        case "graph":
            told, shown = tasks.graph(known, _wanted(args)), drawing.FORMS[args.form]
        case "next":
            told, shown = (
                tasks.upcoming(known, _wanted(args), args.limit),
                partial(tasklist.upcoming, done=len(known.done()), tasks=len(known.spec.tasks)),
            )
        case "list" | "ls":
            told, shown = tasks.listing(known, _wanted(args)), tasklist.entries
        case _:
            told, shown = _mark(args, here, known), tasklist.marked
    if args.json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        shown(told, sys.stdout)
    return 0


def _mark(args: argparse.Namespace, here: Project, known: Known) -> TaskMarked:
    from chargehand.service import marking

    if args.verb == "check":
        return marking.tick(here, known, args.task, args.item, undo=args.undo)
    return marking.set_status(here, known, args.task, _MARKS[args.verb][0], force=args.force)


def _wanted(args: argparse.Namespace) -> Wanted:
    from chargehand.service.tasks import Wanted

    priorities = tuple(word.upper() for word in args.priority)
    return Wanted(tuple(args.status), priorities, args.milestone, args.tag, args.text, getattr(args, "ready", False))
