"""What a supervised launch costs: CPU per ``/bin/true``, for the ways to supervise that were considered (ADR 0002).

``python bench/launch.py [launches] [slots]``; prints a table. CPU is that of the engine, its supervisors and the programs together.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from chargehand.ports import Launch
from chargehand.process import link, shim
from chargehand.process.pool import ShimPool

MOST_LAUNCHES = 5000
Way = Callable[[Path, int, int], None]

# A shim that forks for every launch; the fork supervises it and goes.
FORK_SERVER = """
import json, os, sys
sys.path.append(sys.argv[1])
from chargehand.process import shim, tree
from chargehand.process.channel import Channel
for line in sys.stdin.buffer:
    if (pid := os.fork()) == 0:
        tree.become_subreaper()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        shim.serve(json.loads(line), Channel(), b"{}\\n")
        os._exit(0)
    os.waitpid(pid, 0)
"""

# One process for all: the least it has to do for each of several programs at a time. It cannot tell their descendants apart.
WARDEN = """
import json, os, select, sys, time
sys.path.append(sys.argv[1])
from chargehand.process import shim, tree
from chargehand.process.spool import Spool
tree.become_subreaper()
poll, rest, busy, heard = select.poll(), b"", {}, {}
poll.register(0, select.POLLIN)
open_ = True
def start(launch):
    record = shim.claim(launch["directory"], b"{}\\n")
    null = os.open(os.devnull, os.O_RDONLY)
    (out, out_end), (err, err_end) = os.pipe(), os.pipe()
    spools = []
    for name, fd in ("stdout", out), ("stderr", err):
        os.set_blocking(fd, False)
        spools.append(Spool(fd, launch["directory"] + "/" + name + ".log", launch["output_cap"]))
        poll.register(fd, select.POLLIN)
        heard[fd] = spools[-1]
    actions = [(os.POSIX_SPAWN_DUP2, fd, n) for n, fd in enumerate((null, out_end, err_end))]
    pid = os.posix_spawn(launch["argv"][0], launch["argv"], launch["env"], file_actions=actions, setsid=True)
    for fd in (null, out_end, err_end): os.close(fd)
    handle = os.pidfd_open(pid)
    poll.register(handle, select.POLLIN)
    busy[handle] = pid, record, spools, launch["directory"]
def end(handle):
    pid, record, spools, directory = busy.pop(handle)
    poll.unregister(handle)
    os.close(handle)
    _, status = os.waitpid(pid, 0)
    for spool in spools:
        if heard.pop(spool.pipe, None): poll.unregister(spool.pipe)
        spool.finish()
    result = json.dumps({"cause": "exited", "code": os.waitstatus_to_exitcode(status), "ended_at": time.time()}).encode()
    shim.save(directory, result)
    os.close(record)
    os.write(1, b'{"exit": %s}\\n' % result)
while open_ or busy:
    for fd, _ in poll.poll():
        if fd == 0:
            data = os.read(0, 1 << 20)
            if not data:
                open_ = False
                poll.unregister(0)
            *lines, rest = (rest + data).split(b"\\n")
            for line in lines: start(json.loads(line))
        elif fd in busy: end(fd)
        elif fd in heard and not heard[fd].take():
            poll.unregister(fd)
            del heard[fd]
"""


def launches(root: Path, count: int) -> list[Launch]:
    """Their directories exist already, as the engine makes them."""
    made = []
    for number in range(count):
        directory = root / str(number)
        directory.mkdir()
        env = {"PATH": os.environ["PATH"], "HOME": str(root), "LANG": "C.UTF-8"}
        made.append(Launch(argv=("/bin/true",), cwd=str(root), env=env, directory=str(directory)))
    return made


def floor(_root: Path, count: int, _slots: int) -> None:
    for _ in range(count):
        os.waitpid(os.posix_spawn("/bin/true", ["/bin/true"], {}), 0)


def fresh(root: Path, count: int, slots: int) -> None:
    async def one(launch: Launch) -> None:
        pool = ShimPool(root / "shim.log")
        assert (await pool.run(launch)).ok
        await pool.close()

    asyncio.run(_all(one, launches(root, count), slots))


def pool(root: Path, count: int, slots: int) -> None:
    async def main() -> None:
        shims = ShimPool(root / "shim.log")

        async def one(launch: Launch) -> None:
            assert (await shims.run(launch)).ok

        await _all(one, launches(root, count), slots)
        await shims.close()

    asyncio.run(main())


def fork_server(root: Path, count: int, slots: int) -> None:
    _servers(root, count, FORK_SERVER, slots)


def warden(root: Path, count: int, slots: int) -> None:
    _servers(root, count, WARDEN, 1, slots)


def _servers(root: Path, count: int, script: str, servers: int, window: int = 1) -> None:
    """Feed ``servers`` processes that speak the protocol of the shim, each with at most ``window`` launches at a time."""
    entry, link._ENTRY = link._ENTRY, script
    try:
        started = [link._spawn(root / "shim.log") for _ in range(servers)]
    finally:
        link._ENTRY = entry
    todo = launches(root, count)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        answered = 0

        def give(to: int) -> None:
            if todo:
                os.write(to, msgspec.json.encode(todo.pop()) + b"\n")

        def listen(to: int, out: int) -> None:
            nonlocal answered
            for line in os.read(out, 1 << 16).splitlines():
                assert b'"code": 0' in line
                answered += 1
                give(to)
            if answered == count:
                done.set()

        for _, to, out in started:
            loop.add_reader(out, listen, to, out)
            for _ in range(window):
                give(to)
        await done.wait()
        for pid, to, out in started:
            loop.remove_reader(out)
            os.close(to)
            os.waitpid(pid, 0)
            os.close(out)

    asyncio.run(main())


async def _all(run: Callable[[Launch], Awaitable[None]], todo: list[Launch], slots: int) -> None:
    waiting = iter(todo)

    async def worker() -> None:
        for launch in waiting:
            await run(launch)

    await asyncio.gather(*(worker() for _ in range(slots)))


WAYS: dict[str, Way] = {
    "posix_spawn loop (floor)": floor,
    "a fresh shim per attempt": fresh,
    "one warden for all": warden,
    "fork server": fork_server,
    "pool of shims": pool,
}


def cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure(way: Way, count: int, slots: int) -> tuple[float, float]:
    """CPU and wall milliseconds per launch."""
    root = Path(tempfile.mkdtemp(prefix="launch-"))
    try:
        wall, used = time.perf_counter(), cpu()
        way(root, count, slots)
        used, wall = cpu() - used, time.perf_counter() - wall
        assert count == sum(1 for _ in root.glob(f"*/{shim.RESULT}")) or way is floor
        return used / count * 1000, wall / count * 1000
    finally:
        shutil.rmtree(root)


def main() -> None:
    count = min(int(sys.argv[1]) if len(sys.argv) > 1 else 500, MOST_LAUNCHES)
    slots = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    rounds = 3
    best = {name: min(measure(way, count, slots) for _ in range(rounds)) for name, way in WAYS.items()}
    base = best["posix_spawn loop (floor)"][0]
    print(f"{count} launches of /bin/true, {slots} at a time, best of {rounds}\n")
    print("| way | CPU ms per launch | x floor | wall ms |\n|---|---:|---:|---:|")
    for name, (used, wall) in best.items():
        print(f"| {name} | {used:.2f} | {used / base:.1f} | {wall:.2f} |")


if __name__ == "__main__":
    main()
