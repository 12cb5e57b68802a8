"""From words on the command line to a verb, and from its errors to messages and exit codes."""

from __future__ import annotations

import importlib
import os
import sys

from chargehand.doors.cli import records
from chargehand.doors.cli.render.text import console_safe
from chargehand.model.errors import ChargehandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

COMMANDS = {
    "init": "look at the project and write chargehand.toml",
    "doctor": "check that everything needed is there",
    "demo": "watch a small spec become landed commits, without any key",
    "check": "read the spec and say what is wrong with it",
    "task": "the tasks of the spec: list, show, next, graph, stats; start, done, block, check",
    "plan": "the order, the longest chain, and a --forecast of time and money",
    "run": "work on the next ready task, or on --all",
    "watch": "run, and stay for what becomes ready",
    "stop": "let what runs finish, then end the run",
    "cancel": "end what runs, or the agent of one task",
    "pause": "start nothing new",
    "resume": "go on after a pause, a stop or a crash",
    "tui": "the board: see a run and steer it from the terminal",
    "status": "what stands where, and why",
    "show": "one task with its attempts, verdicts and commits",
    "events": "what happened, in order",
    "logs": "what an agent said",
    "why": "why a task is in its state, and what to do",
    "diff": "what an attempt changed",
    "costs": "what was paid",
    "approve": "let a change land; without an ID, what you are asked about",
    "reject": "do not let a change land, or have it fixed",
    "skip": "leave a task undone, and go on without it",
    "retry": "give a failed task new attempts and run it",
    "review-run": "have another agent review all that landed",
    "undo": "take back what a task landed, by a commit that is judged",
    "reset": "forget what was done, keep what was paid",
    "audit-log": "everything that happened, as JSON Lines chained by hashes",
    "report": "which requirement was met by which task, attempt and commit",
    "verify": "whether what is ticked is proven; or whether an audit log is as it was written",
    "gc": "remove what is old and what is provably saved",
    "trust": "agree to what this repository tells agents to do",
    "config": "show the settings and where they come from",
}


FACES = {"validate": "check", "audit": "check"}
"""Other names that people bring along."""


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit code (docs/design.md, section 6)."""
    if not argv or argv[0] in {"-h", "--help", "help"}:
        print(_usage())
        return 0
    if argv[0] in {"-V", "--version", "version"}:
        from chargehand import __version__

        print(f"chargehand {__version__}")
        return 0
    argv = _verb_first(argv)
    argv[0] = FACES.get(argv[0], argv[0])
    if argv[0] not in COMMANDS:
        return _unknown(argv[0])
    import argparse

    verb = importlib.import_module(f"chargehand.doors.cli.commands.{argv[0].replace('-', '_')}")
    parser = argparse.ArgumentParser(
        prog=f"chargehand {argv[0]}", description=COMMANDS[argv[0]], epilog=getattr(verb, "EPILOG", None)
    )
    parser.add_argument("-C", "--project", metavar="DIR", default=".", help="work on the project in DIR (default: here)")
    parser.add_argument("--json", action="store_true", help="speak JSON on stdout")
    parser.add_argument("--log-json", action="store_true", help="log on stderr, one JSON object a line")
    parser.add_argument("--log-level", choices=records.LEVELS, help="what is logged (default: warning; info with --log-json)")
    verb.arguments(parser)
    args = parser.parse_args(argv[1:])
    if args.log_json or args.log_level:
        records.begin(level=args.log_level or "", as_json=args.log_json)
    return _guarded(verb, args)


def _verb_first(argv: Sequence[str]) -> list[str]:
    """Options that every verb has may be given before it."""
    place = 0
    while place < len(argv) - 1 and (argv[place] in {"--json", "--log-json"} or argv[place].partition("=")[0] in _VALUED):
        place += 2 if argv[place] in _VALUED else 1
    place = min(place, len(argv) - 1)
    return [argv[place], *argv[:place], *argv[place + 1 :]]


_VALUED = ("-C", "--project", "--log-level")


def _guarded(verb: object, args: argparse.Namespace) -> int:
    try:
        code: int = verb.run(args)  # type: ignore[attr-defined]
        sys.stdout.flush()
    except ChargehandError as error:
        from chargehand.doors.cli.render.problems import report

        return report(error, as_json=args.json)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader went away: nothing more to say, nothing wrong
        return 0
    except OSError as error:
        from chargehand.doors.cli.render.problems import refused_by_the_system, report

        return report(refused_by_the_system(error), as_json=args.json)
    except Exception as error:  # the last line of defence: a bug of ours
        from chargehand.doors.cli.render.problems import report_bug

        return report_bug(error, as_json=args.json)
    return code


def _unknown(word: str) -> int:
    import difflib

    near = difflib.get_close_matches(word, COMMANDS, n=1)
    print(f"error: there is no command `{console_safe(word)}`", file=sys.stderr)
    print(f"hint: did you mean `chargehand {near[0]}`?" if near else "hint: chargehand --help lists the commands", file=sys.stderr)
    return 2


def _usage() -> str:
    width = max(map(len, COMMANDS)) + 2
    lines = "\n".join(f"  {name:<{width}}{text}" for name, text in COMMANDS.items())
    return (
        "chargehand: hand it a spec; a crew of coding agents hands back landed code.\n\n"
        f"usage: chargehand COMMAND [options]\n\n{lines}\n\n"
        "chargehand COMMAND --help tells more. Start with: chargehand demo, or chargehand init in a git repository."
    )
