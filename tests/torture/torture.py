"""Torture: in a small scenario, fail the n-th call into one layer, let the engine end, start it anew, and hold it to its promises.

``python -m tests.torture.torture LAYER HOW --most N --seed S --place DIR`` prints its score as one JSON object. Without ``--most``
every single call is failed once.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.chaos import processes
from tests.chaos.chaos import GONE_WITHIN_S
from tests.chaos.invariants import broken
from tests.chaos.scenario import Project, Scenario

LAYERS = ("store", "depot", "process", "git")
WAYS = ("before", "after", "die before", "die after")
FAULTY = str(Path(__file__).with_name("faulty.py"))
PATIENCE_S = 60.0


class Torture:
    """``faults`` is what was found, a line each; ``struck`` counts the calls that failed, ``swallowed`` those without effect."""

    def __init__(self, layer: str, how: str, place: Path) -> None:
        self._layer, self._how, self._place = layer, how, place
        self._scenario = Scenario.small()
        self.calls = self.struck = self.swallowed = 0
        self.codes: dict[int, int] = {}
        self.faults: list[str] = []

    def go(self, most: int, seed: int) -> None:
        peace = self._fresh("peace")
        code, said, names = self._run(peace, 0)
        assert code == 0, said
        self.calls = len(names)
        tree_id = peace.git("rev-parse", "main^{tree}")
        self.faults += [f"in peace: {fault}" for fault in broken(peace, self._scenario, tree_id)]
        numbers = list(range(1, self.calls + 1))
        if 0 < most < self.calls:
            numbers = sorted(random.Random(seed).sample(numbers, most))
        for number in numbers:
            project = self._fresh(str(number))
            found = self._one(project, number, tree_id)
            self.faults += [f"{self._layer} call {number}, {self._how}: {fault}" for fault in found]
            if not found:
                shutil.rmtree(project.outside)

    def _one(self, project: Project, number: int, tree_id: str) -> list[str]:
        code, said, names = self._run(project, number)
        if len(names) < number:  # another order of events, fewer calls: nothing was failed
            return list(broken(project, self._scenario, tree_id)) if code == 0 else [f"no fault, and exit code {code}: {said}"]
        self.struck += 1
        self.codes[code] = self.codes.get(code, 0) + 1
        name, found = names[number - 1], []
        expected = -9 if self._how.startswith("die") else 5
        if code == 0:
            self.swallowed += 1
        elif code != expected:
            found.append(f"{name}: exit code {code}, not {expected}: {said}")
        if "Traceback" in said or "never retrieved" in said or "never awaited" in said:
            found.append(f"{name}: it does not end cleanly: {said}")
        code, said, _ = self._run(project, 0)
        if code:
            return [*found, f"{name}: the next run ends with exit code {code}: {said}"]
        found += [f"{name}: {fault}" for fault in broken(project, self._scenario, tree_id)]
        end = time.monotonic() + GONE_WITHIN_S
        while left := processes.mine():
            if time.monotonic() > end:
                found.append(f"{name}: left running: {processes.describe(left)}")
                processes.kill_all()
                break
            processes.bury(0)
            time.sleep(0.01)
        processes.bury(0)
        return found

    def _run(self, project: Project, number: int) -> tuple[int, str, list[str]]:
        """One engine, to its end: exit code, what it said on stderr, and the calls it made."""
        log = project.outside / "calls"
        log.unlink(missing_ok=True)
        plan = json.dumps({"layer": self._layer, "number": number, "how": self._how, "log": str(log)})
        process = subprocess.Popen(
            [sys.executable, FAULTY, plan, "run", "--all", "--json"],
            cwd=project.root, env={**os.environ, "NO_COLOR": "1", "CHARGEHAND_CAGE": "none"}, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            _, said = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            processes.kill_all()
            _, said = process.communicate()
            said = f"stuck; {said}"
        return process.returncode, said[-2000:].strip(), log.read_text().split() if log.exists() else []

    def _fresh(self, name: str) -> Project:
        outside = self._place / name
        outside.mkdir(parents=True)
        return self._scenario.make(outside)

    def score(self) -> dict[str, Any]:
        return {
            "layer": self._layer, "how": self._how, "calls": self.calls, "struck": self.struck, "swallowed": self.swallowed,
            "exit_codes": self.codes, "faults": self.faults,
        }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layer", choices=LAYERS)
    parser.add_argument("how", choices=WAYS)
    parser.add_argument("--most", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--place", type=Path, required=True)
    args = parser.parse_args()
    processes.adopt_orphans()
    torture = Torture(args.layer, args.how, args.place)
    torture.go(args.most, args.seed)
    print(json.dumps(torture.score()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
