"""What the engine itself costs: tasks that do nothing, with the ledger on, beside the bare system calls, make and spec-runner.

Run: python bench/overhead.py [--quick] [--size N] [--rounds N] [--seconds N]
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from meter import (
    CHARGEHAND,
    Cost,
    Failed,
    Rounds,
    bare_environment,
    machine,
    measure,
    own_peak,
    prove_all_is_counted,
    table,
    where,
)

FLOOR = "C posix_spawn + wait (floor)"
PEER = "spec-runner==5.0.0"
PEER_SIZE = 50
TRUE = shutil.which("true") or "/bin/true"

C_LOOP = """
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
extern char **environ;
int main(int count, char **words) {
    char *argv[] = {words[2], 0};
    for (int left = atoi(words[1]); left; left--) {
        pid_t pid; int status;
        if (posix_spawn(&pid, words[2], 0, 0, argv, environ) || waitpid(pid, &status, 0) < 0 || status) return 1;
    }
    return 0;
}
"""
PYTHON_LOOP = """
import os, sys
for _ in range(int(sys.argv[1])):
    os.waitpid(os.posix_spawn(sys.argv[2], [sys.argv[2]], os.environ), 0)
"""
SETTINGS = """agent = "noop"
jobs = 2
workspace = "in-place"
evidence = "exit"
[agents.noop]
command = ["true"]
"""
PEER_SETTINGS = """claude_command: {agent}
command_template: "{{cmd}} {{prompt}}"
hooks:
  pre_start: {{create_git_branch: false, sync_deps: false}}
  post_done: {{run_tests: false, run_lint: false, auto_commit: false, run_review: false}}
