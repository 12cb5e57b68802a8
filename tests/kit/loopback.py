"""A network of its own that holds nothing but 127.0.0.1, so that nothing a test starts can reach out."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1

T = TypeVar("T")


class Loopback:
    """A thread that lives in a network namespace; what it starts lives there too. Where that may not be made, as for anybody but
    root, ``alone`` is False, and everything happens in the network of the machine."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="loopback")
        self.alone = self.call(_enter)

    def call(self, function: Callable[[], T]) -> T:
        """``function`` called in there: sockets it makes and processes it starts belong to it for good."""
        return self._thread.submit(function).result()

    def listen(self, port: int = 0) -> socket.socket:
        return self.call(lambda: socket.create_server(("127.0.0.1", port)))

    def close(self) -> None:
        self._thread.shutdown()


def _enter() -> bool:
    try:
        entered = int(ctypes.CDLL(None).unshare(_CLONE_NEWNET)) == 0
    except AttributeError:  # not Linux
        return False
    if entered:
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as any_socket:
            name = b"lo".ljust(16, b"\0")
            flags = struct.unpack("16sh", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sh", name, 0)))[1]
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh", name, flags | _IFF_UP))
    return entered
