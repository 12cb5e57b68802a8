"""The live table of a run on a terminal."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from chargehand.doors.cli.render import summary
from chargehand.doors.cli.render.sentences import sentence
from chargehand.doors.cli.render.text import console_safe, duration, money
from chargehand.model import facts
from chargehand.model.facts import Event
from chargehand.model.work import Usage

if TYPE_CHECKING:
    from chargehand.engine.runner import Runner
    from chargehand.service.running import Report

_STAGE = {
    facts.AttemptClaimed: "agent at work",
    facts.AttemptExited: "taking its commit",
    facts.CommitTaken: "gates",
    facts.CandidateMade: "gates, merged",
    facts.AttemptQueued: "landing",
}

_BEAT_S = 0.125
_IN_THE_TABLE = (facts.AttemptClaimed, facts.AttemptExited, facts.CandidateMade)


class LiveView:
    """What runs now, under a bar of what is done; what came to its end scrolls above."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._console = Console(file=stream, highlight=False)
        self._live: Live | None = None
        self._tasks: dict[str, str] = {}
        self._done: set[str] = set()
        self._rows: dict[str, tuple[int, str, float, str]] = {}
        self._usage = Usage()
        self._began = time.monotonic()

    def begin(self, runner: Runner) -> None:
        for card in runner.cards:
            self._tasks[card.id] = card.title
            if card.done:
                self._done.add(card.id)
        self._live = Live(self, console=self._console, auto_refresh=False, transient=True)
        self._live.start()
        self._beat()

    def _beat(self) -> None:
        """The clocks go on. Not in a thread, as rich would do it: what that draws while a line is printed takes a line away."""
        if self._live:
            self._live.refresh()
            asyncio.get_running_loop().call_later(_BEAT_S, self._beat)

    def hear(self, event: Event) -> None:
        fact = event.fact
        match fact:
            case facts.AttemptClaimed():
                self._rows[fact.task] = (fact.number, _STAGE[facts.AttemptClaimed], time.monotonic(), fact.agent)
            case facts.AttemptEnded() | facts.TaskLanded():
                self._rows.pop(fact.task, None)
                if isinstance(fact, facts.TaskLanded):
                    self._done.add(fact.task)
            case facts.AttemptExited():
                self._usage = self._usage + fact.usage
                self._stage(fact)
            case facts.CommitTaken() | facts.CandidateMade() | facts.AttemptQueued():
                self._stage(fact)
            case _:
                pass
        if isinstance(fact, _IN_THE_TABLE) or _passed(fact):
            return
        if line := sentence(fact, self._stream):
            text = Text.from_ansi(line)
            if isinstance(fact, facts.TaskLanded):
                text.append(f"  {console_safe(self._tasks.get(fact.task, ''))}", style="dim")
            self._console.print(text, no_wrap=True, overflow="ellipsis")

    def _stage(self, fact: facts.AttemptExited | facts.CommitTaken | facts.CandidateMade | facts.AttemptQueued) -> None:
        if fact.task in self._rows:
            number, _, since, agent = self._rows[fact.task]
            self._rows[fact.task] = (number, _STAGE[type(fact)], since, agent)

    def __rich__(self) -> RenderableType:
        table = Table.grid(padding=(0, 2), expand=True)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(style="cyan", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for task, (number, stage, since, agent) in self._rows.items():
            again = f"{agent}, attempt {number}" if number > 1 else agent
            told = (task, stage, duration(time.monotonic() - since), again, console_safe(self._tasks.get(task, "")))
            table.add_row(*(Text(cell) for cell in told))  # as text: in a string rich would obey what looks like its markup
        total = max(1, len(self._tasks))
        head = Table.grid(padding=(0, 2))
        head.add_row(
            ProgressBar(total=total, completed=len(self._done), width=28),
            f"{len(self._done)} of {len(self._tasks)} landed",
            duration(time.monotonic() - self._began),
            money(self._usage.cost_usd) if self._usage.measured else "",
        )
        return Group(table, head)

    def say(self, place: str, message: str) -> None:
        self._console.print(Text(f"warning: {console_safe(place)}: {console_safe(message)}", style="yellow"), soft_wrap=True)

    def note(self, message: str) -> None:
        self._console.print(Text(message, style="yellow"), soft_wrap=True)

    def close(self) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def summary(self, report: Report) -> None:
        self._stream.write(summary.text(report, self._stream))
        self._stream.flush()


def _passed(fact: facts.Fact) -> bool:
    return isinstance(fact, facts.VerdictGiven) and fact.verdict.verdict == "pass"
