"""Sitting at the board: the real application on a real ledger, driven by keys and mouse; and the same in a real terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from textual.pilot import Pilot

from chargehand.doors.tui.app import BoardApp
from chargehand.doors.tui.column import Column
from chargehand.model.config import NotifyConfig
from chargehand.service.project import Project

LIMIT_S = 30.0


class Seat:
    """What a person at the board sees, and his fingers."""

    def __init__(self, app: BoardApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    @property
    def lines(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips()
        return [strip.text.rstrip() for strip in strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    async def press(self, *keys: str) -> str:
        """The screen after these keys."""
        await self.pilot.press(*keys)
        await self.pilot.pause()
        await self.pilot.pause()
        return self.text

    async def until(self, wanted: str | Callable[[], bool]) -> str:
        """Wait for a text, or for something to hold."""
        holds = wanted if callable(wanted) else lambda: wanted in self.text
        end = asyncio.get_running_loop().time() + LIMIT_S
        while not holds():
            assert asyncio.get_running_loop().time() < end, f"never came: {wanted}\n{self.text}"
            await asyncio.sleep(0.05)
        await self.pilot.pause()
        return self.text

    def column(self, title: str) -> Column:
        return next(column for column in self.app._columns if column.place.title == title)

    def where(self, task: str) -> str:
        """The title of the column a task is in; empty when it is not shown."""
        return next((column.place.title for column in self.app._columns if task in column), "")


def sit(
    root: Path, script: Callable[[Seat], Awaitable[None]], *, columns: int = 80, lines: int = 24, notify: NotifyConfig | None = None
) -> None:
    """Open the board of the project at ``root``, let ``script`` act, close it."""

    async def session() -> None:
        app = BoardApp(Project(root), notify=notify)
        async with app.run_test(size=(columns, lines), notifications=True) as pilot:
            seat = Seat(app, pilot)
            await pilot.pause()
            await script(seat)
            with suppress(Exception):
                app.exit()

    asyncio.run(session())
