"""Beginning anew: runs no longer count, charges and saved work stay."""

from __future__ import annotations

import sys

from chargehand.process.lock import ProjectLock
from chargehand.service.outputs import Reset
from chargehand.service.project import Project
from chargehand.service.status import status


def reset(project: Project, at: float) -> Reset:
    """Close every run. Returns the id of the last one (None when there was none). Raises Locked while an engine works."""
    from chargehand.store.sqlite import SqliteStore

    seen = status(project)
    if seen is None or seen["run"] is None:
        return {"schema_version": 1, "run": None}
    with ProjectLock(project.lock, command=" ".join(["chargehand", *sys.argv[1:]])):
        store = SqliteStore.open(project.ledger)
        store.reset(at)
        store.close()
    return {"schema_version": 1, "run": seen["run"]["id"]}
