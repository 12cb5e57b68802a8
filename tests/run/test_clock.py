"""A clock that is set while something waits: a day back holds up nobody, a day ahead lets no time run out."""

from __future__ import annotations

import pytest

from chargehand.engine.due import Due
from chargehand.wiring import SystemClock

DAY_S = 86_400.0


class Hands:
    """A wall clock that is set by hand, and the time that really passes."""

    wall, real = 1_000_000.0, 50.0

    def now(self) -> float:
        return self.wall

    def elapsed(self) -> float:
        return self.real

    async def sleep(self, _seconds: float) -> None: ...

    def pass_(self, seconds: float) -> None:
        self.wall, self.real = self.wall + seconds, self.real + seconds


@pytest.mark.parametrize("jump", [-DAY_S, 0.0, DAY_S])
def test_what_was_waited_for_before_the_clock_was_set_comes_when_it_would_have_come(jump: float) -> None:
    clock = Hands()
    due, until = Due(clock), clock.wall + 30
    assert due.left(until, 30) == 30
    clock.wall += jump
    clock.pass_(20)
    assert due.left(until, 30) == 10
    clock.pass_(10)
    assert due.left(until, 30) == 0


def test_an_engine_that_begins_with_a_clock_set_back_waits_no_longer_than_was_to_be_waited() -> None:
    clock = Hands()
    until = clock.wall + 30
    clock.wall -= DAY_S
    assert Due(clock).left(until, 30) == 30


def test_a_machine_that_slept_finds_the_time_over() -> None:
    clock = Hands()
    due, until = Due(clock), clock.wall + 30
    due.left(until, 30)
    clock.pass_(DAY_S)
    assert due.left(until, 30) < 0


def test_the_machines_own_clock_goes_on() -> None:
    clock = SystemClock()
    first = clock.elapsed()
    assert clock.elapsed() >= first
    assert abs(clock.now() - first) > 1  # it is not the wall clock
