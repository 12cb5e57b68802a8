"""Chaos: run a scenario once in peace, then again and again under kill -9, and compare.

``python -m tests.chaos.chaos MODE --kills N --seed S --place DIR`` prints its score as one JSON object. It is a process of its own
because it adopts every orphan of the engines it starts (subreaper): all it may kill, and all that may be left, descends from it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.chaos import processes
from tests.chaos.invariants import Ledger, broken
from tests.chaos.scenario import Project, Scenario

MODES = ("engine", "boundary", "shim", "both", "reboot")
"""Who is killed: the engine at a random instant; the engine as a fact is recorded; one supervisor; the engine and all its
supervisors (agents live on without them); everything there is, as in a reboot."""

FACTS = (
    "attempt.claimed", "attempt.exited", "attempt.taken", "gate.verdict", "attempt.candidate", "attempt.queued", "attempt.ended",
    "task.landed", "target.delivered", "run.continued",
)  # fmt: skip

MOST_PER_RUN = 14
"""Kills in one run: a task that is cut short 20 times asks for a person."""
SPANS_PER_RUN = 4
"""The random instant lies within such a part of what a run takes in peace, after the engine's first word."""

GONE_WITHIN_S = 10.0
STUCK_S = 60.0


class Engine:
    """``chargehand run --all --json`` in a session of its own; what it says is heard line by line."""

    def __init__(self, project: Project) -> None:
        self.started = time.monotonic()
        self.first_word: float | None = None
        self._errors = project.outside / "stderr"
        environment = {**os.environ, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1", "CHARGEHAND_CAGE": "none"}
        with self._errors.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chargehand", "run", "--all", "--json"],
                cwd=project.root, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                start_new_session=True,
            )  # fmt: skip
        assert self._process.stdout
        self._out = self._process.stdout.fileno()
        self._rest = self._last = b""
        self.pid = self._process.pid

    def hear(self, until: float) -> list[str] | None:
        """The kinds of facts recorded next; an empty list when nothing came until then, None when the engine is gone."""
        if not select.select([self._out], [], [], max(0.0, until - time.monotonic()))[0]:
            return []
        data = os.read(self._out, 65536)
        if not data:
            return None
        if self.first_word is None:
            self.first_word = time.monotonic() - self.started
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._last = lines[-1] if lines else self._last
        return [str(json.loads(line).get("event", "")) for line in lines]

    def wait(self) -> int:
        code = self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()
        return code

    def said(self) -> str:
        """What it said at last, on both channels."""
        return f"{self._errors.read_text(errors='replace')[-2000:]}\n{self._last.decode(errors='replace')}"


