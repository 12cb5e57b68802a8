"""Every key and the mouse, at the board of a run that really was."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events

from chargehand.doors.tui.actions import ACTIONS
from chargehand.doors.tui.app import BoardApp
from chargehand.doors.tui.palette import THEMES, roles
from tests.run.conftest import Place

from .ledger import every_kind, name
from .seat import Seat, sit


def test_the_board_of_a_real_run(finished: Place) -> None:
    async def go(seat: Seat) -> None:
        columns = {task: seat.where(task) for task in (name(1), name(2), name(3), name(4))}
        assert columns == {name(1): "DONE", name(2): "DONE", name(3): "FAILED", name(4): "BLOCKED"}
        assert "2 attempts · AGENT FAILED" in seat.text
        assert "← TASK-003" in seat.text
        assert "$1.00" in seat.text  # four attempts, a quarter each
        assert "4.8K in / 1.2K out" in seat.text

    sit(finished.root, go, columns=160)


def test_going_about(folder: Path) -> None:
    every_kind(folder)
    walk = (
        ("down", 7), ("j", 11), ("down", 11), ("k", 7), ("up", 4), ("up", 4), ("end", 11), ("home", 4), ("pagedown", 11),
        ("pageup", 4), ("right", 5), ("tab", 3), ("left", 5), ("shift+tab", 4), ("left", 4), ("space", 11),
    )  # fmt: skip

    async def go(seat: Seat) -> None:
        seat.app.choose(name(4))
        for key, number in walk:
            await seat.press(key)
            assert seat.app.chosen == name(number), key

    sit(folder, go, columns=160)


def test_a_task_in_full(finished: Place) -> None:
    async def go(seat: Seat) -> None:
        seat.app.choose(name(3))
        text = await seat.press("enter")
        assert "attempt 1  agent failed" in text
        assert "attempt 2  agent failed" in text
        text = await seat.press("right")
        assert "You work on this one task" in text
        text = await seat.press("tab")
        assert "working on TASK-003" in text
        assert "I give up" in text
        assert "attempt 2 of 2" in text
        assert "attempt 1 of 2" in await seat.press("left_square_bracket")
        assert "attempt 2 of 2" in await seat.press("right_square_bracket")
        assert "nothing was taken" in await seat.press("4")
        assert "no gate has said" in await seat.press("5")
        assert "$0.50" in await seat.press("6")
        assert "failed: 2 attempts" in await seat.press("7")
        assert "attempt 1  agent failed" in await seat.press("right")  # round
        assert "failed: 2 attempts" in await seat.press("left")
        assert "DONE (2)" in await seat.press("escape")

    sit(finished.root, go, columns=120)


def test_diff_in_colour_and_verdicts_with_evidence(finished: Place) -> None:
    async def go(seat: Seat) -> None:
        seat.app.choose(name(1))
        await seat.press("enter", "4")
        assert "diff --git a/out/TASK-001.txt b/out/TASK-001.txt" in await seat.until("+TASK-001")
        strips = seat.app.screen._compositor.render_strips()
        colours = {
            segment.text.strip(): segment.style.color.triplet
            for strip in strips
            for segment in strip
            if segment.style and segment.style.color
        }
        added = colours["+TASK-001"]
        assert added is not None
        assert added.green > added.red
        assert "pass  there  ls out/*.txt: exit code 0" in await seat.press("5")

    sit(finished.root, go, columns=120)


def test_filter_while_typing(folder: Path) -> None:
    every_kind(folder)
    queries = {
        "is:todo": {5}, "state:working": {3}, "p0": {1, 3, 8}, "p0 p2 is:done": {1, 2, 8}, "m:stor": {4, 5}, "timeouts": {9},
        "TASK-01": {10, 11, 12}, "is:needs": {10, 12}, "#api": {3, 8}, "tag:sec p0": {8}, "nothing-like-it": set(),
    }  # fmt: skip

    async def go(seat: Seat) -> None:
        for query, numbers in queries.items():
            seat.app.filter(query)
            assert set(seat.app._where) == {name(number) for number in numbers}, query
        await seat.press("escape")
        await seat.press("slash", *"p0")
        assert set(seat.app._where) == {name(1), name(3), name(8)}
        await seat.press("enter")
        assert "/ p0  3 of 12" in seat.lines[0]
        await seat.press("escape")
        assert len(seat.app._where) == 12
        await seat.press("slash", *"is:nil")
        assert seat.app.screen.query_one("Input").has_class("-invalid")
        await seat.press("escape")  # out of it, and everything is there again
        assert len(seat.app._where) == 12

    sit(folder, go, columns=160)


@pytest.mark.parametrize(("key", "heading"), [("g", "GRAPH"), ("t", "TIMELINE"), ("c", "COSTS")])
def test_from_a_view_to_a_task_and_back(finished: Place, key: str, heading: str) -> None:
    async def go(seat: Seat) -> None:
        assert f"─ {heading} ─" in await seat.press(key)
        await seat.press("home", "down", "end", "enter")
        chosen = seat.app.chosen
        assert f"{chosen} P" in seat.lines[0]
        assert f"─ {heading} ─" in await seat.press("escape")
        assert "DONE" in await seat.press("q")
        assert seat.app.is_running  # q closes a view, and only then the board

    sit(finished.root, go)


def test_log_help_and_themes(finished: Place) -> None:
    async def go(seat: Seat) -> None:
        assert "TASK-001  landed as" in await seat.press("l")
        assert "TASK-001  landed as" not in await seat.press("l")
        text = await seat.press("question_mark")
        assert all(f"  {action.key:<9}{action.what}" in text for action in ACTIONS)
        await seat.press("escape")
        for theme in (*THEMES[1:], THEMES[0]):
            await seat.press("T")
            assert seat.app.theme == theme
            assert "TASK-001" in seat.text
            assert readable(seat.app), theme
            drawn = {part.style.bgcolor for part in seat.app.screen._compositor.render_strips()[2] if part.style}
            assert drawn <= {roles(seat.app)[role].bgcolor for role in ("ground", "cursor")}, theme

    sit(finished.root, go, lines=50)


def readable(app: BoardApp) -> bool:
    """Whether text stands out from the ground, and on the chosen card too."""
    styles = roles(app)
    ground, cursor = styles["ground"], styles["cursor"]
    if ground.bgcolor is None or ground.color is None or cursor.bgcolor is None:
        return cursor.reverse is True  # the terminal's own colours
    text, *behind = (sum(color.get_truecolor()) / 765 for color in (ground.color, ground.bgcolor, cursor.bgcolor))
    return all(abs(text - one) > 0.3 for one in behind)


def test_mouse(folder: Path) -> None:
    every_kind(folder)

    async def go(seat: Seat) -> None:
        done = seat.column("DONE")
        place = seat.app._columns.region
        x = done.x + 2
        await seat.pilot.click(offset=(x, place.y + 1 + 4))
        assert seat.app.chosen == name(2)
        await seat.pilot.click(offset=(x, place.y + 1 + 8), times=2)
        assert "Split an amount" in await seat.until(f"{name(1)} P0")
        await seat.pilot.click(offset=(14, 1))
        assert "part of nothing" not in seat.text
        assert seat.app.screen.tab == "brief"  # type: ignore[attr-defined]
        await seat.press("escape")
        blocked = seat.column("BLOCKED")
        columns = seat.app._columns
        columns.post_message(events.MouseScrollDown(columns, blocked.x + 1, 1, 0, 1, 0, False, False, False))
        await seat.until(lambda: blocked.top > 0)
        columns.post_message(events.MouseScrollUp(columns, blocked.x + 1, 1, 0, -1, 0, False, False, False))
        await seat.until(lambda: blocked.top == 0)
        await seat.pilot.click(offset=(blocked.x + blocked.width - 1, place.bottom - 1))
        await seat.until(lambda: blocked.top == blocked.last_top)

    sit(folder, go, columns=160, lines=14)


def test_only_what_can_be_done_is_offered(finished: Place) -> None:
    async def go(seat: Seat) -> None:
        seat.app.choose(name(3))
        seat.app._edges()
        text = await seat.press("up")
        assert "r retry" in text
        seat.app.choose(name(1))
        text = await seat.press("up")
        for action in ACTIONS:
            assert f" {action.key} {action.label} " not in text
        await seat.press("r", "x", "X", "s", "p")  # and the keys do nothing
        assert len(seat.app.screen_stack) == 1

    sit(finished.root, go, columns=160)
    assert not (finished.root / ".chargehand/engine.log").exists()


def test_quitting_leaves_the_ledger_as_it_is(finished: Place) -> None:
    ledger = finished.root / ".chargehand/ledger.db"
    before = ledger.read_bytes()

    async def go(seat: Seat) -> None:
        await seat.press("q")
        await seat.until(lambda: not seat.app.is_running)

    sit(finished.root, go)
    assert ledger.read_bytes() == before
