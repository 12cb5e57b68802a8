"""Signs of silent work: when anything under a directory was last changed."""
# pathlib would double the start-up time of a shim.
# ruff: noqa: PTH116

from __future__ import annotations

import os
import time

_MOST_ENTRIES = 200_000


def last_change(root: str) -> float:
    """The latest change (Unix seconds) of any file or directory under ``root``; 0.0 when nothing can be read.

    Only the kernel sets ``ctime``, so a file dated into the future deceives nobody. Links are not followed, git's object store is
    left out, and of a very large tree only the upper part is looked at.
    """
    newest = 0.0
    level = [root]
    seen = 0
    while level and seen < _MOST_ENTRIES:
        below: list[str] = []
        for folder in level:
            changed, folders, count = _look(folder)
            newest = max(newest, changed)
            below += folders
            seen += count
            if seen >= _MOST_ENTRIES:
                break
        level = below
    return newest


def _look(folder: str) -> tuple[float, list[str], int]:
    """The latest change in one folder, the folders in it, the number of entries."""
    folders = []
    count = 0
    try:
        newest = os.stat(folder).st_ctime
        with os.scandir(folder) as entries:
            for entry in entries:
                count += 1
                newest = max(newest, _changed(entry))
                if entry.is_dir(follow_symlinks=False) and not (entry.name == "objects" and folder.endswith("/.git")):
                    folders.append(entry.path)
    except FileNotFoundError:
        newest = time.time()
    except OSError:
        newest = 0.0
    return newest, folders, count


def _changed(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_ctime
    except FileNotFoundError:
        # Somebody removed it while we looked: that is work, and this moment is when.
        return time.time()
