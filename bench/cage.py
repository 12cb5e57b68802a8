"""What a cage costs: milliseconds from the start of ``/bin/true`` to its recorded end, and a request more through the relay.

``python bench/cage.py [launches]``; prints a table. Wall is the median of one launch after the other through one supervisor; CPU is
that of the engine, the supervisor and all they start.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from chargehand.ports import Cage, Launch, Room
from chargehand.process.bubblewrap import Bubblewrap
from chargehand.process.cage import NoCage
from chargehand.process.container import Container
from chargehand.process.pool import ShimPool

ASK = """
import socket, statistics, time
s = socket.create_connection(("127.0.0.1", 4545))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
took = []
for _ in range(2000):
    at = time.perf_counter(); s.sendall(b"x" * 100); s.recv(4096); took.append(time.perf_counter() - at)
print(statistics.median(took) * 1000)
at = time.perf_counter(); s.sendall(b"y" * 100_000_000); got = 0
while got < 100_000_000: got += len(s.recv(1 << 20))
print(200 / (time.perf_counter() - at))
"""


def measure(cage: Cage, root: Path, count: int) -> tuple[float, float]:
    """Wall and CPU milliseconds for one launch."""

    async def work() -> list[float]:
        pool, took = ShimPool(root / "shim.log"), []
        for number in range(count + 1):
            launch = cage.wrap(_launch(root, ("/bin/true",), f"{cage.name}{number}"), _room(root))
            at = time.perf_counter()
            assert (await pool.run(launch)).ok
            took.append((time.perf_counter() - at) * 1000)
        await pool.close()
        return took[1:]

    before = _cpu()
    took = asyncio.run(work())
    return statistics.median(took), (_cpu() - before) / count * 1000


def relay(root: Path) -> tuple[str, ...]:
    """Milliseconds of a round trip through the relay, and megabytes a second, there and back added up."""
    path = root / "s" / "meter.sock"
    path.parent.mkdir()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    threading.Thread(target=lambda: _echo(server.accept()[0]), daemon=True).start()
    launch = _launch(root, (sys.executable, "-c", ASK), "relay")
    launch = Bubblewrap().wrap(launch, Room(writable=(str(root),), socket=str(path)))

    async def work() -> None:
        pool = ShimPool(root / "shim.log")
        assert (await pool.run(launch)).ok, (root / "relay/stderr.log").read_text()
        await pool.close()

    asyncio.run(work())
    return tuple((root / "relay/stdout.log").read_text().split())


def _echo(connection: socket.socket) -> None:
    def back() -> None:
        while data := connection.recv(1 << 16):
            waiting.append(data)
            ready.set()

    waiting: list[bytes] = []
    ready = threading.Event()
    threading.Thread(target=back, daemon=True).start()
    while ready.wait():
        ready.clear()
        while waiting:
            connection.sendall(waiting.pop(0))


def _launch(root: Path, argv: tuple[str, ...], name: str) -> Launch:
    env = {"PATH": os.environ["PATH"], "HOME": str(root / "home"), "TMPDIR": str(root / "home/tmp")}
    return Launch(argv=argv, cwd=str(root / "work"), env=env, directory=str(root / name))


def _room(root: Path) -> Room:
    return Room(writable=(str(root / "work"), str(root / "home")), hidden=(os.environ.get("HOME", ""), str(root)))


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    ways: list[Callable[[], Cage]] = [NoCage, Bubblewrap, Container]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for part in ("work", "home/tmp"):
            (root / part).mkdir(parents=True)
        print(f"{count} launches of /bin/true\n\n| cage | ms, wall | ms of CPU |\n|---|---:|---:|")
        for way in ways:
            cage = way()
            if trouble := cage.preflight():
                print(f"| {cage.name} | does not work here: {trouble} | |")
                continue
            wall, used = measure(cage, root, count if cage.name != "container" else max(1, count // 10))
            print(f"| {cage.name} | {wall:.1f} | {used:.1f} |")
        if not Bubblewrap().preflight():
            trip, speed = relay(root)
            print(f"\nThrough the relay: {float(trip):.2f} ms for a round trip, {float(speed):.0f} MB/s")


if __name__ == "__main__":
    main()
