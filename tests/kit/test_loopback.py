"""What is started in a network of its own reaches nobody."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from tests.kit.loopback import Loopback

TRY = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)"
"""An address that is nobody's: elsewhere a packet leaves the machine, and the try takes its time."""


def test_nothing_in_there_reaches_out() -> None:
    inside = Loopback()
    try:
        if not inside.alone:
            assert os.geteuid() != 0, "root may make one"
            pytest.skip("only root may make a network namespace")
        tried = inside.call(lambda: subprocess.run([sys.executable, "-c", TRY], capture_output=True, text=True, check=False))
        assert "Network is unreachable" in tried.stderr
        with inside.listen() as door, pytest.raises(ConnectionRefusedError):
            socket.create_connection(door.getsockname(), timeout=5)
        assert inside.call(socket.if_nameindex) == [(1, "lo")]
    finally:
        inside.close()
