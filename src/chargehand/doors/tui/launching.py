"""An engine in the background: the same command, in a process and a session of its own, that outlives the board."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from chargehand.service.project import Project


class Engine:
    """A process we started. It is not ended with us; while we are there, its end is noticed."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.code: int | None = None

    def poll(self) -> int | None:
        """Its exit code, None as long as it runs."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def wait(self, seconds: float) -> None:
        """Until it ends, but not longer."""
        end = time.monotonic() + seconds
        while self.poll() is None and time.monotonic() < end:
            time.sleep(0.02)


def said_to(project: Project) -> Path:
    """Where the last engine of a board says what it would have said on a terminal."""
    return project.state / "engine.log"


def start(project: Project, words: Sequence[str]) -> Engine:
    """Start ``chargehand WORDS`` headless on the project. ``-P``: what lies in the working directory is not imported."""
    project.prepare()
    argv = [sys.executable, "-P", "-m", "chargehand", *words, "--project", str(project.root)]
    to = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(said_to(project)), to, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return Engine(os.posix_spawn(sys.executable, argv, os.environ, file_actions=files, setsid=True))


def last_words(project: Project) -> str:
    """What it said at its end: the summary, or why it could not begin."""
    from chargehand.process.transcript import tail

    text = tail(said_to(project), 65536).strip()
    place = text.rfind("\n\nrun ")
    return text[place:].strip() if place >= 0 else "\n".join(text.splitlines()[-4:])
