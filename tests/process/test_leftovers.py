"""When an attempt is over, nothing it started is left, whatever it did to hide."""

from __future__ import annotations

import pytest
from tests.process.process_room import Room, alive, pid_in, room_fixture, until  # noqa: F401

# Each leaves a process behind that writes its pid to the file `pid` and would live for long.
HIDING = {
    "background": "sh -c 'echo $$ > pid; exec sleep 1000' &",
    "nohup": "nohup sh -c 'echo $$ > pid; exec sleep 1000' >/dev/null 2>&1 &",
    "new session": "setsid sh -c 'echo $$ > pid; exec sleep 1000' &",
    "double fork": "(setsid sh -c '(sh -c \"echo \\$\\$ > pid; exec sleep 1000\" &)' &);",
    "empty environment": "env -i setsid /bin/sh -c 'echo $$ > pid; exec sleep 1000' >/dev/null 2>&1 </dev/null &",
    "deaf to TERM": "setsid sh -c 'trap \"\" TERM HUP INT; echo $$ > pid; while :; do sleep 1; done' &",
    "stopped": "setsid sh -c 'echo $$ > pid; kill -STOP $$; exec sleep 1000' &",
    "stopped and deaf": "setsid sh -c 'trap \"\" TERM; echo $$ > pid; kill -STOP $$; exec sleep 1000' &",
}
WAIT = " while [ ! -s pid ]; do sleep 0.01; done;"


@pytest.mark.parametrize("how", HIDING)
def test_after_a_normal_end(room: Room, how: str) -> None:
    result = room.run(room.shell(HIDING[how] + WAIT + "exit 3", kill_s=0.3))
    assert not alive(pid_in(room.work / "pid"))
    assert (result.cause, result.code) == ("exited", 3)
    assert result.leftovers >= 1


@pytest.mark.parametrize("how", HIDING)
def test_after_a_timeout(room: Room, how: str) -> None:
    result = room.run(room.shell(HIDING[how] + WAIT + "sleep 1000", timeout_s=0.5, kill_s=0.3))
    pid = pid_in(room.work / "pid")
    assert pid
    assert not alive(pid)
    assert result.cause == "timeout"


def test_a_stopped_one_may_still_put_its_things_in_order(room: Room) -> None:
    script = "setsid sh -c 'trap \"echo bye > bye; exit\" TERM; echo $$ > pid; kill -STOP $$; while :; do sleep 0.02; done' &"
    room.run(room.shell(script + WAIT + "exit 0", kill_s=20))
    assert (room.work / "bye").exists()


def test_one_that_keeps_forking_is_caught(room: Room) -> None:
    """A chain of processes of which each starts the next and dies; TERM is ignored and every link has a session of its own."""
    script = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    while True:
        os.setsid()
        open('link', 'w').write(f'{os.getpid()}\\n')
        time.sleep(0.001)
        if os.fork():
            os._exit(0)
time.sleep(0.2)
"""
    result = room.run(room.python(script, kill_s=0.2))
    assert result.cause == "exited"
    assert not result.error
    last = (room.work / "link").read_text()
    assert not alive(int(last or 0))


def test_the_output_of_a_leftover_does_not_hold_us(room: Room) -> None:
    result = room.run(room.shell("setsid sh -c 'echo $$ > pid; echo late; exec sleep 1000' &" + WAIT + "exit 0"))
    assert result.ok
    assert result.ended_at - result.started_at < 60
    assert room.stdout() == b"late\n"


def test_without_leftovers_none_are_counted(room: Room) -> None:
    assert room.run(room.shell("(sleep 0.05; exit 0) & wait; exit 0")).leftovers == 0


def test_orphans_that_die_early_leave_no_zombies(room: Room) -> None:
    script = 'for i in 1 2 3 4 5; do (setsid true &); done; sleep 0.5; grep -l "^PPid:[[:space:]]*$PPID$" /proc/[0-9]*/status'
    room.run(room.shell(script))
    assert len(room.stdout().splitlines()) == 1
