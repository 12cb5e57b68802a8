"""Limits of time, silence and output hold, whatever the program does."""

from __future__ import annotations

import asyncio
import os
import re
import time
from pathlib import Path

import pytest
from tests.process.process_room import Room, alive, pid_in, room_fixture, until, until_async  # noqa: F401

from chargehand.model.work import Exit
from chargehand.process.pool import ShimPool
from chargehand.process.progress import Progress

MIB = 1 << 20


def test_a_hang_ends_with_the_timeout(room: Room) -> None:
    result = room.run(room.launch("sleep", "1000", timeout_s=0.2))
    assert (result.cause, result.code, result.signal) == ("timeout", None, 15)
    assert result.ended_at - result.started_at >= 0.2


def test_who_ignores_term_is_killed(room: Room) -> None:
    result = room.run(room.shell("trap '' TERM; echo on; sleep 1000; sleep 1000", timeout_s=0.3, kill_s=0.2))
    assert (result.cause, result.signal) == ("timeout", 9)


def test_who_handles_term_may_finish_its_words(room: Room) -> None:
    script = "trap 'echo bye; exit 7' TERM; echo on; while :; do sleep 0.02; done"
    result = room.run(room.shell(script, timeout_s=0.3, kill_s=20))
    assert (result.cause, result.code) == ("timeout", 7)
    assert room.stdout().endswith(b"bye\n")


def test_silence_is_a_stall(room: Room) -> None:
    result = room.run(room.shell("echo on; sleep 1000", stall_s=0.3, timeout_s=60))
    assert result.cause == "stall"


def test_closed_output_is_silence_not_the_end(room: Room) -> None:
    result = room.run(room.shell("exec >&- 2>&-; sleep 1000", stall_s=0.3, timeout_s=60))
    assert result.cause == "stall"


def test_output_is_a_sign_of_life(room: Room) -> None:
    result = room.run(room.shell("for i in 1 2 3 4 5; do echo $i; sleep 0.3; done", stall_s=1.0))
    assert result.ok


@pytest.mark.parametrize("touch", ["echo $i > src/deep/new$i", "echo $i > src/deep/old"])
def test_changed_files_are_a_sign_of_life(room: Room, touch: str) -> None:
    (room.work / "src" / "deep").mkdir(parents=True)
    result = room.run(room.shell(f"for i in 1 2 3 4 5; do {touch}; sleep 0.3; done", stall_s=1.0))
    assert result.ok


def test_a_file_from_the_future_is_no_sign_of_life(room: Room) -> None:
    future = room.work / "future"
    future.touch()
    os.utime(future, (time.time() + 10**7,) * 2)
    assert room.run(room.launch("sleep", "1000", stall_s=0.3, timeout_s=60)).cause == "stall"


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_a_clock_that_is_set_neither_ends_who_works_nor_keeps_who_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    ahead, wall = [0.0], time.time
    monkeypatch.setattr(time, "time", lambda: wall() + ahead[0])
    progress, began = Progress(str(tmp_path)), time.monotonic()
    assert progress.last() <= time.monotonic()
    ahead[0] = jump
    assert progress.last() >= began, "what changed before the clock was set may just have changed"
    hangs = progress.last()
    time.sleep(0.05)
    assert progress.last() <= hangs


def test_work_in_the_object_store_alone_is_none(room: Room) -> None:
    (room.work / ".git" / "objects").mkdir(parents=True)
    script = "sleep 0.2; while :; do echo >> .git/objects/pack; sleep 0.1; done"
    (room.work / ".git" / "objects" / "pack").touch()
    assert room.run(room.shell(script, stall_s=0.6, timeout_s=60)).cause == "stall"


