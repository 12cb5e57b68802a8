"""How another process asks the engine for something: one row in the ledger's inbox."""

from __future__ import annotations

from pathlib import Path

from chargehand.model.errors import UsageProblem
from chargehand.store.connection import connect, explained, transaction


def post(path: Path, kind: str, body: str, at: float) -> int:
    """Leave a request in the ledger at ``path`` and return its id; durable when this returns.

    Raises UsageProblem when nothing has run here yet, and what opening a ledger raises.
    """
    nothing_yet = UsageProblem("nothing has run here yet", hint="start with: chargehand run")
    if not path.exists():
        raise nothing_yet
    db = connect(path, owner=False)
    try:
        with explained(path), transaction(db):
            if not db.table_exists(None, "requests"):  # its maker was killed before the first transaction
                raise nothing_yet
            db.execute("INSERT INTO requests (at, kind, body) VALUES (?, ?, ?)", (at, kind, body))
            return db.last_insert_rowid()
    finally:
        db.close()
