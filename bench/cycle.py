"""What a whole task costs: workspace, an agent that edits four files, a gate, landing; beside plain git worktrees done by hand.

Run: python bench/cycle.py [--quick] [--files N ...] [--tasks N] [--rounds N] [--seconds N]
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from meter import CHARGEHAND, Cost, Failed, Rounds, bare_environment, machine, measure, table, where

OURS, NAIVE = "chargehand --jobs 4", "git worktree, 4 at once"
FIRST = 1001
"""The number of the first task; without leading zeros, which a shell takes for octal."""

AGENT = """#!/bin/sh
task=$((${CHARGEHAND_TASK_ID#TASK-} - %d))
for number in 0 1 2 3; do
    file=$((task * 4 + number))
    echo "$CHARGEHAND_TASK_ID was here" >> "files/$((file / 50))/$file.txt" || exit 1
done
"""
SETTINGS = """agent = "editor"
jobs = 4
[agents.editor]
command = ["{agent}"]
[gates.test]
command = "true"
"""
# What a script does that knows no better: a worktree and a branch for each task, a real merge under a lock, the worktree removed.
BY_HAND = """
import os, subprocess, sys, threading
from concurrent.futures import ThreadPoolExecutor
agent, first, tasks = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
turn = threading.Lock()
def run(*words, **options):
    subprocess.run(words, check=True, **options)
def work(number):
    name = f"TASK-{number}"
    place = f".work/{name}"
    run("git", "worktree", "add", "--quiet", "-b", f"task/{name}", place)
    run(agent, cwd=place, env={**os.environ, "CHARGEHAND_TASK_ID": name})
    run("git", "add", "-A", cwd=place)
    run("git", "commit", "--quiet", "--message", name, cwd=place)
    run("sh", "-c", "true", cwd=place)
    with turn:
        run("git", "merge", "--quiet", "--no-ff", "--message", f"land {name}", f"task/{name}")
    run("git", "worktree", "remove", "--force", place)
with ThreadPoolExecutor(4) as pool:
    list(pool.map(work, range(first, first + tasks)))
"""


class Ground:
    """Fresh repositories, each a copy of a template by ``git clone``, and the agent."""

    def __init__(self, root: Path, files: int, tasks: int) -> None:
        self.tasks = tasks
        self._root = root
        self._names = map(str, itertools.count())
        self.agent = root / "agent"
        self.agent.write_text(AGENT % FIRST)
        self.agent.chmod(0o755)
        self._template = root / "template"
        self._fill(files)

    def _fill(self, files: int) -> None:
        for number in range(files):
            path = self._template / f"files/{number // 50}/{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"file {number}\n" + "some text that is there to be read\n" * 60)
        (self._template / "spec").mkdir()
        numbers = range(FIRST, FIRST + self.tasks)
        tasks = "".join(f"### TASK-{number}: Edit four files\n🟠 P1 | ⬜ TODO | Est: 1h\n\nFour of them.\n\n" for number in numbers)
        (self._template / "spec/tasks.md").write_text(f"# Tasks\n\n{tasks}", encoding="utf-8")
        (self._template / "chargehand.toml").write_text(SETTINGS.format(agent=self.agent))
        (self._template / ".gitignore").write_text(".bench.log\n.work\n")
        for words in (["init", "--quiet", "--initial-branch=main"], ["add", "--all"], ["commit", "--quiet", "--message=start"]):
            self._git(self._template, *words)

    def fresh(self) -> Path:
        folder = self._root / next(self._names)
        self._git(self._root, "clone", "--quiet", str(self._template), str(folder))
        return folder

    def demand(self, folder: Path, count: list[str]) -> None:
        """Every task is on main, with all it changed, or Failed."""
        landed = int(self._git(folder, "rev-list", "--count", *count, "main"))
        changed = self._git(folder, "grep", "--count", "was here", "main", "--", "files").count("\n")
        if (landed, changed) != (self.tasks, 4 * self.tasks):
            log = (folder / ".bench.log").read_text(errors="replace")
            raise Failed(f"{landed} of {self.tasks} tasks landed, {changed} files changed\n{log[-2000:]}")

    @staticmethod
    def _git(place: Path, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=place, env=bare_environment(place), capture_output=True, text=True, check=True)
        return done.stdout


def ours(ground: Ground, limit: float) -> Cost:
    folder = ground.fresh()
    cost = measure([*CHARGEHAND, "run", "--all"], folder, limit=limit)
    ground.demand(folder, ["--no-merges", "--grep=^Chargehand-Task"])
    return cost


def naive(ground: Ground, limit: float) -> Cost:
    folder = ground.fresh()
    words = [str(ground.agent), str(FIRST), str(ground.tasks)]
    cost = measure([sys.executable, "-I", "-S", "-c", BY_HAND, *words], folder, limit=limit)
    ground.demand(folder, ["--merges"])
    return cost


def compare(files: int, options: argparse.Namespace, seconds: float) -> None:
    """One table."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=where()) as name:
        ground = Ground(Path(name), files, options.tasks)
        contenders: dict[str, Callable[[float], Cost]] = {
            NAIVE: lambda limit: naive(ground, limit),
            OURS: lambda limit: ours(ground, limit),
        }
        rounds = Rounds(options.rounds, seconds)
        rounds.go(contenders)
    taken = min((len(costs) for costs in rounds.costs.values()), default=0)
    print(f"\n{options.tasks} tasks on {files:,} files, medians of {taken}\n")
    rows = [_row(rounds, name, options.tasks) for name in contenders]
    print(table(("", "CPU ms/task", "x naive", "least x", "wall ms/task", "x naive", "least x", "peak MB"), rows))
    for name, problem in rounds.problems.items():
        print(f"{name}: {problem}")


def _row(rounds: Rounds, name: str, tasks: int) -> tuple[str, ...]:
    middle, least = rounds.middle(name), rounds.least(name)
    other, other_least = rounds.middle(NAIVE), rounds.least(NAIVE)
    if not (middle and least and other and other_least):
        return (name, *"-------")
    cells = []
    for field in ("cpu", "wall"):
        mine, lowest, theirs, their_lowest = (getattr(cost, field) for cost in (middle, least, other, other_least))
        cells += [f"{mine * 1000 / tasks:.0f}", f"{mine / theirs:.2f}", f"{lowest / their_lowest:.2f}"]
    return (name, *cells, f"{middle.peak:.0f}")


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="8 tasks, 100 and 1,000 files, one minute at most")
    arguments.add_argument("--files", type=int, nargs="+", default=[], metavar="N", help="default 100 and 5,000")
    arguments.add_argument("--tasks", type=int, default=0, help="default 20; four files are needed for each")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=0, help="stop after so long")
    options = arguments.parse_args()
    options.tasks = options.tasks or (8 if options.quick else 20)
    sizes = options.files or ([100, 1000] if options.quick else [100, 5000])
    seconds = options.seconds or (60 if options.quick else 600)
    print(f"{machine()}. A gate that is `true`, on both sides.")
    for files in sizes:
        compare(files, options, seconds / len(sizes))


if __name__ == "__main__":
    main()
