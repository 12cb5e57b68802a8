"""How right forecasts are: real runs of a project, one after the other, whose agents take drawn times and cost drawn money.

Each run has new tasks, and its forecast has learned from the runs before. At the end ``chargehand plan --calibration`` tells.

Run: python bench/calibration.py [--runs N] [--tasks N] [--median S] [--sigma X] [--seed N]
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path
from random import Random

from meter import CHARGEHAND, bare_environment, machine, where

AGENT = """#!/bin/sh
set -- $(grep "^$CHARGEHAND_TASK_ID " "$(dirname "$0")/drawn")
sleep $2
echo "{\\"cost_usd\\": $3}"
echo "$1" > "$1.txt"
"""
SETTINGS = """agent = "drawn"
jobs = 3
[agents.drawn]
command = ["{agent}"]
[gates.there]
command = "true"
[budget]
run_usd = 100
"""


class Project:
    """A repository, and an agent that takes as long and costs as much as was drawn for its task."""

    def __init__(self, root: Path) -> None:
        self.root = root / "project"
        self._drawn = root / "drawn"
        agent = root / "agent"
        agent.write_text(AGENT)
        agent.chmod(0o755)
        (self.root / "spec").mkdir(parents=True)
        (self.root / "chargehand.toml").write_text(SETTINGS.format(agent=agent))
        self._env = {**bare_environment(self.root), "CHARGEHAND_CAGE": "none"}
        self._do("git", "init", "--quiet", "--initial-branch=main")

    def run(self, number: int, tasks: dict[str, tuple[float, float]]) -> None:
        """Have a run with these tasks: the seconds each takes, and what it costs in USD. The third needs the first, and so on."""
        names = list(tasks)
        text = "# Tasks\n\n"
        for place, name in enumerate(names):
            needs = f"**Depends on:** [{names[place - 2]}]\n" if place > 1 else ""
            text += f"### {name}: Something of run {number}\n🟠 P1 | ⬜ TODO | Est: 1h\n\n{needs}\nDo it.\n\n"
        (self.root / "spec/tasks.md").write_text(text, encoding="utf-8")
        self._drawn.write_text("".join(f"{name} {took:.3f} {usd:.4f}\n" for name, (took, usd) in tasks.items()))
        self._do("git", "add", "--all")
        self._do("git", "commit", "--quiet", "--message", f"tasks of run {number}")
        self._do(*CHARGEHAND, "run", "--all")

    def told(self) -> str:
        return self._do(*CHARGEHAND, "plan", "--calibration")

    def _do(self, *words: str) -> str:
        done = subprocess.run(words, cwd=self.root, env=self._env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(words)} ended with {done.returncode}\n{done.stderr[-2000:]}")
        return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--tasks", type=int, default=8, help="of each run")
    parser.add_argument("--median", type=float, default=1.5, help="seconds an agent takes")
    parser.add_argument("--sigma", type=float, default=0.8, help="how far they are spread (lognormal)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    dice = Random(given.seed)
    print(machine())
    with tempfile.TemporaryDirectory(prefix="bench-", dir=where()) as name:
        project = Project(Path(name))
        for number in range(1, given.runs + 1):
            names = [f"TASK-{number:02d}{task:02d}" for task in range(given.tasks)]
            drawn = {one: (given.median * dice.lognormvariate(0, given.sigma), 0.1 * dice.lognormvariate(0, 0.5)) for one in names}
            project.run(number, drawn)
            print(f"run {number} of {given.runs}", flush=True)
        print(project.told())


if __name__ == "__main__":
    main()
