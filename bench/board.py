"""What the board costs: 5,000 cards while 20 tasks change ten times a second, and how soon it is there; beside plain widgets.

Both boards are real programs in a terminal of 200 by 60 and read the same ledger, which this program writes. The plain one has a
widget for each card, as one would write it first.

Run: python bench/board.py [--quick] [--cards N] [--seconds N] [--rounds N]
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from chargehand.model import facts
from chargehand.model.work import Exit, Usage
from chargehand.ports import AttemptRow, TaskRow
from chargehand.process.lock import ProjectLock
from chargehand.store.sqlite import SqliteStore
from meter import machine, table

COLUMNS, LINES = 200, 60
PER_TICK, TICK_S = 20, 0.1
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


COMPILED = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONPYCACHEPREFIX": tempfile.mkdtemp(prefix="compiled-"),
}
"""What is compiled is kept, as it is where a program is installed: the first round starts it once before."""


class Writer:
    """The ledger of a run that is half done; tasks take turns at being claimed, judged and landed."""

    def __init__(self, folder: Path, cards: int) -> None:
        (folder / ".chargehand").mkdir()
        (folder / "chargehand.toml").touch()
        self.lock = ProjectLock(folder / ".chargehand/lock", command="bench")
        self.lock.acquire()
        self.store = SqliteStore.open(folder / ".chargehand/ledger.db")
        self.cards = cards
        self.step = 0
        config: dict[str, object] = {"jobs": 20, "gates": {"test": {}, "lint": {}}, "budget": {"run_usd": 500.0}}
        opening = facts.RunStarted(
            run="r1",
            spec="spec/tasks.md",
            spec_digest="0",
            target="main",
            base="",
            agent="fake",
            jobs=20,
            version="0",
            config=config,
        )
        self.store.commit("r1", time.time(), [opening])
        numbers = range(cards)
        states = ["landed" if number % 5 < 2 else "todo" for number in numbers]
        self.store.commit(
            "r1", time.time(), [added(number) for number in numbers], [row(n, s) for n, s in zip(numbers, states, strict=True)]
        )

    def tick(self) -> None:
        """One commit, as an engine makes it: twenty tasks go on by one stage."""
        now = time.time()
        said: list[facts.Fact] = []
        rows: list[TaskRow] = []
        tries: list[AttemptRow] = []
        for turn in range(PER_TICK):
            number = (turn + self.step // 4 * PER_TICK) * 5 + 3
            number %= self.cards
            task, attempt = name(number), f"r1.{name(number)}.1"
            stage = self.step % 4
            if stage == 0:
                said.append(facts.AttemptClaimed(task=task, attempt=attempt, number=1, agent="fake"))
            elif stage == 1:
                done = Exit(cause="exited", code=0, started_at=now, ended_at=now)
                said.append(facts.AttemptExited(task=task, attempt=attempt, exit=done, usage=Usage(1000, 100, 0.01)))
            elif stage == 2:
                said.append(facts.CommitTaken(task=task, attempt=attempt, commit="c" * 40, proposal="p" * 40, base="b" * 40))
            else:
                said.append(facts.TaskLanded(task=task, attempt=attempt, commit="c" * 40))
            rows.append(row(number, ("working", "judging", "judging", "landed")[stage]))
            tries.append(try_row(number, now, ended=stage == 3))
        self.store.commit("r1", now, said, rows, tries)
        self.step += 1

    def close(self) -> None:
        self.store.close()
        self.lock.release()


def name(number: int) -> str:
    return f"TASK-{number:05d}"


def added(number: int) -> facts.TaskAdded:
    return facts.TaskAdded(
        task=name(number), order=number, title=f"Do the thing number {number}", priority=number % 4, digest="0", estimate_hours=1.0
    )


def row(number: int, state: str) -> TaskRow:
    needs = (name(number - number % 5 + 3),) if number % 5 == 4 else ()
    done = state == "landed"
    return TaskRow(
        id=name(number), order=number, title=f"Do the thing number {number}", priority=number % 4, needs=needs, state=state,
        reason="", attempts=int(state != "todo"), cost_usd=0.01 if done else None, input_tokens=1000 if done else None,
        output_tokens=100 if done else None, duration_s=61.0, commit="c" * 40 if done else "",
        landed_at=time.time() if done else None, milestone="",
    )  # fmt: skip


def try_row(number: int, now: float, *, ended: bool) -> AttemptRow:
    return AttemptRow(
        id=f"r1.{name(number)}.1", task=name(number), number=1, agent="fake", model="", state="ended" if ended else "working",
        outcome="landed" if ended else "", reason="", started_at=now, ended_at=now if ended else None, exit_code=0, base="b" * 40,
        commit="", proposal="", cost_usd=0.01, input_tokens=1000, output_tokens=100,
    )  # fmt: skip


class Shown:
    """A program in a terminal whose output is read and thrown away."""

    def __init__(self, command: list[str]) -> None:
        self.started = time.perf_counter()
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        environment = {
            **COMPILED,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "COLUMNS": str(COLUMNS),
            "LINES": str(LINES),
        }
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
        os.close(theirs)
        self.seen = b""
        self.pictures = 0

    def until(self, text: bytes, limit: float = 60.0) -> float:
        """Seconds from its start to when the text is shown."""
        while text not in self.seen:
            if time.perf_counter() - self.started > limit:
                sys.exit(f"{text!r} was never shown: {self.seen[-2000:]!r}")
            self.read(0.05)
        return time.perf_counter() - self.started

    def read(self, wait: float) -> int:
        """Take what it writes; how many bytes."""
        if not select.select([self.ours], [], [], wait)[0]:
            return 0
        data = os.read(self.ours, 1 << 20)
        if b"\x1b[?2026$p" in data:
            os.write(self.ours, b"\x1b[?2026;2$y")  # so that it says where a picture begins
        self.pictures += data.count(b"\x1b[?2026h")
        self.seen = self.seen[-4096:] + data
        return len(data)

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def memory(self) -> float:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


def measured(command: list[str], writer: Writer, seconds: float) -> tuple[float, ...]:
    """Start-up in seconds and in seconds of CPU, share of a core, pictures a second, kB a second written, MB held."""
    shown = Shown(command)
    start = shown.until(b"TASK-")
    spent_cpu = shown.cpu()
    settle = time.monotonic() + 1.5
    while time.monotonic() < settle:
        shown.read(0.05)
    began, cpu, written, pictures = time.monotonic(), shown.cpu(), 0, shown.pictures
    due = began
    while (now := time.monotonic()) < began + seconds:
        if now >= due:
            writer.tick()
            due += TICK_S
        written += shown.read(max(0.0, min(0.05, due - time.monotonic())))
    spent = time.monotonic() - began
    result = (
        start,
        spent_cpu,
        (shown.cpu() - cpu) / spent,
        (shown.pictures - pictures) / spent,
        written / spent / 1e3,
        shown.memory(),
    )
    shown.close()
    return result


def plain(folder: Path) -> None:
    """The board as one would write it first: a widget for each card."""
    from textual.app import App, ComposeResult
    from textual.containers import Horizontal, VerticalScroll
    from textual.widgets import Static

    from chargehand.doors.tui.cards import COLUMNS as PLACES
    from chargehand.doors.tui.cards import WHERE, Known, face
    from chargehand.service.boardcards import Card
    from chargehand.service.boardview import Feed
    from chargehand.service.project import Project

    class Plain(App[None]):
        CSS = "VerticalScroll { width: 1fr; } Static { height: 4; }"

        def __init__(self) -> None:
            super().__init__()
            self.feed = Feed(Project(folder))
            self.feed.look()
            self.widgets = {card.id: Static(self.text(card), markup=False) for card in self.feed.cards.values()}

        def text(self, card: Card) -> str:
            return "\n".join("".join(part for part, _ in line) for line in face(card, Known(time.time(), 3, 2), 30))

        def compose(self) -> ComposeResult:
            with Horizontal():
                for number, _place in enumerate(PLACES):
                    yield VerticalScroll(
                        *(self.widgets[card.id] for card in self.feed.cards.values() if WHERE[card.state] == number),
                        id=f"c{number}",
                    )

        def on_mount(self) -> None:
            self.set_interval(TICK_S, self.poll)

        async def poll(self) -> None:
            for task in self.feed.look().changed:
                card, old = self.feed.cards[task], self.widgets[task]
                there = self.query_one(f"#c{WHERE[card.state]}")
                if old.parent is there:
                    old.update(self.text(card))
                else:
                    await old.remove()
                    self.widgets[task] = Static(self.text(card), markup=False)
                    await there.mount(self.widgets[task])

    Plain().run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round, and fewer cards for the plain board")
    parser.add_argument("--cards", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--plain", metavar="DIR", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.plain:
        plain(Path(args.plain))
        return
    rounds, seconds = args.rounds or (1 if args.quick else 3), args.seconds or (4 if args.quick else 10)
    print(machine())
    rows = []
    for label, what in (("chargehand tui", []), ("a widget for each card", ["--plain"])):
        cards = 500 if args.quick and what else args.cards
        results = []
        for number in range(rounds + 1):
            with tempfile.TemporaryDirectory() as name_:
                writer = Writer(Path(name_), cards)
                command = (
                    [sys.executable, __file__, *what, name_] if what else [sys.executable, "-m", "chargehand", "tui", "-C", name_]
                )
                figures = measured(command, writer, seconds if number else 0.1)
                writer.close()
                results += [figures] if number else []
        start, starting, share, pictures, written, memory = (statistics.median(values) for values in zip(*results, strict=True))
        told = f"{start:.2f} s", f"{starting:.2f} s", f"{share:.1%}", f"{pictures:.1f}", f"{written:.1f} kB/s"
        rows.append((f"{label}, {cards}", *told, f"{memory:.0f} MB"))
    shutil.rmtree(COMPILED["PYTHONPYCACHEPREFIX"])
    print(table(("board, cards", "shown after", "its CPU", "of a core", "pictures/s", "written", "memory"), rows))


if __name__ == "__main__":
    main()