"""


class Ground:
    """Fresh folders for the measurements, and the programs that must be made first."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._names = map(str, itertools.count())

    def fresh(self) -> Path:
        folder = self.root / next(self._names)
        folder.mkdir()
        return folder

    def c_loop(self) -> Path | None:
        """The floor, compiled; None without a compiler."""
        if not (compiler := shutil.which("cc")):
            return None
        source = self.root / "floor.c"
        source.write_text(C_LOOP)
        subprocess.run([compiler, "-O2", "-o", self.root / "floor", source], check=True)
        return self.root / "floor"

    def peer(self) -> Path | None:
        """spec-runner from the package index, in an environment of its own; None when it cannot be had."""
        place = self.root / "peer"
        pip = [str(place / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEER]
        for command in ([sys.executable, "-m", "venv", str(place)], pip):
            if subprocess.run(command, check=False, stderr=subprocess.DEVNULL, timeout=180).returncode:
                return None
        return place / "bin/spec-runner"


def write_spec(folder: Path, size: int, chained: bool) -> None:
    """Tasks that ask for nothing; when chained, each needs the one before."""
    parts = ["# Tasks\n\n"]
    for number in range(1, size + 1):
        parts.append(f"### TASK-{number:05d}: Do nothing\n🟠 P1 | ⬜ TODO | Est: 1h\n\nNothing is to be done.\n\n")
        if chained and number > 1:
            parts.append(f"**Depends on:** [TASK-{number - 1:05d}]\n\n")
    (folder / "spec").mkdir()
    (folder / "spec/tasks.md").write_text("".join(parts), encoding="utf-8")


def chargehand(ground: Ground, size: int, chained: bool, limit: float) -> Cost:
    folder = ground.fresh()
    write_spec(folder, size, chained)
    (folder / "chargehand.toml").write_text(SETTINGS)
    cost = measure([*CHARGEHAND, "run", "--all"], folder, limit=limit)
    landed = (folder / "spec/tasks.md").read_text(encoding="utf-8").count("✅ DONE")
    if landed != size:
        raise Failed(f"{landed} of {size} tasks landed")
    return cost


def loop(ground: Ground, command: list[str], size: int, limit: float) -> Cost:
    return measure([*command, str(size), TRUE], ground.root, limit=limit)


def make(ground: Ground, size: int, chained: bool, limit: float) -> Cost:
    folder = ground.fresh()
    names = [f"t{number}" for number in range(size)]
    needs: Iterable[str] = ["", *names] if chained else [""] * size
    rules = [f"{name}: {need}\n\t@{TRUE}\n" for name, need in zip(names, needs, strict=False)]
    (folder / "Makefile").write_text(f".PHONY: all {' '.join(names)}\nall: {' '.join(names)}\n" + "".join(rules))
    return measure(["make", "--silent", "-j2"], folder, limit=limit)


def peer(ground: Ground, program: Path, chained: bool, limit: float) -> Cost:
    """Its least: no branch, no commit, no tests, no review; the agent says the word it waits for."""
    folder = ground.fresh()
    write_spec(folder, PEER_SIZE, chained)
    agent = ground.root / "agent"
    agent.write_text("#!/bin/sh\necho TASK_COMPLETE\n")
    agent.chmod(0o755)
    (folder / "spec-runner.config.yaml").write_text(PEER_SETTINGS.format(agent=agent))
    (folder / ".gitignore").write_text(".bench.log\n")
    for words in (["init", "--quiet", "--initial-branch=main"], ["add", "--all"], ["commit", "--quiet", "--message=spec"]):
        subprocess.run(["git", *words], cwd=folder, env=bare_environment(folder), check=True)
    cost = measure([str(program), "run", "--all"], folder, limit=limit)
    done = (folder / "spec/tasks.md").read_text(encoding="utf-8").count("DONE")
    if done != PEER_SIZE:
        raise Failed(f"spec-runner did {done} of {PEER_SIZE} tasks\n{(folder / '.bench.log').read_text()[-2000:]}")
    return cost


def compare(ground: Ground, options: argparse.Namespace, size: int, chained: bool, program: Path | None, seconds: float) -> None:
    """One table."""
    c_loop = ground.c_loop()
    python_loop = [sys.executable, "-I", "-S", "-c", PYTHON_LOOP]
    contenders: dict[str, Callable[[float], Cost]] = {}
    if c_loop:
        contenders[FLOOR] = lambda limit: loop(ground, [str(c_loop)], size, limit)
    contenders["Python posix_spawn + wait"] = lambda limit: loop(ground, python_loop, size, limit)
    if shutil.which("make") and size <= 1000:
        contenders["GNU make -j2"] = lambda limit: make(ground, size, chained, limit)
    contenders["chargehand --jobs 2"] = lambda limit: chargehand(ground, size, chained, limit)
    if program:
        contenders[PEER] = lambda limit: peer(ground, program, chained, limit)
    rounds = Rounds(options.rounds, seconds)
    rounds.go(contenders)
    base = next(iter(contenders))
    smaller = f" (spec-runner: {PEER_SIZE})" if program else ""
    print(f"\n{size:,} {'chained' if chained else 'independent'} tasks{smaller}, medians of {options.rounds}\n")
    print(
        table(
            ("", "CPU ms/task", "x floor", "least x", "wall ms/task", "peak MB"),
            [_row(rounds, base, name, size) for name in contenders],
        )
    )
    for name, problem in rounds.problems.items():
        print(f"{name}: {problem}")


def _row(rounds: Rounds, base: str, name: str, size: int) -> tuple[str, ...]:
    middle, least = rounds.middle(name), rounds.least(name)
    floor, floor_least = rounds.middle(base), rounds.least(base)
    if not (middle and least and floor and floor_least):
        return (name, "-", "-", "-", "-", "-")
    each = 1000 / (PEER_SIZE if name == PEER else size)
    factor, factor_least = (
        f"{one.cpu * each / (other.cpu * 1000 / size):.1f}" for one, other in ((middle, floor), (least, floor_least))
    )
    peak = f"{middle.peak:.0f}" if middle.peak > own_peak() + 1 else f"< {own_peak():.0f}"
    return (name, f"{middle.cpu * each:.2f}", factor, factor_least, f"{middle.wall * each:.2f}", peak)


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="300 tasks, no spec-runner, a minute at most")
    arguments.add_argument(
        "--size", type=int, default=0, metavar="N", help="tasks (default 1,000; above that without make and spec-runner)"
    )
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=0, help="stop after so long")
    options = arguments.parse_args()
    size = options.size or (300 if options.quick else 1000)
    seconds = options.seconds or (60 if options.quick else 600)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=where()) as name:
        ground = Ground(Path(name))
        program = None if options.quick or size > 1000 else ground.peer()
        print(f"{machine()}. CPU is that of all processes, supervisors included.")
        print(prove_all_is_counted(ground.root))
        for chained in (False, True):
            compare(ground, options, size, chained, program, seconds / 2)
        print("\nThe peak is the largest process; below our own size it cannot be told.")


if __name__ == "__main__":
    main()
