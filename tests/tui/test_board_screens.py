"""Every screen as text, at 80 and at 200 columns, of a run in which every kind of card stands.

They are kept in screens-80.txt and screens-200.txt. After a wanted change: UPDATE_SCREENS=1 pytest tests/tui/test_board_screens.py
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from chargehand.model.config import NotifyConfig
from chargehand.process.lock import ProjectLock

from .ledger import NOW, Writer, every_kind, name
from .seat import Seat, sit

STEPS = (
    ("board", ()),
    ("board, with the log", ("l",)),
    ("filtered", ("l", "slash", *"is:fail")),
    ("asked", ("escape", "s")),
    ("graph", ("escape", "g")),
    ("timeline", ("escape", "t")),
    ("costs", ("escape", "c")),
    ("help", ("escape", "question_mark")),
    ("board again", ("escape",)),
    ("task: attempts", ("enter", "1")),
    ("task: brief", ("2",)),
    ("task: transcript", ("3",)),
    ("task: diff", ("4",)),
    ("task: verdicts", ("5",)),
    ("task: cost", ("6",)),
    ("task: events", ("7",)),
    ("task that asks", ("escape",)),
)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is always NOW, in UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: NOW)


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (200, 30)])
def test_every_screen(folder: Path, still: None, columns: int, lines: int) -> None:
    every_kind(folder)
    found: list[str] = []

    async def go(seat: Seat) -> None:
        seat.app.choose(name(3))
        seat.app._edges()
        for title, keys in STEPS:
            if title.startswith("task"):
                seat.app.choose(name(12 if title == "task that asks" else 3))
                seat.app._edges()
            text = await seat.press(*keys)
            if title == "task: diff":
                text = await seat.until("no longer kept")
            assert all(len(line) <= columns for line in seat.lines)
            kept = [line for line in text.split("\n") if line]  # what is empty is not kept
            found.append("\n".join([f"=== {title}", *kept]))

    with ProjectLock(folder / ".chargehand/lock", command="test"):
        sit(folder, go, columns=columns, lines=lines)
    file = Path(__file__).with_name(f"screens-{columns}.txt")
    text = "\n".join(found).replace(str(folder), "FOLDER") + "\n"
    if os.environ.get("UPDATE_SCREENS"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), "a screen looks different: see the head of this file"


def test_before_the_first_run_the_board_waits_for_one(folder: Path) -> None:
    (folder / "chargehand.toml").touch()

    async def go(seat: Seat) -> None:
        assert "nothing has run here yet" in seat.text
        assert "enter" not in seat.text.lower()
        await seat.press("enter", "r", "down", "right", "escape")
        every_kind(folder)
        assert "TASK-003" in await seat.until(lambda: seat.where(name(3)) == "IN PROGRESS")

    sit(folder, go)


def test_cards_move_as_the_ledger_says(folder: Path) -> None:
    writer = every_kind(folder)

    async def go(seat: Seat) -> None:
        assert seat.where(name(6)) == "REVIEW"
        assert seat.where(name(7)) == "BLOCKED"
        seat.app.choose(name(6))
        writer.judge(6, "test")
        writer.land_now(6)
        await seat.until(lambda: seat.where(name(6)) == "DONE")
        assert seat.where(name(7)) == "TODO"  # what it waited for has landed
        assert seat.app.chosen == name(6)  # and the chosen card is still the same
        writer.add(13, "Came later", 0)
        await seat.until(lambda: seat.where(name(13)) == "TODO")

    with ProjectLock(folder / ".chargehand/lock", command="test"):
        sit(folder, go, columns=120)


def test_a_board_with_a_run_of_its_own_calls_the_person(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = tmp_path / "shown"
    program = tmp_path / "notify-send"
    program.write_text(f'#!/bin/sh\necho "$3: $4" >> {shown}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":9")
    writer = every_kind(folder)

    async def go(seat: Seat) -> None:
        writer.ask(6)
        await seat.until(shown.exists)

    sit(folder, go, notify=NotifyConfig(when="always"))
    assert shown.read_text().splitlines() == ["chargehand: TASK-006 needs you: may 000000000006 land?"]


def test_a_ledger_made_anew_is_read_anew(folder: Path) -> None:
    every_kind(folder)

    async def go(seat: Seat) -> None:
        assert seat.where(name(1)) == "DONE"
        for file in (folder / ".chargehand").glob("ledger.db*"):
            file.unlink()
        await seat.until("nothing has run here yet")
        writer = Writer(folder)
        writer.add(1, "From the beginning", 0)
        await seat.until(lambda: seat.where(name(1)) == "TODO")

    sit(folder, go)


def test_a_ledger_that_cannot_be_read_is_told_and_asked_again(folder: Path) -> None:
    every_kind(folder).store.close()  # all of it is in the one file now
    ledger = folder / ".chargehand/ledger.db"

    async def go(seat: Seat) -> None:
        good = ledger.rename(ledger.with_name("aside"))
        for beside in folder.glob(".chargehand/ledger.db-*"):
            beside.unlink()
        ledger.write_bytes(b"this is no database, " * 500)
        await seat.until(lambda: "cannot" in seat.lines[0] or str(folder)[:20] in seat.lines[0])
        assert seat.where(name(1)) == "DONE"  # what is known stays in view
        good.replace(ledger)
        await seat.until(lambda: seat.lines[0].startswith("r1 "))

    sit(folder, go)


def test_several_boards_see_the_same(folder: Path) -> None:
    writer = every_kind(folder)

    async def go(seat: Seat) -> None:
        async def beside(other: Seat) -> None:
            writer.begin(5)
            for one in (seat, other):
                await one.until(lambda one=one: one.where(name(5)) == "IN PROGRESS")  # type: ignore[misc]

        from chargehand.doors.tui.app import BoardApp
        from chargehand.service.project import Project

        app = BoardApp(Project(folder))
        async with app.run_test(size=(80, 24)) as pilot:
            await beside(Seat(app, pilot))

    sit(folder, go)