def _high_water(pid: int) -> int:
    """Most memory a process ever had, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


FLOODS = {
    "lines": "import os\nline = (b'x' * 99 + b'\\n') * 10000\nfor _ in range(200): os.write(1, line)\nos.write(1, b'the end\\n')",
    "one line": "import os\nfor _ in range(200): os.write(1, b'x' * 1000000)\nos.write(1, b'the end\\n')",
    "crumbs": "import os\nfor _ in range(300000): os.write(1, b'x')\nos.write(1, b'the end\\n')",
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_is_capped_on_disk_and_flat_in_memory(room: Room, flood: str) -> None:
    cap = 100_000

    async def use(pool: ShimPool) -> tuple[Exit, int]:
        await pool.run(room.shell("echo $PPID", name="first"))
        shim = int(room.stdout("first"))
        return await pool.run(room.python(FLOODS[flood], output_cap=cap)), _high_water(shim)

    result, memory = room.with_pool(use)
    assert result.ok
    log = room.stdout()
    assert result.stdout_bytes == (300_008 if flood == "crumbs" else 200_000_008)
    assert result.truncated == (flood != "crumbs")
    assert len(log) <= cap + 2 * MIB + 100
    assert log.startswith(b"x" * 99)
    assert log.endswith(b"the end\n")
    assert memory < 30 * MIB
    if result.truncated:
        kept = re.search(rb"\n\[chargehand: (\d+) bytes left out here\]\n", log)
        assert kept
        assert int(kept[1]) + len(log) - len(kept[0]) == result.stdout_bytes


def test_a_full_disk_stops_neither_the_program_nor_us(room: Room) -> None:
    """A device that refuses every write stands where the log would be."""
    room.directory().mkdir()
    (room.directory() / "stdout.log").symlink_to("/dev/full")
    result = room.run(room.python("import os\nfor _ in range(50): os.write(1, b'x' * 100000)\nos.write(2, b'done')"))
    assert result.ok
    assert result.stdout_bytes == 5_000_000
    assert result.truncated
    assert "stdout.log: No space left on device" in result.error
    assert (room.directory() / "stderr.log").read_bytes() == b"done"


def test_a_result_that_cannot_be_written_is_still_reported_and_written_later(room: Room) -> None:
    obstacle = room.directory() / "exit.json.tmp"
    obstacle.mkdir(parents=True)

    async def use(pool: ShimPool) -> tuple[Exit, Exit | None, Exit]:
        first = await pool.run(room.shell("exit 3"))
        other = await pool.run(room.shell("exit 4", name="b"))
        waiting = asyncio.create_task(pool.adopt(room.directory()))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        obstacle.rmdir()
        return first, await waiting, other

    first, adopted, other = room.with_pool(use)
    assert (first.code, other.code) == (3, 4)
    assert adopted == first


def test_a_cancelled_program_ends_with_all_it_started(room: Room) -> None:
    async def use(pool: ShimPool) -> tuple[Exit, Exit]:
        task = asyncio.create_task(pool.run(room.shell("setsid sh -c 'echo $$ > pid; exec sleep 1000' & sleep 1000")))
        pid = await until_async(lambda: pid_in(room.work / "pid"))
        pool.cancel(room.directory())
        pool.cancel(room.directory())
        result = await task
        assert not alive(pid)
        return result, await pool.run(room.shell("exit 0", name="b"))

    result, after = room.with_pool(use)
    assert result.cause == "cancelled"
    assert after.ok


def test_a_cancellation_at_once_comes_through(room: Room) -> None:
    async def use(pool: ShimPool) -> Exit:
        task = asyncio.create_task(pool.run(room.launch("sleep", "1000")))
        await asyncio.sleep(0)
        pool.cancel(room.directory())
        return await task

    assert room.with_pool(use).cause == "cancelled"


def test_cancelling_what_does_not_run_does_nothing(room: Room) -> None:
    async def use(pool: ShimPool) -> Exit:
        pool.cancel(room.directory("never"))
        await pool.run(room.shell("exit 0"))
        pool.cancel(room.directory())
        return await pool.run(room.shell("exit 0", name="b"))

    assert room.with_pool(use).ok


def test_cancelled_while_it_floods(room: Room) -> None:
    async def use(pool: ShimPool) -> Exit:
        task = asyncio.create_task(pool.run(room.launch("yes", output_cap=1000)))
        await until_async((room.directory() / "stdout.log").exists)
        pool.cancel(room.directory())
        return await task

    result = room.with_pool(use)
    assert result.cause == "cancelled"
    assert until((room.directory() / "exit.json").exists)
