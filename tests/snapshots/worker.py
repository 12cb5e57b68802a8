"""Have real runs, as several kinds of people would see them, all at once: each in a fork of one process, in a project of its own.

Argument: JSON with ``pristine``, the project; ``views`` as the speaker has them, each with its ``root`` before; ``commands``, by
name. One whose name ends in ``&`` goes on in the background until another one ends it. What they wrote is told as JSON: for each
view, text by name.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

from chargehand.service.boardview import Feed
from chargehand.service.project import Project
from tests.snapshots.speaker import begin, hear, load

LIMIT_S = 60.0


def have(root: str, columns: int, extra: dict[str, str], more: list[str], commands: dict[str, list[str]]) -> dict[str, str]:
    """One view. Before the next command is given, what the one before asked for is done."""
    told: dict[str, str] = {}
    behind: tuple[str, int, int] | None = None
    feed = Feed(Project(Path(root)))
    for name, words in commands.items():
        command = begin(root, [*words, "-C", root, *more], columns, extra)
        if name.endswith("&"):
            behind = (name.rstrip("&"), *command)
            _until(feed, "running")
            continue
        told[name] = hear(*command)
        if behind and name in {"pause_asked", "resume_asked"}:
            _until(feed, "paused" if name == "pause_asked" else "running")
        elif behind:
            told[behind[0]] = hear(*behind[1:])
            behind = None
    return told


def _until(feed: Feed, state: str) -> None:
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        feed.look()
        if feed.state == state:
            return
        time.sleep(0.05)
    raise TimeoutError(f"never {state}, but {feed.state}")


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    load()
    children = []
    for root, columns, extra, more in wanted["views"]:
        shutil.copytree(wanted["pristine"], root, symlinks=True)
        children.append(os.fork())
        if children[-1] == 0:
            Path(f"{root}.json").write_text(json.dumps(have(root, columns, extra, more, wanted["commands"])))
            os._exit(0)
    if sum(os.waitpid(child, 0)[1] for child in children):
        sys.exit(1)
    json.dump([json.loads(Path(f"{root}.json").read_text()) for root, *_ in wanted["views"]], sys.stdout)
