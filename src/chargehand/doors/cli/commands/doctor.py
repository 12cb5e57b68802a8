"""chargehand doctor"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from chargehand.doors.cli import context
from chargehand.doors.cli.render.style import paint
from chargehand.doors.cli.render.text import console_safe, duration, money, plural, tokens
from chargehand.model.errors import UsageProblem
from chargehand.service.doctor import Examination, Finding, examine
from chargehand.service.project import Project

_WAITING = "looking; agents that were never asked before take a while to answer ..."
_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "problem": ("✗", "red")}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--spec", metavar="FILE", help="the spec to read")
    parser.add_argument("--agent", metavar="NAME", help="the agent to use")
    parser.add_argument("--cage", choices=["auto", "bwrap", "container", "none"], help="what keeps agents in")
    parser.add_argument("--probe", action="store_true", help="give the agent one small task for real, in a repository of its own")
    parser.add_argument("--rebuild", metavar="FILE", help="make the ledger anew from an audit log, when it is missing or damaged")
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask; with --rebuild: replace a sound ledger too")


def run(args: argparse.Namespace) -> int:
    here = context.project(args)
    if args.rebuild:
        return _rebuild(args, here)
    if args.probe:
        _agree(args)
    seen = _examine(args, here)
    if args.probe:
        seen.findings.append(_probe(args, here))
    bad = any(finding.level == "problem" for finding in seen.findings)
    if args.json:
        findings = [finding._asdict() for finding in seen.findings]
        print(json.dumps({"schema_version": 1, "ok": not bad, "findings": findings, "agents": seen.agents}))
        return 5 if bad else 0
    for finding in seen.findings:
        mark, colour = _MARKS[finding.level]
        print(f"{paint(mark, colour, sys.stdout)} {finding.what}: {console_safe(finding.detail)}")
        if finding.fix and finding.level != "ok":
            print(f"  {paint('fix:', 'cyan', sys.stdout)} {console_safe(finding.fix)}")
    return 5 if bad else 0


def _examine(args: argparse.Namespace, here: Project) -> Examination:
    from chargehand.wiring import cache_folder, examine_gates

    cache = cache_folder() / "programs.json"
    waiting = sys.stderr.isatty() and not args.json
    if waiting:
        print(f"{_WAITING}\r", end="", file=sys.stderr, flush=True)
    try:
        return examine(
            here, lambda: context.settings(args, here).config, lambda config: examine_gates(here, config), os.environ, cache
        )
    finally:
        if waiting:
            print(f"{'':<{len(_WAITING)}}\r", end="", file=sys.stderr, flush=True)


def _agree(args: argparse.Namespace) -> None:
    """A probe is a real call: nobody makes it unawares. Raises UsageProblem."""
    if args.yes:
        return
    if args.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageProblem("a probe calls the agent for real, which may cost something", hint="add --yes")
    print(
        "This calls the agent for real, with one small task; a few cents at most. Go on? [y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageProblem("nothing was called")


def _probe(args: argparse.Namespace, here: Project) -> Finding:
    from chargehand.model.errors import ChargehandError
    from chargehand.service.probing import probe
    from chargehand.service.workplace import choose_agent
    from chargehand.wiring import hands

    try:
        config = context.settings(args, here).config
        name = choose_agent(config)
        told = probe(here, config, name, hands)
    except ChargehandError as error:
        return Finding("problem", "probe", error.message, error.hint)
    paid = [f"in {duration(told.seconds)}", money(told.cost_usd) if told.cost_usd is not None else "its price is not known"]
    if told.input_tokens is not None:
        paid.append(f"{tokens(told.input_tokens)} tokens in, {tokens(told.output_tokens or 0)} out")
    what = f"probe of {name}"
    if told.landed:
        return Finding("ok", what, f"it did its task and passed its gate, {', '.join(paid)}")
    return Finding("problem", what, f"{told.reason} ({', '.join(paid)})", "see the finding on the agent above; then probe again")


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
