"""Run commands as several kinds of people would see them, each in a fork of one process, so that Python and we are loaded once.

Argument: JSON with ``root``, the project; ``pristine``, what it is made of anew for each view; ``views``, each with its columns (0:
a pipe), variables of its environment and words that every command gets; ``commands``, each a list of words. What they wrote is told
as JSON, a list for each view.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import pkgutil
import pty
import shutil
import struct
import sys
import termios

import rich.console
import rich.table  # noqa: F401 - so that no child has to

import chargehand
from chargehand.doors.cli.main import main


def begin(root: str, words: list[str], columns: int, extra: dict[str, str]) -> tuple[int, int]:
    """Start a command: its process, and where it is heard."""
    ours, theirs = pty.openpty() if columns else os.pipe()
    if columns:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    child = os.fork()
    if child == 0:
        os.chdir(root)
        os.environ.update(extra)
        nothing = theirs if columns else os.open(os.devnull, os.O_RDONLY)
        for place, handle in enumerate((nothing, theirs, theirs)):
            os.dup2(handle, place)
        sys.stdout.reconfigure(line_buffering=bool(columns))  # type: ignore[union-attr]
        code = 3
        try:
            code = main(words)
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    os.close(theirs)
    return child, ours


def hear(child: int, ours: int) -> str:
    """What it writes until its end, stdout and stderr as they come, and its exit code if it is not 0."""
    written = b""
    while data := _read(ours):
        written += data
    os.close(ours)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    text = written.decode().replace("\r\n", "\n")
    return text + (f"(exit code {code})\n" if code else "")


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 65536)
    except OSError:  # the other side of a terminal is closed
        return b""


_NOT = ("chargehand.doors.tui", "chargehand.demo.", "chargehand.agents.programs", "chargehand.__main__")


def load() -> None:
    """Everything of ours that a command may want, but the board."""
    for module in pkgutil.walk_packages(chargehand.__path__, "chargehand."):
        if not module.name.startswith(_NOT):
            importlib.import_module(module.name)


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    load()
    told = []
    for columns, extra, more in wanted["views"]:
        shutil.rmtree(wanted["root"], ignore_errors=True)
        shutil.copytree(wanted["pristine"], wanted["root"], symlinks=True)
        told.append([hear(*begin(wanted["root"], [*words, *more], columns, extra)) for words in wanted["commands"]])
    json.dump(told, sys.stdout)
