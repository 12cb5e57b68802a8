"""Simulated runs with seeded faults: how many a second, and what happened in them. Run: python bench/sim.py [--seed S] [--trace]"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.sim.simulation import Broken, simulate


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, help="how many seeds (default: 500, or 1 with --trace)")
    arguments.add_argument("--seed", type=int, default=0, help="the first seed")
    arguments.add_argument("--trace", action="store_true", help="tell everything that happens")
    arguments.add_argument("--keep-going", action="store_true", help="report every seed that breaks a promise")
    given = arguments.parse_args()
    runs = given.runs or (1 if given.trace else 500)
    memory = Path("/dev/shm")
    total: Counter[str] = Counter()
    had: Counter[str] = Counter()
    broken = 0
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as place:
        for seed in range(given.seed, given.seed + runs):
            try:
                tally = simulate(seed, Path(place), print if given.trace else None)
            except Broken as error:
                broken += 1
                print(error, file=sys.stderr)
                if not given.keep_going:
                    return 1
                continue
            total.update(tally)
            had.update(tally.keys())
    seconds = time.perf_counter() - begin
    print(f"{runs} runs in {seconds:.1f} s: {runs / seconds:.0f} runs a second, {total['steps'] / seconds:.0f} steps a second")
    for what, count in sorted(total.items()):
        print(f"  {what:22s} {count:8d}   in {100 * had[what] / runs:5.1f} % of the runs")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
