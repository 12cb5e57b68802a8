"""How much killing it stands: kill -9 in every mode, and with ``--torture`` the failure of every single call (docs/reliability.md).

``python bench/chaos.py [--kills 2000] [--seed 1] [--torture]``; prints a table and exits with 1 when a promise was broken. 2,000
kills take about 20 minutes on two cores that do nothing else, and so does ``--torture``; ``--minutes`` and ``--most`` bound them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

MOST_KILLS = 20_000
MODES = ("engine", "boundary", "shim", "both", "reboot")
LAYERS = ("store", "depot", "process", "git")
WAYS = ("before", "after", "die before", "die after")
PER_SEED = 50
"""Kills before another scenario is made."""

KINDS = ("paid twice", "lost", "landed", "charge", "overlap", "left running")
"""What a broken promise may begin with; everything else is counted as other."""


def score(*words: str) -> dict[str, Any]:
    """Run one of the harnesses of ``tests`` in a process and a directory of its own."""
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory(prefix="chargehand-chaos-") as place:
        command = [sys.executable, "-m", *words, "--place", place]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stderr[-3000:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    print(f"{' '.join(words)}: {len(result['faults'])} broken", *result["faults"], sep="\n  ", file=sys.stderr)
    return result


def kind(fault: str) -> str:
    return next((word for word in KINDS if f": {word}:" in fault), "other")


def chaos(kills: int, seed: int, workers: int, minutes: float) -> list[str]:
    """Prints the table of modes; returns what was broken."""
    until = time.monotonic() + minutes * 60 if minutes else float("inf")
    share = -(-kills // len(MODES))
    jobs = [
        (mode, str(min(PER_SEED, share - start)), str(seed + number))
        for number, start in enumerate(range(0, share, PER_SEED))
        for mode in MODES
    ]
    with ThreadPoolExecutor(workers) as pool:
        ran = pool.map(
            lambda job: (
                score("tests.chaos.chaos", job[0], "--kills", job[1], "--seed", job[2]) if time.monotonic() < until else None
            ),
            jobs,
        )
        scores = list(filter(None, ran))
    print(
        f"{'mode':9} {'kills':>6} {'runs':>5} {'tasks':>6} {'starts':>7} " + " ".join(f"{word:>12}" for word in (*KINDS, "other")),
        end="",
    )
    print("  restart median / slowest")
    broken: list[str] = []
    for mode in (*MODES, "all"):
        of = [one for one in scores if mode in {"all", one["mode"]}]
        faults = [fault for one in of for fault in one["faults"]]
        count = Counter(map(kind, faults))
        medians = sorted(one["restart_s"]["median"] for one in of if one["restart_s"]["median"] is not None)
        slowest = max(one["restart_s"]["max"] or 0.0 for one in of)
        numbers = [sum(one[name] for one in of) for name in ("kills", "runs", "tasks")]
        starts = sum(sum(one["attempts"].values()) for one in of)
        print(f"{mode:9} {numbers[0]:6} {numbers[1]:5} {numbers[2]:6} {starts:7} ", end="")
        print(" ".join(f"{count[word]:12}" for word in (*KINDS, "other")), end="")
        print(f"  {medians[len(medians) // 2]:.2f} s / {slowest:.2f} s")
        broken = faults if mode == "all" else broken
    killed = sum((Counter(one["killed_at"]) for one in scores), Counter())
    print("killed after: " + ", ".join(f"{name} {times}" for name, times in killed.most_common()))
    return broken


def torture(workers: int, most: int, seed: int) -> list[str]:
    """Fail every call once, in every way (``most``: only so many of each). Prints the table of layers; returns what was broken."""
    jobs = [(layer, how) for layer in LAYERS for how in WAYS]
    with ThreadPoolExecutor(workers) as pool:
        scores = list(pool.map(lambda job: score("tests.torture.torture", *job, "--most", str(most), "--seed", str(seed)), jobs))
    print(f"{'layer':9} {'how':12} {'calls':>6} {'failed':>7} {'broken':>7}  exit codes of the engine")
    for one in scores:
        codes = ", ".join(f"{code}: {times}" for code, times in one["exit_codes"].items())
        print(f"{one['layer']:9} {one['how']:12} {one['calls']:6} {one['struck']:7} {len(one['faults']):7}  {codes}")
    return [fault for one in scores for fault in one["faults"]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=2000, help=f"at most {MOST_KILLS}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=0.0, help="begin no other scenario after that")
    parser.add_argument("--most", type=int, default=0, help="with --torture: only so many calls of each layer and way")
    parser.add_argument("--torture", action="store_true", help="fail every call instead of killing")
    args = parser.parse_args()
    workers = max(1, os.cpu_count() or 1)
    if args.torture:
        return 1 if torture(workers, args.most, args.seed) else 0
    broken = chaos(min(args.kills, MOST_KILLS), args.seed, workers, args.minutes)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
