"""Releases of real packages replayed: the older one, cut into tasks, until it is the newer one. Run: python bench/replay.py

The source distributions come from where pip is set up to look; the package's own suite judges every candidate, and afterwards every
landed commit once more. Each pair is run with one agent at a time and with four. With ``--collide``, tasks on one package that
collide in their lines or in their meaning: the same tasks by several policies, and the suite on everything the target became.
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
    arguments.add_argument("--collide", type=int, metavar="TASKS", help="instead, so many tasks that collide")
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
        if options.collide:
            return collide(trees["cachetools"][0], options.collide, here, options.limit)
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


POLICIES = (("serial", 1, "group = 1"), ("one by one", 8, "group = 1"), ("groups", 8, ""), ("overlap", 8, 'rejudge = "overlap"'))


def collide(old: Tree, count: int, here: Path, limit_s: float) -> int:
    """Print a table of the policies; 1 when a target was red that must not be, or something was lost."""
    from tests.replay import collisions, replaying

    colliders = (*collisions.PAIRS, *(collisions.text(number) for number in range(1, count // 4 + 1)))
    colliders += tuple(collisions.apart(number) for number in range(1, count - len(colliders) + 1))
    print(
        "| policy | jobs | landed | wall s | landings/min | gate runs per task | conflicts | sent back | red tips |\n"
        + "|---" * 9
        + "|"
    )
    wrong = 0
    for name, jobs, settings in POLICIES:
        place = collisions.lay_out(old, colliders, here / name, settings)
        outcome = replaying.replay(place, jobs, limit_s)
        tips = list(dict.fromkeys(event["commit"] for event in outcome.of("target.delivered")))
        green = [passed for _, passed in replaying.suite_by_commit(place, here / name / "clone", tips)]
        landed, runs = len(place.landed()), len({event["verdict"]["commit"] for event in outcome.of("gate.verdict")})
        wrong += landed != len(colliders) or (name != "overlap" and not all(green))
        print(
            f"| {name} | {jobs} | {landed} of {len(colliders)} | {outcome.seconds:.0f} | {60 * landed / outcome.seconds:.1f} | "
            f"{runs / len(colliders):.2f} | {outcome.ended('conflict')} | {outcome.ended('gate_failed')} | "
            f"{green.count(False)} of {len(green)} |",
            flush=True,
        )
    place = collisions.lay_out(old, colliders, here / "blindly")
    blind, tips, lost = collisions.merged_blindly(place, colliders, here / "blindly")
    green = [passed for _, passed in replaying.suite_by_commit(blind, here / "blindly" / "clone", tips)]
    merged = f"{len(tips)} of {len(colliders)}"
    print(f"| merged blindly | - | {merged} | - | - | 0 | {lost} lost | 0 | {green.count(False)} of {len(green)} |")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
