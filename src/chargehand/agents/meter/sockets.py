"""Unix sockets at paths of any length: the kernel takes about a hundred characters, and a project may lie deeper."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

_SHORT = 100


@contextlib.contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """A name for ``path`` that is short enough. Raises OSError."""
    if len(os.fsencode(path)) <= _SHORT:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def listen_unix(path: Path) -> socket.socket:
    """A socket only the user can open, in a folder only he can look into. What a dead process left there is replaced."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with _reachable(path) as name:
            listening.bind(name)
    finally:
        os.umask(before)
    listening.listen(128)
    listening.setblocking(False)
    return listening


def connect_unix(path: Path) -> socket.socket:
    """Raises FileNotFoundError or ConnectionRefusedError when nobody listens."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _reachable(path) as name:
            connected.connect(name)
    except OSError:
        connected.close()
        raise
    connected.setblocking(False)
    return connected


def listen_local(port: int) -> socket.socket:
    """A TCP socket on 127.0.0.1: at ``port`` if that can be had, anywhere otherwise."""
    for each in dict.fromkeys((port, 0)):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", each))
        except OSError:
            listening.close()
            if not each:
                raise
            continue
        listening.listen(128)
        listening.setblocking(False)
        return listening
    raise AssertionError
