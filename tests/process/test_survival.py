"""Whoever dies, the result is known in the end, and nothing runs on unseen."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from tests.process.process_room import Room, alive, pid_in, room_fixture, until, until_async  # noqa: F401

from chargehand.model.work import Exit
from chargehand.process import tree
from chargehand.process.pool import ShimPool

ENGINE = """
import asyncio, sys
from pathlib import Path
import msgspec
from chargehand.ports import Launch
from chargehand.process.pool import ShimPool
launch = msgspec.json.decode(sys.stdin.buffer.read(), type=Launch)
print(asyncio.run(ShimPool(Path(sys.argv[1])).run(launch)))
"""

ADOPTER = """
import asyncio, sys
from pathlib import Path
import msgspec
from chargehand.process.pool import ShimPool
print(msgspec.json.encode(asyncio.run(ShimPool(Path(sys.argv[1])).adopt(Path(sys.argv[2])))).decode())
"""


class Engine:
    """A process that plays the engine: it runs one launch and can be killed."""

    def __init__(self, room: Room, script: str, name: str = "a") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", ENGINE, str(room.root / "shim.log")], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert self._process.stdin
        self._process.stdin.write(msgspec.json.encode(room.shell(script, name=name, kill_s=0.3)))
        self._process.stdin.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def _record(directory: Path) -> dict[str, int]:
    """What the shim noted, once it is complete."""

    def read() -> dict[str, int]:
        path = directory / "shim.json"
        lines = path.read_text().splitlines() if path.exists() else []
        return {key: value for line in lines for key, value in json.loads(line).items()} if len(lines) == 2 else {}

    return until(read)


def _adopt(room: Room, name: str = "a") -> Exit | None:
    return room.with_pool(lambda pool: pool.adopt(room.directory(name)))


def _adopt_elsewhere(room: Room) -> Exit:
    """By a process to which no orphan falls, as after a crash."""
    argv = [sys.executable, "-c", ADOPTER, str(room.root / "shim.log"), str(room.directory())]
    return msgspec.json.decode(subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout, type=Exit)


def test_the_engine_dies_and_the_agent_goes_on(room: Room) -> None:
    engine = Engine(room, "echo before; while [ ! -e go ]; do sleep 0.02; done; echo after; exit 5")
    until((room.directory() / "stdout.log").exists)
    engine.kill()
    (room.work / "go").touch()
    result = _adopt(room)
    assert result is not None
    assert (result.cause, result.code) == ("exited", 5)
    assert room.stdout() == b"before\nafter\n"
    shim = _record(room.directory())["shim"]
    until(lambda: not alive(shim))


def test_a_result_that_came_while_no_engine_ran(room: Room) -> None:
    engine = Engine(room, "while [ ! -e go ]; do sleep 0.02; done; exit 5")
    _record(room.directory())
    engine.kill()
    (room.work / "go").touch()
    until((room.directory() / "exit.json").exists)
    result = _adopt(room)
    assert result is not None
    assert result.code == 5


def test_run_of_a_running_launch_adopts_it(room: Room) -> None:
    script = "echo started >> ../count; while [ ! -e go ]; do sleep 0.02; done; exit 5"
    engine = Engine(room, script)
    _record(room.directory())
    engine.kill()

    async def use(pool: ShimPool) -> Exit:
        task = asyncio.create_task(pool.run(room.shell(script)))
        await asyncio.sleep(0.1)
        (room.work / "go").touch()
        return await task

    assert room.with_pool(use).code == 5
    assert (room.root / "count").read_text() == "started\n"


def test_an_adopted_launch_can_be_cancelled(room: Room) -> None:
    engine = Engine(room, "setsid sh -c 'echo $$ > pid; exec sleep 1000' & sleep 1000")
    pid = until(lambda: pid_in(room.work / "pid"))
    engine.kill()

    async def use(pool: ShimPool) -> Exit | None:
        task = asyncio.create_task(pool.adopt(room.directory()))
        await asyncio.sleep(0.05)
        pool.cancel(room.directory())
        return await task

    result = room.with_pool(use)
    assert result is not None
    assert result.cause == "cancelled"
    assert not alive(pid)


def test_what_never_started_is_none(room: Room) -> None:
    assert _adopt(room) is None
    room.directory("b").mkdir()
    assert _adopt(room, "b") is None


# What the agent leaves for the sweep, cut off from its parents. The last can only be told by whom it falls to: a living engine.
STRAYS = {
    "same session, no marker": "(env -i /bin/sh -c 'trap \"\" TERM; echo $$ > pid; while :; do sleep 1; done' &); sleep 1000",
    "other session, marker": "(setsid sh -c 'echo $$ > pid; exec sleep 1000' &); sleep 1000",
    "other session, no marker": "(env -i setsid /bin/sh -c 'echo $$ > pid; exec sleep 1000' &); sleep 1000",
}


@pytest.mark.parametrize("stray", STRAYS)
def test_the_shim_dies_under_a_living_engine(room: Room, stray: str) -> None:
    async def use(pool: ShimPool) -> tuple[Exit, int, Exit]:
        task = asyncio.create_task(pool.run(room.shell("echo hi; " + STRAYS[stray], kill_s=0.3)))
        pid = await until_async(lambda: pid_in(room.work / "pid"))
        os.kill(_record(room.directory())["shim"], signal.SIGKILL)
        return await task, pid, await pool.run(room.shell("exit 0", name="b"))

    result, pid, after = room.with_pool(use)
    assert result.cause == "lost"
    assert result.leftovers >= 1
    assert result.stdout_bytes == 3
    assert not alive(pid)
    assert not alive(_record(room.directory())["child"])
    assert after.ok
    assert _adopt(room) == result


def test_other_shims_survive_the_sweep(room: Room) -> None:
    async def use(pool: ShimPool) -> tuple[Exit, Exit]:
        other = asyncio.create_task(pool.run(room.shell("while [ ! -e go ]; do sleep 0.02; done; exit 5", name="other")))
        task = asyncio.create_task(pool.run(room.shell("sleep 1000")))
        both = [room.directory(name) / "shim.json" for name in ("a", "other")]
        await until_async(lambda: all(path.exists() for path in both))
        os.kill(_record(room.directory())["shim"], signal.SIGKILL)
        lost = await task
        (room.work / "go").touch()
        return lost, await other

    lost, other = room.with_pool(use)
    assert (lost.cause, other.code) == ("lost", 5)


@pytest.mark.parametrize("stray", list(STRAYS)[:2])
@pytest.mark.parametrize("first", ["engine", "shim"])
def test_both_die(room: Room, stray: str, first: str) -> None:
    engine = Engine(room, STRAYS[stray])
    pid = until(lambda: pid_in(room.work / "pid"))
    shim = _record(room.directory())["shim"]
    kills: list[Callable[[], None]] = [engine.kill, lambda: os.kill(shim, signal.SIGKILL)]
    for kill in kills if first == "engine" else kills[::-1]:
        kill()
    until(lambda: not alive(shim))
    result = _adopt_elsewhere(room)
    assert result.cause == "lost"
    assert result.leftovers >= 2
    assert not alive(pid)
    assert not alive(_record(room.directory())["child"])


def test_a_result_without_its_name_is_still_a_result(room: Room) -> None:
    """The shim died between writing and renaming."""
    result = room.run(room.shell("exit 5"))
    (room.directory() / "exit.json").rename(room.directory() / "exit.json.tmp")
    assert _adopt(room) == result


def test_half_a_result_is_none(room: Room) -> None:
    room.run(room.shell("exit 5"))
    (room.directory() / "exit.json").unlink()
    (room.directory() / "exit.json.tmp").write_text('{"cause": "exi')
    result = _adopt(room)
    assert result is not None
    assert result.cause == "lost"


@pytest.fixture
def innocent() -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own which has nothing to do with us."""
    process = subprocess.Popen(["sleep", "1000"], env={"CHARGEHAND_HOUSE": "1"}, start_new_session=True)
    yield process
    process.kill()
    process.wait()