class Chaos:
    """Kills in one mode until ``kills`` are done. ``score`` says what came of it."""

    def __init__(self, mode: str, seed: int, kills: int, place: Path) -> None:
        self.mode, self._wanted, self._place = mode, kills, place
        self._chance = random.Random(seed)
        self._scenario = Scenario(seed)
        self._facts: list[str] = []
        self.kills = self.runs = 0
        self.killed_at: Counter[str] = Counter()
        self.restarts: list[float] = []
        self.faults: list[str] = []
        self.attempts: Counter[str] = Counter()
        self._start_up = self._span = 0.0

    def go(self) -> None:
        peace = self._fresh("peace")
        tree_id = self._in_peace(peace)
        while self.kills < self._wanted and len(self.faults) < 20:
            self.runs += 1
            project = self._fresh(f"run{self.runs}")
            before = len(self.faults)
            if self._one_run(project):
                self.faults += [f"run {self.runs}: {fault}" for fault in broken(project, self._scenario, tree_id)]
                self.attempts += Counter(Ledger.read(project).outcomes.values())
            if len(self.faults) == before:
                shutil.rmtree(project.outside)

    def score(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "kills": self.kills,
            "runs": self.runs,
            "tasks": len(self._scenario.tasks) * self.runs,
            "attempts": self.attempts,
            "killed_at": self.killed_at,
            "restart_s": {
                "median": round(statistics.median(self.restarts), 3) if self.restarts else None,
                "max": round(max(self.restarts), 3) if self.restarts else None,
            },
            "faults": self.faults,
        }

    def _fresh(self, name: str) -> Project:
        outside = self._place / name
        outside.mkdir(parents=True)
        return self._scenario.make(outside)

    def _in_peace(self, project: Project) -> str:
        """The final tree of a run nothing happens to; what is asked of the others must hold of it. Also how long things take."""
        engine = Engine(project)
        assert self._to_the_end(engine), self.faults
        self._start_up = engine.first_word or 0.0
        self._span = (time.monotonic() - engine.started - self._start_up) / SPANS_PER_RUN
        self.faults += [f"in peace: {fault}" for fault in broken(project, self._scenario, "")]
        started = Counter(attempt.split(".")[1] for attempt in project.receipts().started)
        for task, times in self._scenario.expected_starts().items():
            if started[task] != times:
                self.faults.append(f"in peace: {task} was started {started[task]} times, not {times}")
        return project.git("rev-parse", "main^{tree}")

    def _one_run(self, project: Project) -> bool:
        """Kill and start again until it has been enough for one run, then let it end. False when it did not end well."""
        engine = Engine(project)
        for _ in range(min(MOST_PER_RUN, self._wanted - self.kills)):
            last = self._until_killed(engine)
            if last is None:
                return self._ended(engine)
            self.kills += 1
            self.killed_at[last] += 1
            if self.mode != "shim":  # then the engine lives, and is to go on by itself
                engine.wait()
                processes.bury(engine.pid)
                self._note_restart(engine)
                if self.mode == "reboot":
                    forget_boot(project)
                engine = Engine(project)
        return self._to_the_end(engine)

    def _until_killed(self, engine: Engine) -> str | None:
        """Wait for the instant, kill. Returns what was recorded last before; None when the engine ended first."""
        target = self._chance.choice(FACTS) if self.mode == "boundary" else ""
        end = time.monotonic() + STUCK_S
        if not target and engine.first_word is None and self._chance.random() < 0.2:
            end = engine.started + self._chance.uniform(0.0, self._start_up)  # before it says a word
        elif not target and engine.first_word is not None:
            end = time.monotonic() + self._chance.uniform(0.0, self._span)
        last = "start-up" if engine.first_word is None else "later"
        while time.monotonic() < end:
            silent = engine.first_word is None
            heard = engine.hear(end)
            if heard is None:
                return None
            if heard:
                last = heard[-1]
                if target in heard or (target and "run.finished" in heard):
                    break
                if silent and not target:
                    end = time.monotonic() + self._chance.uniform(0.0, self._span)
        return last if self._kill(engine) else None

    def _kill(self, engine: Engine) -> bool:
        match self.mode:
            case "engine" | "boundary":
                os.kill(engine.pid, signal.SIGKILL)
            case "shim":
                end = time.monotonic() + 1.0
                while not (busy := processes.shims()) and time.monotonic() < end:
                    time.sleep(0.02)
                if not busy:
                    return False
                os.kill(self._chance.choice(busy), signal.SIGKILL)
            case "both":
                together = [engine.pid, *processes.shims()]
                processes.send(together, signal.SIGSTOP)
                processes.send([*together, *processes.shims()], signal.SIGKILL)
            case "reboot":
                processes.kill_all()
        return True

    def _to_the_end(self, engine: Engine) -> bool:
        end = time.monotonic() + STUCK_S
        while (heard := engine.hear(end)) is not None:
            if not heard:
                self.faults.append(f"run {self.runs}: stuck; processes: {processes.describe(processes.mine())}")
                processes.kill_all()
                engine.wait()
                processes.bury(engine.pid)
                return False
        return self._ended(engine)

    def _ended(self, engine: Engine) -> bool:
        code = engine.wait()
        self._note_restart(engine)
        if code:
            self.faults.append(f"run {self.runs}: exit code {code}: {engine.said()}")
        end = time.monotonic() + GONE_WITHIN_S
        while left := processes.mine():
            if time.monotonic() > end:
                self.faults.append(f"run {self.runs}: left running: {processes.describe(left)}")
                processes.kill_all()
                break
            processes.bury(engine.pid)
            time.sleep(0.02)
        processes.bury(engine.pid)
        return code == 0

    def _note_restart(self, engine: Engine) -> None:
        if engine.first_word is not None:
            self.restarts.append(engine.first_word)


def forget_boot(project: Project) -> None:
    """After a reboot process ids mean nothing any more; the kernel says so by another boot id than the one written down."""
    for record in project.state.glob("attempts/**/shim.json"):
        record.write_text(record.read_text().replace(processes.boot_id(), "the boot before this one"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--place", type=Path, required=True)
    args = parser.parse_args()
    processes.adopt_orphans()
    chaos = Chaos(args.mode, args.seed, args.kills, args.place)
    chaos.go()
    print(json.dumps(chaos.score()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
