"""The shim: a small process between the engine and one program at a time.

It outlives the engine, sees every descendant of its program (it is their subreaper) and leaves a record that survives both:

``shim.json``  made exclusively, so that a directory is never started twice; locked as long as its program is under way. First line:
the shim. Second line: the program, once it runs.
``exit.json``  how it ended; appears at once and whole.

The engine sends a launch per line and gets ``{"exit": ...}`` or ``{"taken": true}`` for each; ``"last": true`` says that this shim
will take no more. ``{"cancel": true}`` ends the program under way. The end of the input does not: it is seen through first.
"""
# pathlib would double the start-up time of a shim.
# ruff: noqa: PTH103, PTH104, PTH110

from __future__ import annotations

import fcntl
import json
import os
import time

from chargehand.process import tree
from chargehand.process.attempt import Attempt
from chargehand.process.channel import Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RECORD = "shim.json"
RESULT = "exit.json"
UNFINISHED = "exit.json.tmp"

_SAVE_TRIES = 150
_SAVE_PAUSE = 0.2


def main() -> None:
    """Serve launches until there is nobody left to serve."""
    # What the engine inherited from its terminal must neither reach an agent nor be held open by a shim that outlives the engine.
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    tree.become_subreaper()
    channel = Channel()
    me = tree.look("self")
    boot = tree.boot_id()
    while (launch := channel.next_launch()) is not None:
        identity = '{"shim": %d, "shim_start": %d, "boot": "%s", "kill_s": %f}\n'
        text = identity % (os.getpid(), me.start if me else 0, boot, launch["kill_s"])
        if not serve(launch, channel, text.encode()):
            break
    os._exit(0)


def serve(launch: dict[str, Any], channel: Channel, identity: bytes) -> bool:
    """Run one launch and report it. False when this shim must not take another."""
    directory = launch["directory"]
    try:
        record = claim(directory, identity)
    except OSError as problem:
        channel.tell(json.dumps({"exit": {"cause": "not_started", "error": str(problem)}}).encode())
        return True
    if record is None:
        channel.tell(b'{"taken": true}')
        return True
    attempt = Attempt(launch, channel)
    result = json.dumps(attempt.run(record)).encode()
    saved = save(directory, result)
    last = attempt.stuck or not saved or channel.dismissed
    if saved:
        os.close(record)
    channel.tell(b'{"exit": %s, "last": %s}' % (result, b"true" if last else b"false"))
    if not saved:
        # The lock is held meanwhile: whoever asks for the result waits rather than taking it for lost.
        _insist(directory, result)
    return not last


def claim(directory: str, identity: bytes) -> int | None:
    """The record of this launch, locked; None when somebody had it before. Raises OSError."""
    path = f"{directory}/{RECORD}"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
    try:
        record = os.open(path, flags, 0o600)
    except FileExistsError:
        return None
    except FileNotFoundError:
        os.makedirs(directory, exist_ok=True)
        try:
            record = os.open(path, flags, 0o600)
        except FileExistsError:
            return None
    fcntl.flock(record, fcntl.LOCK_EX)
    # Between the two calls somebody may have found the record without an owner, and written the launch off.
    if os.path.exists(f"{directory}/{RESULT}"):
        os.close(record)
        return None
    os.write(record, identity)
    return record


def save(directory: str, result: bytes) -> bool:
    """Write the result (JSON of an Exit) durably; it appears whole or not at all. False when the disk refuses."""
    path = f"{directory}/{UNFINISHED}"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            if os.write(fd, result) < len(result):
                return False
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(path, f"{directory}/{RESULT}")
    except OSError:
        return False
    return True


def _insist(directory: str, result: bytes) -> None:
    for _ in range(_SAVE_TRIES):
        time.sleep(_SAVE_PAUSE)
        if save(directory, result):
            return
