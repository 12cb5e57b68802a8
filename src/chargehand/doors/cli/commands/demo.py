"""chargehand demo"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from chargehand.doors.cli.commands.run import carry_out
from chargehand.doors.cli.render.style import paint
from chargehand.doors.cli.render.text import console_safe, duration, money, plural, tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from chargehand.service.demonstration import Account, Setback
    from chargehand.service.project import Project

EPILOG = "Needs no model, no key and no network. The project is kept, so that you can look around in it."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", metavar="DIR", help="make the project in DIR (default: a new temporary folder)")
    parser.add_argument("--jobs", "-j", type=int, metavar="N", help="how many tasks at once (default: 4)")


def run(args: argparse.Namespace) -> int:
    from chargehand.service import demonstration
    from chargehand.service.running import Order

    project = demonstration.prepare(Path(args.keep or tempfile.mkdtemp(prefix="chargehand-demo-")).absolute())
    _leave_settings_behind(project)
    if not args.json:
        print(f"A small Python project, with tests and a spec of ten tasks, is in {project.root}")
        print("Its agent is a script that writes real code: no model, no key, no network. The rest is as always.\n", flush=True)
    code = carry_out(
        argparse.Namespace(project=str(project.root), json=args.json, jobs=args.jobs, notify="never"), Order(every=True)
    )
    account = demonstration.account(project)
    code = code or int(not account.tests)
    following = _next(project, code)
    if args.json:
        setbacks = [setback._asdict() for setback in account.setbacks]
        facts = {**account._asdict(), "setbacks": setbacks, "folder": str(project.root), "next": following, "exit_code": code}
        print(json.dumps({"schema_version": 1, "event": "demo.finished", **facts}, ensure_ascii=False))
    else:
        print("\n".join(["", *_story(account), "", "Next:", *(f"  {paint(line, 'cyan', sys.stdout)}" for line in following)]))
    return code


def _leave_settings_behind(project: Project) -> None:
    """For the rest of this process: whatever the user has set, for git or for us, makes no difference here."""
    for name in [name for name in os.environ if name.startswith(("CHARGEHAND_", "XDG_CONFIG", "GIT_"))]:
        del os.environ[name]
    os.environ["HOME"] = str(project.state / "nobody")


def _story(account: Account) -> list[str]:
    """What happened, to be read in five seconds."""
    whole = f"{plural(account.tests, 'test')}, OK" if account.tests else "not green"
    again = "merged, judged again as merged, then landed"
    done = account.landed == account.tasks and account.tests
    return [
        paint("What happened", "bold", sys.stdout),
        f"  {account.landed} of {account.tasks} tasks landed on {account.target} in {duration(account.elapsed_s)}, "
        f"with {plural(account.attempts, 'attempt')}",
        *(f"  {_setback(setback)}" for setback in account.setbacks),
        *([f"  {plural(account.merged, 'task')} found {account.target} moved: {again}"] if account.merged else []),
        f"  all tests on {account.target}, run once more just now: {paint(whole, 'green' if done else 'red', sys.stdout)}",
        f"What a real agent would have cost: about {money(account.cost_usd)}, {tokens(account.input_tokens)} tokens in and "
        f"{tokens(account.output_tokens)} out (the script's figures; nothing was paid)",
    ]


def _setback(setback: Setback) -> str:
    after = f"and attempt {setback.landed} landed" if setback.landed else "and it has not landed yet"
    match setback.outcome:
        case "gate_failed":
            return f"{setback.task} failed its gate: {console_safe(setback.told)}; the agent was told so, {after}"
        case "conflict":
            return f"{setback.task} {console_safe(setback.reason)}; redone on top of that, {after}"
        case _:
            return f"{setback.task}: {console_safe(setback.reason)}, {after}"


def _next(project: Project, code: int) -> list[str]:
    """Three commands to go on with; the second supposes the first."""
    us = "chargehand" if shutil.which("chargehand") else f"{shlex.quote(sys.executable)} -m chargehand"
    there = f"cd {shlex.quote(str(project.root))}"
    if code:
        return [there, f"{us} status", f"{us} run --all"]
    return [f"{there} && git log --stat", f"{us} show TASK-001", f"{us} init    # in a repository of yours"]
