"""Releases of real packages replayed: the older one, cut into tasks, until it is the newer one. Run: python bench/replay.py

The source distributions come from where pip is set up to look; the package's own suite judges every candidate, and afterwards every
landed commit once more. Each pair is run with one agent at a time and with four.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.replay.cutting import Tree
    from tests.replay.releases import Release

ROOT = Path(__file__).resolve().parent.parent
JOBS = (1, 4)
COLUMNS = (
    "package", "versions", "files", "tasks", "jobs", "landed", "attempts", "judged again", "conflicts", "wall s",
    "tree equal", "commits green",
)  # fmt: skip


def main() -> int:
    """Print the table; returns 1 when a run did not end in the newer release."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("packages", nargs="*", help="some of them only")
    arguments.add_argument("--limit", type=float, default=240, metavar="SECONDS", help="the longest a run may take")
    options = arguments.parse_args()
    sys.path.insert(0, str(ROOT))  # what the tests use to cut and to replay
    from tests.replay.releases import RELEASES
    from tests.replay.replaying import Unavailable, fetch

    chosen = [release for release in RELEASES if not options.packages or release.package in options.packages]
    with tempfile.TemporaryDirectory(prefix="replay-") as name:
        here = Path(name)
        try:
            trees = {release.package: fetch(release, here / "sdists" / release.package) for release in chosen}
        except Unavailable as reason:
            print(f"skipped: {reason}")
            return 1 if os.environ.get("CI") else 0
        forget_the_user(here / "home")
        print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS), flush=True)
        wrong = 0
        for release in chosen:
            for jobs in JOBS:
                good, cells = measure(release, trees[release.package], jobs, here / f"{release.package}-{jobs}", options.limit)
                wrong += not good
                print("| " + " | ".join(cells) + " |", flush=True)
    return 1 if wrong else 0


def forget_the_user(home: Path) -> None:
    """From here on his settings neither help nor harm."""
    home.mkdir()
    for name in list(os.environ):
        if name.startswith(("CHARGEHAND_", "GIT_", "XDG_")):
            del os.environ[name]
    os.environ |= {"HOME": str(home), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def measure(release: Release, trees: tuple[Tree, Tree], jobs: int, root: Path, limit_s: float) -> tuple[bool, list[str]]:
    """One run: whether all of it held, and the row of the table."""
    from tests.replay import replaying
    from tests.replay.cutting import changed

    old, new = trees
    root.mkdir()
    place = replaying.lay_out(release, old, new, root)
    first = place.git("rev-parse", "main")
    row = [release.package, f"{release.old[0]} to {release.new[0]}", str(len(changed(old, new))), str(len(release.jobs)), str(jobs)]
    try:
        outcome = replaying.replay(place, jobs, limit_s)
    except subprocess.TimeoutExpired:
        return False, [*row, f"not done after {limit_s:g} s"]
    commits = place.git("rev-list", "--reverse", f"{first}..main").split()
    green = [passed for _, passed in replaying.suite_by_commit(place, root / "clone", commits)]
    once = sorted(place.landed()) == sorted(replaying.task_ids(release).values())
    equal = not replaying.differing(place, new) and not replaying.litter(place)
    good = outcome.code == 0 and once and equal and all(green) and not outcome.unproven
    if not good:
        print(outcome.trouble, file=sys.stderr)
    row += [str(len(commits)), str(len(outcome.of("attempt.claimed"))), str(outcome.judged_again), str(outcome.ended("conflict"))]
    return good, [*row, f"{outcome.seconds:.1f}", "yes" if equal else "NO", f"{sum(green)} of {len(green)}"]


if __name__ == "__main__":
    sys.exit(main())
