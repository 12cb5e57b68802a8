"""A program is run as it was asked for, and what it did is told as it was."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import msgspec
import pytest
from tests.process.process_room import Room, room_fixture  # noqa: F401

from chargehand.model.work import Exit
from chargehand.ports import Launch
from chargehand.process.pool import ShimPool


def test_output_code_and_times(room: Room) -> None:
    before = time.time()
    result = room.run(room.shell("echo out; echo err >&2; exit 3"))
    assert (result.cause, result.code, result.signal, result.ok) == ("exited", 3, None, False)
    assert room.stdout() == b"out\n"
    assert (room.directory() / "stderr.log").read_bytes() == b"err\n"
    assert (result.stdout_bytes, result.stderr_bytes, result.truncated) == (4, 4, False)
    assert before <= result.started_at <= result.ended_at <= time.time()
    assert result.error == ""


def test_the_result_is_on_disk_too(room: Room) -> None:
    result = room.run(room.shell("exit 0"))
    assert msgspec.json.decode((room.directory() / "exit.json").read_bytes(), type=Exit) == result
    assert result.ok


def test_a_silent_program_leaves_no_logs(room: Room) -> None:
    room.run(room.shell("exit 0"))
    assert sorted(path.name for path in room.directory().iterdir()) == ["exit.json", "shim.json"]


def test_the_environment_is_as_given_but_for_the_marker(room: Room) -> None:
    room.run(room.launch("/usr/bin/env", env={"A": "1", "B": "ü\n2"}))
    assert room.stdout().decode() == f"A=1\nB=ü\n2\nCHARGEHAND_LAUNCH={room.directory()}\n"


def test_the_program_is_found_in_its_own_path(room: Room) -> None:
    tools = room.root / "tools"
    tools.mkdir()
    (tools / "mine").write_text("#!/bin/sh\necho found\n")
    (tools / "mine").chmod(0o755)
    assert room.run(room.launch("mine", env={"PATH": f"/nowhere:{tools}"})).ok
    assert room.stdout() == b"found\n"


def test_stdin_is_a_file_or_nothing(room: Room) -> None:
    prompt = room.root / "prompt"
    prompt.write_bytes(b"do it\xff\n")
    room.run(room.launch("cat", stdin=str(prompt)))
    assert room.stdout() == b"do it\xff\n"
    assert room.run(room.launch("cat", name="b")).stdout_bytes == 0


def test_it_starts_in_its_directory_in_a_session_of_its_own_with_default_signals(room: Room) -> None:
    script = "import os, signal; print(os.getcwd(), os.getsid(0) == os.getpid(), "
    script += "[n for n in range(1, 32) if n not in (9, 19) and signal.getsignal(n) == signal.SIG_IGN])"
    # What Python itself ignores, it ignores also there.
    expected = f"{room.work} True [13, 25]"
    room.run(room.python(script))
    assert room.stdout().decode().strip() == expected


def test_no_file_of_ours_or_of_the_terminal_is_open_in_the_program(room: Room) -> None:
    """As when the engine itself was started with files open that nobody closes for it."""
    inherited = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(inherited, True)
    room.run(room.python("import os; print(sorted(os.listdir('/proc/self/fd'))[:-1])"))
    os.close(inherited)
    assert room.stdout().decode().strip() == "['0', '1', '2']"


def test_death_by_signal(room: Room) -> None:
    result = room.run(room.shell("kill -SEGV $$"))
    assert (result.cause, result.code, result.signal) == ("exited", None, 11)
    assert result.describe() == "killed by signal 11"


@pytest.mark.parametrize("name", ["no-such-program", "/no/such/program", "./data", "bad\0name"])
def test_what_cannot_be_executed(room: Room, name: str) -> None:
    (room.work / "data").write_text("no program")
    result = room.run(room.launch(name))
    assert (result.cause, result.code, result.signal) == ("not_started", None, None)
    assert result.error
    assert json.loads((room.directory() / "exit.json").read_text())["cause"] == "not_started"


def test_a_missing_working_directory_or_stdin(room: Room) -> None:
    gone = msgspec.structs.replace(room.shell("exit 0"), cwd=str(room.root / "gone"))
    assert room.run(gone).cause == "not_started"
    result = room.run(room.shell("exit 0", name="b", stdin=str(room.root / "no-prompt")))
    assert result.cause == "not_started"
    assert "no-prompt" in result.error


def test_bytes_that_are_no_text_pass_in_arguments_and_output(room: Room) -> None:
    word = os.fsdecode(b"caf\xe9")
    room.run(room.launch("printf", "%s", word, env={"PATH": os.environ["PATH"], "ODD": word}))
    assert room.stdout() == b"caf\xe9"


def test_a_large_launch(room: Room) -> None:
    words = ["x" * 100_000] * 10
    result = room.run(room.launch("sh", "-c", 'echo "$#"', "sh", *words))
    assert result.ok
    assert room.stdout() == b"10\n"


def test_a_directory_is_started_once_by_one_pool(room: Room) -> None:
    launch = room.shell("echo started >> ../count; sleep 0.1; exit 4")

    async def use(pool: ShimPool) -> list[Exit]:
        return [*await asyncio.gather(pool.run(launch), pool.run(launch)), await pool.run(launch)]

    results = room.with_pool(use)
    assert [result.code for result in results] == [4, 4, 4]
    assert (room.root / "count").read_text() == "started\n"


def test_two_pools_race_for_one_directory(room: Room) -> None:
    launches = [room.shell("echo started >> ../count; exit 4", name=f"d{n}") for n in range(20)]

    async def race() -> list[Exit]:
        pools = [ShimPool(room.root / "shim.log") for _ in range(2)]
        results = await asyncio.gather(*(pool.run(launch) for launch in launches for pool in pools))
        for pool in pools:
            await pool.close()
        return results

    assert [result.code for result in asyncio.run(race())] == [4] * 40
    assert (room.root / "count").read_text() == "started\n" * 20


def test_sixty_four_at_once(room: Room) -> None:
    """Each waits until it sees all others: only if they really run at the same time will they end."""
    (room.root / "seen").mkdir()
    script = "touch ../seen/$$; while [ $(ls ../seen | wc -l) -lt 64 ]; do sleep 0.3; done; echo $$"
    launches = [room.shell(script, name=f"d{n}", timeout_s=60) for n in range(64)]

    async def use(pool: ShimPool) -> list[Exit]:
        return await asyncio.gather(*(pool.run(launch) for launch in launches))

    assert all(result.ok for result in room.with_pool(use))
    assert len({room.stdout(f"d{n}") for n in range(64)}) == 64


def _open_files(process: int | str = "self") -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def test_a_shim_serves_many_and_nothing_stays_open(room: Room) -> None:
    def of(n: int) -> Launch:
        return room.shell("echo $PPID; echo err >&2", name=f"d{n}")

    async def use(pool: ShimPool) -> None:
        await pool.run(of(0))
        shim = int(room.stdout("d0"))
        before = _open_files(), _open_files(shim)
        for n in range(1, 100):
            assert (await pool.run(of(n))).ok
        assert {int(room.stdout(f"d{n}")) for n in range(100)} == {shim}
        assert (_open_files(), _open_files(shim)) == before

    before = _open_files()
    room.with_pool(use)
    assert _open_files() == before


def test_idle_shims_leave_when_the_pool_closes(room: Room) -> None:
    room.run(room.shell("echo $PPID"))
    assert not Path(f"/proc/{int(room.stdout())}").exists()


def test_an_idle_shim_that_died_is_replaced(room: Room) -> None:
    async def use(pool: ShimPool) -> Exit:
        await pool.run(room.shell("echo $PPID"))
        os.kill(int(room.stdout()), 9)
        return await pool.run(room.shell("exit 5", name="b"))

    assert room.with_pool(use).code == 5


def test_a_run_nobody_waits_for_any_more_goes_on(room: Room) -> None:
    async def use(pool: ShimPool) -> Exit | None:
        task = asyncio.create_task(pool.run(room.shell("sleep 0.3; exit 6")))
        while not (room.directory() / "shim.json").exists():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await pool.adopt(room.directory())

    result = room.with_pool(use)
    assert result is not None
    assert result.code == 6
