"""From inside a cage exactly two things can be reached: the meter, and the hosts that are allowed, both through unix sockets."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.process.cage_room import Cell, cell_fixture  # noqa: F401
from tests.process.process_room import room_fixture, until  # noqa: F401

from chargehand.ports import CAGED_GATEWAY
from chargehand.process import inside

CONNECT = "import socket, hashlib\ns = socket.create_connection(('127.0.0.1', {port}), 20)\n"
GATEWAY = CONNECT.format(port=4545)


class Server:
    """Answers on a unix socket, one thread for each connection."""

    def __init__(self, path: Path, answer: Callable[[socket.socket], None]) -> None:
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(64)
        self._answer = answer
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionError):
            self._answer(connection)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def upper(connection: socket.socket) -> None:
    """Says everything louder, as it comes."""
    while data := connection.recv(65536):
        connection.sendall(data.upper())


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("m") / "s" / "meter.sock"


@pytest.fixture
def served(place: Path) -> Iterator[Path]:
    server = Server(place, upper)
    yield place
    server.close()


def test_the_port_is_the_one_agents_are_told(cell: Cell, served: Path) -> None:
    assert f"http://127.0.0.1:{inside.PORTS['gateway']}" == CAGED_GATEWAY
    cell.run(cell.python(GATEWAY + "s.sendall(b'hello'); print(s.recv(99))", room={"socket": str(served)}))
    assert cell.launches.stdout() == b"b'HELLO'\n"


def test_without_a_socket_there_is_no_port(cell: Cell) -> None:
    assert cell.run(cell.python(GATEWAY)).code != 0
    assert "ConnectionRefusedError" in cell.err()


@pytest.mark.parametrize("network", [False, True])
def test_several_cages_have_the_same_port(cell: Cell, served: Path, network: bool) -> None:
    """Each has a network of its own, or all have the host's."""
    room = {"socket": str(served), "network": network}
    script = GATEWAY + "import time\ns.sendall(b'x')\nassert s.recv(9) == b'X'\ntime.sleep(0.3)"
    launches = [cell.python(script, room=room, name=f"d{n}") for n in range(3)]

    import asyncio

    from chargehand.model.work import Exit
    from chargehand.process.pool import ShimPool

    async def use(pool: ShimPool) -> list[Exit]:
        return await asyncio.gather(*(pool.run(launch) for launch in launches))

    assert all(result.ok for result in cell.launches.with_pool(use))


def test_a_stream_is_passed_on_as_it_comes(cell: Cell, place: Path) -> None:
    """The next word is said only when the one before has arrived inside."""

    def word_by_word(connection: socket.socket) -> None:
        for word in (b"one", b"two", b"three"):
            connection.sendall(word)
            if connection.recv(9) != b"ok":
                return

    Server(place, word_by_word)
    script = GATEWAY + "for _ in range(3):\n    print(s.recv(99).decode())\n    s.sendall(b'ok')\n"
    cell.run(cell.python(script, room={"socket": str(place)}))
    assert cell.launches.stdout().split() == [b"one", b"two", b"three"]


def test_much_in_both_directions_and_the_end_of_each(cell: Cell, place: Path) -> None:
    """The request ends (half of the connection is closed) before the answer begins, and neither is changed."""
    size = 20_000_000

    def digest_and_more(connection: socket.socket) -> None:
        found = hashlib.sha256()
        while data := connection.recv(1 << 16):
            found.update(data)
        connection.sendall(found.digest() + b"y" * size)

    Server(place, digest_and_more)
    script = GATEWAY + f"data = bytes(range(250)) * {size // 250}\ns.sendall(data)\ns.shutdown(socket.SHUT_WR)\n"
    script += "answer = b''.join(iter(lambda: s.recv(1 << 16), b''))\n"
    script += f"assert answer == hashlib.sha256(data).digest() + b'y' * {size}, len(answer)\nprint('same')"
    result = cell.run(cell.python(script, room={"socket": str(place)}))
    assert result.ok, cell.err()


def test_who_does_not_read_holds_up_only_himself(cell: Cell, place: Path) -> None:
    def flood(connection: socket.socket) -> None:
        if connection.recv(1) == b"f":
            connection.sendall(b"z" * 50_000_000)
        else:
            connection.sendall(b"quick")

    Server(place, flood)
    script = GATEWAY + "import os, time\ns.sendall(b'f')\ntime.sleep(0.3)\n" + GATEWAY.replace("s =", "t =") + "t.sendall(b'q')\n"
    script += "assert t.recv(9) == b'quick'\n"
    # The kernel's memory of the first process: what nobody reads must not pile up there.
    script += "high = [l for l in open('/proc/1/status') if l.startswith('VmHWM')][0].split()[1]\nassert int(high) < 30000, high\n"
    script += "ticks = lambda: sum(map(int, open('/proc/1/stat').read().rsplit(')')[1].split()[11:13]))\n"
    script += "before = ticks()\ntime.sleep(0.5)\nassert ticks() - before < 10, 'it waits, and does not spin'\n"
    script += "got = 0\nwhile data := s.recv(1 << 20): got += len(data)\nassert got == 50_000_000, got"
    result = cell.run(cell.python(script, room={"socket": str(place)}, timeout_s=60))
    assert result.ok, cell.err()


def test_a_meter_that_is_away_closes_the_connection_and_one_that_comes_back_is_found(cell: Cell, place: Path) -> None:
    place.parent.mkdir()
    script = "import socket, time\nfor _ in range(600):\n"
    script += "    s = socket.create_connection(('127.0.0.1', 4545), 5)\n    try:\n        s.sendall(b'x'); got = s.recv(9)\n"
    script += "    except OSError: got = b''\n    if got: break\n    open('away', 'w'); time.sleep(0.05)\n"
    script += "assert got == b'X'"

    def come_back() -> None:
        until((cell.work / "away").exists)
        Server(place, upper)

    late = threading.Thread(target=come_back)
    late.start()
    result = cell.run(cell.python(script, room={"socket": str(place)}, timeout_s=60))
    late.join()
    assert result.ok, cell.err()


def test_a_reset_connection_ends_that_one_only(cell: Cell, served: Path) -> None:
    script = "import struct\n" + GATEWAY
    script += "s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); s.sendall(b'a'); s.close()\n"
    script += GATEWAY + "s.sendall(b'b')\nassert s.recv(9) == b'B'"
    result = cell.run(cell.python(script, room={"socket": str(served)}))
    assert result.ok, cell.err()


def test_allowed_hosts_are_reached_through_the_proxy(cell: Cell, served: Path) -> None:
    room = {"proxy": str(served), "hosts": ("example.invalid",), "password": "key"}
    script = (
        CONNECT.format(port=inside.PORTS["proxy"])
        + "s.sendall(b'x'); print(s.recv(9))\nimport os\nprint(os.environ['HTTPS_PROXY'])"
    )
    cell.run(cell.python(script, room=room))
    assert cell.launches.stdout().decode().split("\n")[:2] == ["b'X'", f"http://call:key@127.0.0.1:{inside.PORTS['proxy']}"]
    cell.run(cell.python(script, room={**room, "hosts": ()}, name="b"))
    assert "ConnectionRefusedError" in cell.err("b")
