"""How long one waits for an answer: status on a ledger of 10,000 tasks, help and version, beside a Python that does nothing.

Run: python bench/status.py [--quick] [--tasks N] [--rounds N] [--seconds N]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from chargehand.model import facts
from chargehand.model.work import Usage
from chargehand.ports import AttemptRow, Charge, TaskRow
from chargehand.store.sqlite import SqliteStore
from meter import CHARGEHAND, Cost, Rounds, machine, measure, table, where

NOTHING = "python -c pass"
BATCH = 500
WORDS = (("status",), ("status", "--json"), ("--help",), ("--version",))


def fill(folder: Path, tasks: int) -> None:
    """A project whose run is half done: every second task landed after an attempt that was paid, the rest wait for it."""
    (folder / ".chargehand").mkdir()
    (folder / "chargehand.toml").touch()
    store = SqliteStore.open(folder / ".chargehand/ledger.db")
    opening = facts.RunStarted(
        run="r1", spec="spec/tasks.md", spec_digest="0", target="main", base="", agent="fake", jobs=4, version="0"
    )
    store.commit("r1", 1.0, [opening])
    for first in range(0, tasks, BATCH):
        numbers = range(first, min(first + BATCH, tasks))
        store.commit(
            "r1",
            float(first + 2),
            [_added(number) for number in numbers],
            [_row(number) for number in numbers],
            [_attempt(number) for number in numbers if _landed(number)],
            [_charge(number) for number in numbers if _landed(number)],
        )
    store.close()


def _name(number: int) -> str:
    return f"TASK-{number:05d}"


def _landed(number: int) -> bool:
    return number % 2 == 0


def _needs(number: int) -> tuple[str, ...]:
    return tuple(_name(other) for other in (number - 1, number - 7) if other >= 0)


def _added(number: int) -> facts.TaskAdded:
    return facts.TaskAdded(task=_name(number), order=number, title=_title(number), priority=1, digest="0", needs=_needs(number))


def _title(number: int) -> str:
    return f"Build part {number} of the whole"


def _row(number: int) -> TaskRow:
    done = _landed(number)
    return TaskRow(
        id=_name(number), order=number, title=_title(number), priority=1, needs=_needs(number), state="landed" if done else "todo",
        reason="", attempts=int(done), cost_usd=0.05 if done else None, input_tokens=1200 if done else None,
        output_tokens=340 if done else None, duration_s=61.5 if done else 0.0, commit="0" * 40 if done else "",
        landed_at=2.0 if done else None, milestone="Milestone 1: all of it",
    )  # fmt: skip


def _attempt(number: int) -> AttemptRow:
    commit = "0" * 40
    return AttemptRow(
        id=f"r1.{_name(number)}.1", task=_name(number), number=1, agent="fake", model="", state="ended", outcome="landed",
        reason="", started_at=1.0, ended_at=2.0, exit_code=0, base=commit, commit=commit, proposal=commit, cost_usd=0.05,
        input_tokens=1200, output_tokens=340,
    )  # fmt: skip


def _charge(number: int) -> Charge:
    usage = Usage(input_tokens=1200, output_tokens=340, cost_usd=0.05)
    return Charge(_name(number), f"r1.{_name(number)}.1", "agent", "fake", "", usage, True)


def _command() -> tuple[str, ...]:
    """As it is installed, else as a module."""
    script = Path(sys.executable).with_name("chargehand")
    return (str(script),) if script.is_file() else CHARGEHAND


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="7 rounds, half a minute")
    arguments.add_argument("--tasks", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=0, help="default 21")
    arguments.add_argument("--seconds", type=float, default=0, help="stop after so long")
    options = arguments.parse_args()
    rounds = Rounds(options.rounds or (7 if options.quick else 21), options.seconds or (30 if options.quick else 120))
    with tempfile.TemporaryDirectory(prefix="bench-", dir=where()) as name:
        folder = Path(name)
        fill(folder, options.tasks)
        contenders: dict[str, Callable[[float], Cost]] = {
            NOTHING: lambda limit: measure([sys.executable, "-c", "pass"], folder, limit=limit)
        }
        for words in WORDS:
            argv = [*_command(), *words]
            contenders[f"chargehand {' '.join(words)}"] = lambda limit, argv=argv: measure(argv, folder, limit=limit)  # type: ignore[misc]
        for contender in contenders.values():
            contender(rounds.left)  # what is not yet compiled or in the cache is not counted
        rounds.go(contenders)
    print(f"{machine()}. A ledger of {options.tasks:,} tasks, {len(rounds.costs[NOTHING])} runs each, in turns, no terminal.\n")
    print(
        table(
            ("", "CPU ms", "least", "x nothing", "wall ms", "least", "x nothing", "peak MB"),
            [_line(rounds, name) for name in contenders],
        )
    )
    for name, problem in rounds.problems.items():
        print(f"{name}: {problem}")


def _line(rounds: Rounds, name: str) -> tuple[str, ...]:
    middle, least = rounds.middle(name), rounds.least(name)
    nothing, nothing_least = rounds.middle(NOTHING), rounds.least(NOTHING)
    if not (middle and least and nothing and nothing_least):
        return (name, *"-------")
    cells = []
    for field in ("cpu", "wall"):
        mine, lowest, other, floor = (getattr(cost, field) for cost in (middle, least, nothing, nothing_least))
        cells += [f"{mine * 1000:.1f}", f"{lowest * 1000:.1f}", f"{mine / other:.1f} ({lowest / floor:.1f})"]
    return (name, *cells, f"{middle.peak:.0f}")


if __name__ == "__main__":
    main()
