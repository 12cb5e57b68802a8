"""Ten seconds after cancel, timeout or stall nothing of an attempt is left, however many there are and whatever they do to stay."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.process.process_room import Room, alive, room_fixture, until_async  # noqa: F401

from chargehand.model.work import Exit
from chargehand.process.pool import ShimPool

GONE_WITHIN_S = 10.0
CHILDREN = 50

# Each in a session of its own, with an empty environment, deaf to every polite signal; every second one stops itself. Then their
# parent, as deaf, stops itself too.
CHILD = 'trap "" HUP INT QUIT TERM; echo $$ >> pids; test $1 = 0 || kill -STOP $$; while :; do sleep 1; done'
SWARM = f"""
trap "" HUP INT QUIT TERM
for number in $(seq {CHILDREN}); do
  env -i setsid /bin/sh -c '{CHILD}' child $((number % 2)) < /dev/null > /dev/null 2>&1 &
done
kill -STOP $$
while :; do sleep 1; done
"""
LIMITS = {"cancelled": {}, "timeout": {"timeout_s": 3.0}, "stall": {"stall_s": 2.0}}


def pids(room: Room) -> list[int]:
    file = room.work / "pids"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


@pytest.mark.parametrize("cause", LIMITS)
def test_a_swarm_that_does_all_it_can_to_stay(room: Room, cause: str) -> None:
    async def use(pool: ShimPool) -> tuple[Exit, float]:
        running = asyncio.create_task(pool.run(room.shell(SWARM, kill_s=1.0, **LIMITS[cause])))
        await until_async(lambda: len(pids(room)) == CHILDREN or running.done())
        started = time.monotonic()
        if cause == "cancelled":
            pool.cancel(room.directory())
        return await running, time.monotonic() - started

    result, took = room.with_pool(use)
    assert result.cause == cause
    assert result.error == ""
    assert pids(room)
    assert not [pid for pid in pids(room) if alive(pid)]
    assert took < GONE_WITHIN_S + sum(LIMITS[cause].values())
