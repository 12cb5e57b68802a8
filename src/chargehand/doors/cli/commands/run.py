"""chargehand run"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from typing import TYPE_CHECKING, Any

from chargehand.doors.cli import context, ending
from chargehand.doors.cli.commands import tui
from chargehand.doors.cli.notifying import Notifier
from chargehand.doors.cli.render import progress
from chargehand.doors.cli.render.style import paint
from chargehand.doors.cli.wanted import WantedFiles
from chargehand.model.config import NotifyConfig
from chargehand.model.facts import TaskAdded, TaskLanded

if TYPE_CHECKING:
    from chargehand.doors.cli.render.view import View
    from chargehand.engine.runner import Runner
    from chargehand.model.config import Config
    from chargehand.model.facts import Event
    from chargehand.model.task import Spec
    from chargehand.service.project import Project
    from chargehand.service.running import Order, Report

EPILOG = "Exit codes: 0 done, 1 work failed, 2 usage, spec or settings, 4 needs you, 5 environment, 6 another run, 130 interrupted."


def arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--all", "-a", action="store_true", help="everything that can be done (default: the next ready task)")
    what.add_argument("--task", "-t", metavar="ID", help="this task only")
    parser.add_argument("--dry-run", "-n", action="store_true", help="say what would be done; change nothing at all")
    tui.flag(parser)
    ending.flags(parser)
    context.setting_flags(parser)


def run(args: argparse.Namespace) -> int:
    from chargehand.service.running import Order

    if args.dry_run:
        return _dry_run(args)
    if args.tui:
        return tui.beside(args)
    return carry_out(args, Order(every=args.all, task=args.task or ""))


def carry_out(args: argparse.Namespace, order: Any) -> int:
    """Carry out an order with progress on the terminal and the right answer to Ctrl-C; ``retry`` and ``watch`` use it too."""
    from chargehand.engine.runner import SETTINGS_CHANGED
    from chargehand.service import specs, workplace

    here = context.project(args)
    ending.check(args)
    talk = sys.stderr if getattr(args, "json_result", False) else sys.stdout
    while True:
        config = context.settings(args, here).config
        spec = specs.read(here, config.spec, config.format)
        config = workplace.resolve(here, config, spec)
        view = progress.choose(as_json=args.json, stream=talk)
        notify = NotifyConfig(when="never") if args.json else config.notify
        report, asked = shown(here, config, spec, order, view, Notifier(notify, talk))
        if not (order.watch and report.end.reason == SETTINGS_CHANGED):
            break
    if not args.json:
        view.summary(report)
    ending.tell(args, here, report, asked & {card.id for card in report.asked})
    return report.exit_code


def shown(here: Project, config: Config, spec: Spec, order: Order, view: View, notifier: Notifier) -> tuple[Report, set[str]]:
    """Run, with the view and the signals of a terminal. The report, and the tasks that were to be done."""
    from chargehand.service import running
    from chargehand.wiring import hands

    files = WantedFiles(here, spec, view.note)
    steered = _Steered(view, notifier, files)
    for warning in spec.warnings:
        view.say(warning.place(), warning.message)
    try:
        command = " ".join(["chargehand", *sys.argv[1:]])
        report = running.run(here, config, spec, hands(here, config, spec), order, steered, command)
        if report.unrecorded:
            view.hear(report.unrecorded)
        else:
            files.close()
            files.summary()
    finally:
        files.close()
        view.close()
        notifier.close()
    return report, steered.asked


class _Steered:
    """A view, with the signals of a terminal: Ctrl-C stops, twice ends; Ctrl-\\ pauses and goes on. ``asked`` are the tasks that
    were not done when the engine began, or came later."""

    def __init__(self, view: View, notifier: Notifier, files: WantedFiles) -> None:
        self._view, self._notifier, self._files = view, notifier, files
        self.note = view.note
        self.asked: set[str] = set()

    def hear(self, event: Event) -> None:
        self._view.hear(event)
        self._notifier.hear(event)
        self._files.hear(event)
        if isinstance(event.fact, TaskAdded) and not event.fact.done:
            self.asked.add(event.fact.task)
        elif isinstance(event.fact, TaskLanded) and not event.fact.attempt:  # by an earlier run
            self.asked.discard(event.fact.task)

    def begin(self, runner: Runner) -> None:
        import asyncio

        self.asked |= {card.id for card in runner.cards if not card.done}
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupted, runner)
        loop.add_signal_handler(signal.SIGQUIT, self._pause, runner)
        self._view.begin(runner)

    def _interrupted(self, runner: Runner) -> None:
        if runner.steering.stop("interrupted by you"):
            waited = ", ".join(runner.running) or "nothing"
            self._view.note(f"stopping: nothing new starts; waiting for {waited}. Again to end them now.")
        else:
            self._view.note("ending what runs; the next `chargehand run` goes on from here.")
            runner.cancel()

    def _pause(self, runner: Runner) -> None:
        if runner.steering.paused:
            self._view.note("going on; the spec is read again.")
            runner.steering.resume("you")
        else:
            self._view.note("paused: nothing new starts; edit the spec if you like. Ctrl-\\ or `chargehand resume` goes on.")
            runner.steering.pause("you")


def _dry_run(args: argparse.Namespace) -> int:
    from chargehand.service import running, specs
    from chargehand.service.status import status

    here = context.project(args)
    config = context.settings(args, here).config
    spec = specs.read(here, config.spec, config.format)
    seen = status(here)
    states = {task["id"]: task["state"] for task in seen["tasks"]} if seen else {}
    order = running.plan(spec, states)
    if args.task:
        order = [task for task in order if task.id == args.task]
    elif not args.all:
        order = order[:1]
    if args.json:
        tasks = [{"id": task.id, "title": task.title, "priority": f"P{task.priority}", "needs": list(task.needs)} for task in order]
        print(json.dumps({"schema_version": 1, "event": "run.planned", "jobs": config.jobs, "tasks": tasks}))
        return 0
    for task in order:
        needs = f"  after {', '.join(task.needs)}" if task.needs else ""
        print(f"{task.id}  P{task.priority}  {task.title}{paint(needs, 'dim', sys.stdout)}")
    print(
        f"{len(order)} of {len(spec.tasks)} tasks would be done, up to {config.jobs} at once. Nothing was changed.", file=sys.stderr
    )
    return 0
