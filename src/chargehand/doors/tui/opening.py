"""Opening the board and closing it."""

from __future__ import annotations

from chargehand.doors.tui.app import BoardApp
from chargehand.doors.tui.launching import Engine
from chargehand.model.config import NotifyConfig
from chargehand.service.project import Project

_ENDING_S = 10.0


def show(project: Project, *, engine: Engine | None = None, theme: str = "", notify: NotifyConfig | None = None) -> Engine | None:
    """Show the board until it is closed; gives back the engine it was opened with, if it has not failed meanwhile."""
    app = BoardApp(project, engine, theme, notify)
    app.run()
    if app._exception is not None:  # textual has put the terminal in order; what went wrong is for the crash report
        raise app._exception
    if app.engine is not None and app.feed.run is not None and app.feed.run["ended_at"] is not None:
        app.engine.wait(_ENDING_S)  # it was seen to end, and has only to put its things away
    return app.engine
