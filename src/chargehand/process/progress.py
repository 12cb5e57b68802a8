"""Signs of silent work: when anything under a directory was last changed."""
# pathlib would double the start-up time of a shim.
# ruff: noqa: PTH116

from __future__ import annotations

import os

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
    newest = 0.0
    folders = []
    count = 0
    try:
        newest = os.stat(folder).st_ctime
        with os.scandir(folder) as entries:
            for entry in entries:
                count += 1
                newest = max(newest, entry.stat(follow_symlinks=False).st_ctime)
                if entry.is_dir(follow_symlinks=False) and not (entry.name == "objects" and folder.endswith("/.git")):
                    folders.append(entry.path)
    except OSError:
        # It went away while we looked, which is a change its parent shows.
        pass
    return newest, folders, count