def _pretend(room: Room, **record: object) -> None:
    room.directory().mkdir()
    (room.directory() / "shim.json").write_text(json.dumps(record) + "\n")


@pytest.mark.parametrize("reused", ["after a reboot", "by another process"])
def test_a_reused_pid_is_not_swept_away(room: Room, innocent: subprocess.Popen[bytes], reused: str) -> None:
    started = tree.look(innocent.pid)
    assert started
    rebooted = reused == "after a reboot"
    born = started.start if rebooted else started.start - 10
    boot = "another" if rebooted else tree.boot_id()
    _pretend(room, shim=0, shim_start=born - 5, boot=boot, child=innocent.pid, born_after=born, born_before=born)
    result = _adopt(room)
    assert result is not None
    assert (result.cause, result.leftovers) == ("lost", 0)
    assert innocent.poll() is None


@pytest.mark.parametrize("reused", ["after a reboot", "by another process"])
def test_a_reused_pid_is_not_cancelled(room: Room, innocent: subprocess.Popen[bytes], reused: str) -> None:
    """Somebody who happens to hold the lock makes the launch look busy."""
    started = tree.look(innocent.pid)
    assert started
    rebooted = reused == "after a reboot"
    boot = "another" if rebooted else tree.boot_id()
    _pretend(room, shim=innocent.pid, shim_start=started.start - (0 if rebooted else 10), boot=boot)
    with (room.directory() / "shim.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        ShimPool(room.root / "shim.log").cancel(room.directory())
    with pytest.raises(subprocess.TimeoutExpired):
        innocent.wait(0.1)


def test_a_record_without_owner_is_lost_and_can_never_be_started(room: Room) -> None:
    room.directory().mkdir()
    (room.directory() / "shim.json").touch()
    result = room.run(room.shell("echo started > ../count"))
    assert result.cause == "lost"
    assert "before the program was started" in result.error
    assert not (room.root / "count").exists()


def test_a_record_being_made_is_not_taken_for_dead(room: Room) -> None:
    """The adopter comes between the making of the record and its lock; the shim is only slow."""
    room.directory().mkdir()
    record = (room.directory() / "shim.json").open("w")

    def go_on() -> None:
        fcntl.flock(record, fcntl.LOCK_EX)
        (room.directory() / "exit.json").write_text('{"cause": "exited", "code": 5}')
        record.close()

    late = threading.Timer(0.3, go_on)
    late.start()
    result = _adopt(room)
    late.join()
    assert result is not None
    assert result.code == 5


def test_signals_of_the_terminal_do_not_reach_the_agent(room: Room) -> None:
    async def use(pool: ShimPool) -> Exit:
        task = asyncio.create_task(pool.run(room.shell("while [ ! -e go ]; do sleep 0.02; done; exit 5")))
        await until_async((room.directory() / "shim.json").exists)
        shim = _record(room.directory())["shim"]
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            os.killpg(shim, number)
        (room.work / "go").touch()
        return await task

    assert room.with_pool(use).code == 5


def test_a_closed_pool_leaves_busy_shims_alone(room: Room) -> None:
    async def use(pool: ShimPool) -> None:
        task = asyncio.create_task(pool.run(room.shell("while [ ! -e go ]; do sleep 0.02; done; exit 5")))
        await until_async((room.directory() / "shim.json").exists)
        await pool.close()
        with pytest.raises(asyncio.CancelledError):
            await task

    room.with_pool(use)
    (room.work / "go").touch()
    result = _adopt(room)
    assert result is not None
    assert result.code == 5
