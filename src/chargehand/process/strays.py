"""What a dead supervisor left behind: which processes belong to a launch, and ending them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from chargehand.process import tree
from chargehand.process.attempt import MARKER

HOUSE_MARKER = "CHARGEHAND_HOUSE"
"""The environment variable of shims, and of whatever else of ours lives in a session of its own: it tells them from orphans."""

_PAUSE = 0.02
_PATIENCE = 10.0


class Record(msgspec.Struct, frozen=True):
    """``shim.json``: who supervises, in which boot of the machine, and the program. Zero: not known."""

    shim: int = 0
    shim_start: int = 0
    boot: str = ""
    child: int = 0
    born_after: int = 0
    born_before: int = 0
    kill_s: float = 0.0

    @classmethod
    def parse(cls, text: bytes) -> Record:
        """A record that was cut short tells what it can."""
        fields: dict[str, object] = {}
        for line in text.splitlines():
            try:
                fields |= msgspec.json.decode(line, type=dict[str, object])
            except msgspec.DecodeError:
                break
        try:
            return msgspec.convert(fields, cls)
        except msgspec.ValidationError:
            return cls()

    @property
    def current(self) -> bool:
        """Whether its process ids still mean anything: they do not survive a reboot."""
        return bool(self.boot) and self.boot == tree.boot_id()

    def supervisor(self) -> int:
        """The pid of the shim when it still lives, 0 otherwise. A pid is reused; its start time tells."""
        process = tree.look(self.shim) if self.current and self.shim else None
        return self.shim if process and process.start == self.shim_start and not process.dead else 0


def belonging(directory: str, record: Record) -> list[int]:
    """Processes of a launch whose shim is dead: those that carry its marker, share the program's session, or were orphaned to us,
    and all their descendants. Empty after a reboot."""
    if not record.current:
        return []
    table = tree.processes()
    leader = table.get(record.child)
    session = record.child if record.child and (leader is None or record.born_after <= leader.start <= record.born_before) else 0
    me = table.get(os.getpid())
    roots = []
    for process in table.values():
        if process.dead or process.start < record.shim_start or process.pid == record.shim:
            continue
        if (session and process.session == session) or (_orphan(process, me) or _marked(process.pid, directory)):
            roots.append(process.pid)
    found = dict.fromkeys(roots) | dict.fromkeys(process.pid for process in tree.descendants(roots, table) if not process.dead)
    return list(found)


async def end(find: Callable[[], list[int]], grace_s: float) -> int:
    """End all that ``find`` finds: TERM, ``grace_s``, KILL, until nothing is found. Returns how many there were at first."""
    first = find()
    if not first:
        return 0
    tree.terminate(first)
    grace = time.monotonic() + grace_s
    patience = grace + _PATIENCE
    mine = set(first)
    while (left := find()) and time.monotonic() < patience:
        mine.update(left)
        if time.monotonic() >= grace:
            tree.kill(find)
        await asyncio.sleep(_PAUSE)
    _bury(mine)
    return len(first)


def _orphan(process: tree.Process, me: tree.Process | None) -> bool:
    """Whether it became our child when its shim died. Our own children stay in our session; what shims run never is in it."""
    if me is None or process.parent != me.pid or process.session == me.session:
        return False
    variables = _environ(process.pid)
    if not any(variables):
        # Emptied by itself. One of ours that leaves in peace, or just begins, has no command line either.
        return bool(_read(process.pid, "cmdline")) and not any(_environ(process.pid))
    return not any(variable.startswith(f"{HOUSE_MARKER}=".encode()) for variable in variables)


def _marked(pid: int, directory: str) -> bool:
    return f"{MARKER}={directory}".encode(errors="surrogateescape") in _environ(pid)


def _environ(pid: int) -> list[bytes]:
    return _read(pid, "environ").split(b"\0")


def _read(pid: int, name: str) -> bytes:
    try:
        return tree.read(f"/proc/{pid}/{name}")
    except OSError:
        return b""


def _bury(pids: set[int]) -> None:
    """Orphans that fell to us leave zombies unless we ask for their end."""
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue


def read_record(directory: Path) -> Record | None:
    """The record of a launch; None when it was never started."""
    try:
        return Record.parse((directory / "shim.json").read_bytes())
    except FileNotFoundError:
        return None
