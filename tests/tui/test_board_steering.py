"""Steering a real run from the board: requests go through the ledger to an engine in another process."""

from __future__ import annotations

from tests.run.conftest import Place

from .ledger import name
from .seat import Seat, sit

SLOW = 'if [ "$CHARGEHAND_TASK_ID" = TASK-001 ]; then sleep 60; fi; mkdir -p out; echo x > out/$CHARGEHAND_TASK_ID'


def test_pause_resume_cancel_and_stop(place: Place) -> None:
    place.spec("TASK-001 P0", "TASK-002 P1", "TASK-003 P2 after TASK-002", commit=False)
    place.config("jobs = 1\n[retry]\nattempts = 1\n", agent=SLOW)

    async def go(seat: Seat) -> None:
        await seat.until(lambda: seat.where(name(1)) == "IN PROGRESS")
        seat.app.choose(name(1))
        await seat.press("p")
        await seat.until("paused")
        assert "by the board" in seat.lines[0]
        await seat.press("u")
        await seat.until("r1 running")
        assert "end the agent of TASK-001?" in await seat.press("x")
        await seat.press("n")
        assert seat.where(name(1)) == "IN PROGRESS"
        await seat.press("enter")
        assert "end the agent of TASK-001?" in await seat.press("x")  # from the task's own page too
        await seat.press("y", "escape")
        await seat.until(lambda: name(2) in seat.app.feed.cards and seat.where(name(2)) == "DONE")
        await seat.press("s", "y")
        await seat.until(lambda: not seat.app.feed.alive)

    with place.start("run", "--all") as engine:
        sit(place.root, go, columns=120)
        engine.communicate(timeout=30)
    kinds = [event["event"] for event in place_events(place)]
    assert "run.paused" in kinds
    assert "run.resumed" in kinds


def test_cancel_everything(place: Place) -> None:
    place.spec("TASK-001", commit=False)
    place.config(agent=SLOW)

    async def go(seat: Seat) -> None:
        await seat.until(lambda: seat.where(name(1)) == "IN PROGRESS")
        await seat.press("X", "y")
        await seat.until(lambda: not seat.app.feed.alive)

    with place.start("run", "--all") as engine:
        sit(place.root, go)
        engine.communicate(timeout=30)


def test_retry_without_an_engine_starts_one_in_the_background(finished: Place) -> None:
    finished.config('[retry]\nattempts = 2\n[gates.there]\ncommand = "ls out/*.txt"\n')

    async def go(seat: Seat) -> None:
        seat.app.choose(name(3))
        await seat.press("r")
        await seat.until(lambda: seat.where(name(3)) == "DONE")
        await seat.until(lambda: not seat.app.feed.alive)
        assert seat.where(name(4)) in {"TODO", "DONE"}

    sit(finished.root, go, columns=120)
    assert finished.states()[name(3)] == "landed"


def test_resume_takes_up_what_a_stop_left(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001", commit=False)
    place.config(agent="mkdir -p out; sleep 0.5; echo x > out/$CHARGEHAND_TASK_ID")
    with place.start("run", "--all") as engine:

        async def stop(seat: Seat) -> None:
            await seat.until(lambda: seat.where(name(1)) == "IN PROGRESS")
            await seat.press("s", "y")
            await seat.until(lambda: not seat.app.feed.alive and seat.app.feed.state == "stopped")
            await seat.press("u")
            await seat.until(lambda: seat.where(name(2)) == "DONE")

        sit(place.root, stop)
        engine.communicate(timeout=30)
    assert place.states() == {name(1): "landed", name(2): "landed"}


def test_what_is_asked_is_answered_with_a_key(place: Place) -> None:
    place.spec("TASK-001 P0", "TASK-002 P1", "TASK-003 P2 after TASK-002", commit=False)
    place.config('[approval]\ntasks = "all"\n')

    async def go(seat: Seat) -> None:
        await seat.until(lambda: seat.where(name(1)) == seat.where(name(2)) == "NEEDS YOU")
        seat.app.choose(name(1))
        text = await seat.press("up")
        assert "a approve" in text
        assert "d reject" in text
        assert "r retry" not in text
        assert "what is to be changed in TASK-001?" in await seat.press("f")
        await seat.press(*"more", "enter")
        await seat.until(lambda: seat.app.feed.cards[name(1)].attempts == 2 and seat.where(name(1)) == "NEEDS YOU")
        assert "let TASK-001 land?" in await seat.press("a")
        await seat.press("y")
        await seat.until(lambda: seat.where(name(1)) == "DONE")
        seat.app.choose(name(2))
        assert "why is TASK-002 given up?" in await seat.press("d")
        await seat.press("escape")
        assert seat.where(name(2)) == "NEEDS YOU"
        await seat.press("d", *"no", "enter")
        await seat.until(lambda: seat.where(name(2)) == "FAILED")
        seat.app.choose(name(3))
        await seat.press("S", "x", "enter")
        await seat.until(lambda: seat.where(name(3)) == "DONE")
        seat.app._edges()
        assert "a approve" not in seat.text

    with place.start("watch") as engine:
        sit(place.root, go, columns=160)
        place.run("stop")
        engine.communicate(timeout=30)
    answers = [
        (event["task"], event["answer"], event.get("comment", ""))
        for event in place_events(place)
        if event["event"] == "question.answered"
    ]
    assert answers == [(name(1), "fix", "more"), (name(1), "approve", ""), (name(2), "reject", "no")]


def place_events(place: Place) -> list[dict[str, str]]:
    import json

    return [json.loads(line) for line in place.run("audit-log").stdout.splitlines()]
