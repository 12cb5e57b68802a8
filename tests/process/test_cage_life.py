"""A caged program begins, lives and ends as it would outside: same codes, same signals, same limits, and nothing outlives it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.process.cage_room import Cell, cell_fixture  # noqa: F401
from tests.process.process_room import alive, room_fixture, until, until_async  # noqa: F401
from tests.process.test_survival import ENGINE

from chargehand.model.work import Exit
from chargehand.process import tree
from chargehand.process.pool import ShimPool


@pytest.mark.parametrize("code", [0, 3, 127, 137, 143, 255])
def test_the_exit_code_comes_through(cell: Cell, code: int) -> None:
    result = cell.run(cell.shell(f"exit {code}"))
    assert (result.cause, result.code, result.signal, result.error) == ("exited", code, None, "")


@pytest.mark.parametrize("number", [1, 2, 9, 11, 15])
def test_death_by_signal_comes_through(cell: Cell, number: int) -> None:
    result = cell.run(cell.shell(f"kill -{number} $$"))
    assert (result.cause, result.code, result.signal, result.error) == ("exited", None, number, "")


def test_it_has_a_session_of_its_own_and_default_signals(cell: Cell) -> None:
    script = "import os, signal; print(os.getcwd(), os.getsid(0) == os.getpid() == os.getpgrp(), "
    script += (
        "[n for n in range(1, 32) if n not in (9, 19) and signal.getsignal(n) == signal.SIG_IGN], signal.pthread_sigmask(0, []))"
    )
    cell.run(cell.python(script))
    assert cell.launches.stdout().decode().strip() == f"{cell.work} True [13, 25] set()"


def test_prompt_and_streams(cell: Cell) -> None:
    prompt = cell.path("prompt.md", "do it")
    result = cell.run(cell.shell("cat; echo bad >&2", stdin=str(prompt)))
    assert (result.stdout_bytes, result.stderr_bytes, cell.err()) == (5, 4, "bad\n")


@pytest.mark.parametrize("name", ["no-such-program", "/no/such/program", "./data"])
def test_what_cannot_be_executed_is_told_as_outside(cell: Cell, name: str) -> None:
    (cell.work / "data").write_text("no program")
    result = cell.run(cell.launch(name))
    bare = cell.run(cell.launches.launch(name, name="bare"))
    assert (result.cause, result.code, result.signal) == ("not_started", None, None)
    assert result.error == bare.error


def test_a_cage_that_cannot_be_made_is_no_answer_of_the_program(cell: Cell) -> None:
    launch = cell.shell("exit 0")
    result = cell.run(msgspec.structs.replace(launch, argv=(launch.argv[0], "--bind", "/no/such", "/x", *launch.argv[1:])))
    assert result.cause == "not_started"
    assert "/no/such" in result.error


def test_who_handles_term_may_finish_his_words(cell: Cell) -> None:
    script = "trap 'echo bye; exit 7' TERM; echo on; while :; do sleep 0.02; done"
    result = cell.run(cell.shell(script, timeout_s=0.5, kill_s=20))
    assert (result.cause, result.code, result.signal) == ("timeout", 7, None)
    assert cell.launches.stdout() == b"on\nbye\n"


def test_who_ignores_term_is_killed(cell: Cell) -> None:
    result = cell.run(cell.shell("trap '' TERM; echo on; sleep 1000; sleep 1000", timeout_s=0.5, kill_s=0.2))
    assert (result.cause, result.signal) == ("timeout", 9)


def test_silence_is_a_stall_and_a_changed_file_is_none(cell: Cell) -> None:
    assert cell.run(cell.shell("sleep 1000", stall_s=0.5, timeout_s=60)).cause == "stall"
    busy = "for i in 1 2 3 4 5; do echo > file$i; sleep 0.3; done"
    assert cell.run(cell.shell(busy, stall_s=1.0, timeout_s=60, name="b")).ok


def test_a_flood_is_capped(cell: Cell) -> None:
    result = cell.run(cell.shell("head -c 5000000 /dev/zero", output_cap=1000))
    assert result.ok
    assert result.stdout_bytes == 5_000_000
    assert result.truncated


def test_a_cancelled_program_ends_with_all_it_started(cell: Cell) -> None:
    async def use(pool: ShimPool) -> tuple[Exit, list[int]]:
        strays = "setsid sh -c 'trap \"\" TERM; touch in; sleep 1000' & setsid env -i sleep 1000 & sleep 1000"
        task = asyncio.create_task(pool.run(cell.shell(strays, kill_s=0.3)))
        await until_async((cell.work / "in").exists)
        inside = _below(cell)
        pool.cancel(cell.launches.directory())
        return await task, inside

    result, inside = cell.launches.with_pool(use)
    assert result.cause == "cancelled"
    assert len(inside) >= 5
    assert not [pid for pid in inside if alive(pid)]


def test_a_cancellation_at_once_comes_through(cell: Cell) -> None:
    async def use(pool: ShimPool) -> Exit:
        task = asyncio.create_task(pool.run(cell.shell("sleep 1000")))
        await asyncio.sleep(0)
        pool.cancel(cell.launches.directory())
        return await task

    assert cell.launches.with_pool(use).cause == "cancelled"


def test_what_outlives_the_program_is_counted_and_ended(cell: Cell) -> None:
    script = "setsid sleep 1000 & (sleep 1000 &); env -i sleep 1000 & exit 4"
    result = cell.run(cell.shell(script, kill_s=0.2))
    assert (result.cause, result.code, result.leftovers) == ("exited", 4, 3)


def test_killing_everything_inside_does_not_reach_the_cage(cell: Cell) -> None:
    """Neither its own group nor every process it sees includes who tells how it ended."""
    assert cell.run(cell.shell("trap '' TERM; kill -TERM 0; kill -KILL 1; kill -TERM -1; exit 5")).code == 5
    assert cell.run(cell.shell("kill -KILL -1; exit 6", name="b")).code == 6


def test_a_stopped_program_is_ended(cell: Cell) -> None:
    result = cell.run(cell.shell("kill -STOP $$", timeout_s=0.5, kill_s=5))
    assert (result.cause, result.signal) == ("timeout", 15)


@pytest.mark.parametrize("caged", [True, False])
def test_a_crowd_of_processes_is_ended(cell: Cell, caged: bool) -> None:
    """A fork bomb, but a small one, that ends in any case."""
    script = "trap '' TERM; i=0; while [ $i -lt 150 ]; do sleep 60 & i=$((i+1)); done; wait; echo survived"
    launch = cell.shell(script, processes=100, kill_s=5, timeout_s=60)
    if not caged:
        launch = cell.launches.shell(script, processes=100, kill_s=5, timeout_s=60)
    result = cell.run(launch)
    assert (result.cause, result.signal, result.error) == ("exited", 9, "ended because it had more than 100 processes")
    assert result.stdout_bytes == 0
    assert result.describe() == "killed by signal 9, ended because it had more than 100 processes"


def test_a_fork_bomb_does_not_outlive_its_bound(cell: Cell) -> None:
    """Every process makes new ones, as fast as it can; it ends by itself should we fail."""
    bomb = "import os, time\nend = time.time() + 20\nwhile time.time() < end:\n    os.fork()\n    time.sleep(0.05)"
    result = cell.run(cell.python(bomb, processes=60, timeout_s=60))
    assert result.cause == "exited"
    assert result.signal in (9, 15)
    assert "more than 60 processes" in result.error


def test_the_supervisor_ends_and_nothing_is_left(cell: Cell) -> None:
    """Not even who left session and environment behind, and of whom nobody else knows."""

    async def use(pool: ShimPool) -> tuple[Exit, list[int]]:
        script = "setsid env -i sh -c 'trap \"\" TERM HUP; (sleep 1000 &) ; touch in; sleep 1000' & sleep 1000"
        task = asyncio.create_task(pool.run(cell.shell(script, kill_s=0.3)))
        await until_async((cell.work / "in").exists)
        inside = _below(cell)
        os.kill(_shim(cell), signal.SIGKILL)
        return await task, inside

    result, inside = cell.launches.with_pool(use)
    assert result.cause == "lost"
    assert len(inside) >= 5
    until(lambda: not [pid for pid in inside if alive(pid)])


def test_engine_and_supervisor_die_at_once_and_nothing_is_left(cell: Cell) -> None:
    """By themselves: nobody comes to look."""
    script = "setsid env -i sh -c 'trap \"\" TERM HUP; touch in; while :; do sleep 1; done' & sleep 1000"
    engine = _engine(cell, script)
    until((cell.work / "in").exists)
    inside = _below(cell)
    assert len(inside) >= 4
    for pid in (engine.pid, _shim(cell)):
        os.kill(pid, signal.SIGKILL)
    engine.wait()
    until(lambda: not [pid for pid in inside if alive(pid)])


def test_the_engine_dies_and_the_agent_goes_on(cell: Cell) -> None:
    engine = _engine(cell, "touch in; while [ ! -e go ]; do sleep 0.02; done; echo after; exit 5")
    until((cell.work / "in").exists)
    engine.kill()
    engine.wait()
    (cell.work / "go").touch()
    result = cell.launches.with_pool(lambda pool: pool.adopt(cell.launches.directory()))
    assert result is not None
    assert (result.cause, result.code) == ("exited", 5)
    assert cell.launches.stdout() == b"after\n"


def test_many_at_once_see_only_themselves(cell: Cell) -> None:
    launches = [cell.shell("sleep 0.2; ls -d /proc/[0-9]* | wc -l", name=f"d{n}") for n in range(12)]

    async def use(pool: ShimPool) -> list[Exit]:
        return await asyncio.gather(*(pool.run(launch) for launch in launches))

    assert all(result.ok for result in cell.launches.with_pool(use))
    assert all(int(cell.launches.stdout(f"d{n}")) <= 5 for n in range(12))


def _engine(cell: Cell, script: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(cell.launches.root / "shim.log")], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert process.stdin
    process.stdin.write(msgspec.json.encode(cell.shell(script, kill_s=0.3)))
    process.stdin.close()
    return process


def _shim(cell: Cell) -> int:
    record = Path(cell.launches.directory() / "shim.json")
    return int(json.loads(until(lambda: record.read_text().splitlines() if record.exists() else [])[0])["shim"])


def _below(cell: Cell) -> list[int]:
    """Everything a supervisor supervises."""
    return [process.pid for process in tree.descendants([_shim(cell)], tree.processes())]
