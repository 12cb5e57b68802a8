"""Signs of silent work: when anything under a directory was last changed."""
# pathlib would double the start-up time of a shim.
# ruff: noqa: PTH116

from __future__ import annotations

import os
import time

_MOST_ENTRIES = 200_000
_SET_S = 1.0
"""A wall clock that is off by more than this since the last look was set."""


class Progress:
    """When something last changed below a folder, told by a clock that nobody sets."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._ahead = time.time() - time.monotonic()

    def last(self) -> float:
        """The moment (monotonic). After the wall clock was set, or the machine slept, files cannot tell: then it is now."""
        now = time.monotonic()
        ahead = time.time() - now
        if abs(ahead - self._ahead) > _SET_S:
            self._ahead = ahead
            return now
        return min(now, last_change(self._folder) - ahead)


def last_change(root: str) -> float:
    """The latest change (Unix seconds) of any file or directory under ``root``; 0.0 when nothing can be read.

    Only the kernel sets ``ctime``, so a file dated into the future deceives nobody; what has a later one than now is from before
    the clock was set back, and does not count. Links are not followed, git's object store is left out, and of a very large tree
    only the upper part is looked at.
    """
    newest, latest = 0.0, time.time() + _SET_S
    level = [root]
    seen = 0
    while level and seen < _MOST_ENTRIES:
        below: list[str] = []
        for folder in level:
            changed, folders, count = _look(folder, latest)
            newest = max(newest, changed)
            below += folders
            seen += count
            if seen >= _MOST_ENTRIES:
                break
        level = below
    return newest


def _look(folder: str, latest: float) -> tuple[float, list[str], int]:
    """The last change in one folder that is not after ``latest``, the folders in it, the number of entries."""
    folders = []
    count = 0
    try:
        changes = [os.stat(folder).st_ctime]
        with os.scandir(folder) as entries:
            for entry in entries:
                count += 1
                changes.append(_changed(entry))
                if entry.is_dir(follow_symlinks=False) and not (entry.name == "objects" and folder.endswith("/.git")):
                    folders.append(entry.path)
    except FileNotFoundError:
        changes = [time.time()]
    except OSError:
        changes = []
    return max((change for change in changes if change <= latest), default=0.0), folders, count


def _changed(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_ctime
    except FileNotFoundError:
        # Somebody removed it while we looked: that is work, and this moment is when.
        return time.time()
