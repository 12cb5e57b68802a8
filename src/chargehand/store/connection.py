"""A connection that may write to the ledger: opened, checked and brought to this version's schema; its errors explained."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from chargehand.model.errors import ChargehandError, EnvironmentProblem, Locked, StorageProblem
from chargehand.store.filesystem import network_type

APPLICATION_ID = 0x43484748
"""``CHGH``: tells our files from other people's databases."""

BUSY_S = 5.0
POLL_S = 0.002
MIGRATIONS = Path(__file__).with_name("migrations")


def engine_version() -> str:
    """The version of the SQLite that keeps the ledger: apsw's own, not Python's."""
    return apsw.sqlite_lib_version()


def sound_engine(version: str) -> bool:
    """Whether this SQLite is free of the WAL-reset defect, which loses commits when two connections checkpoint at once."""
    parts = tuple(int(part) for part in version.split("."))
    return parts >= (3, 51, 3) or (3, 50, 7) <= parts < (3, 51) or (3, 44, 6) <= parts < (3, 45)


def connect(path: Path, *, owner: bool) -> apsw.Connection:
    """Open the ledger for writing. The owner makes it, migrates it to the newest schema, and alone moves the log into the file.

    Raises EnvironmentProblem (not ours, newer, damaged, read-only, no space, unsound SQLite) or Locked.
    """
    if not sound_engine(engine_version()):
        message = f"SQLite {engine_version()} can lose committed data"
        raise EnvironmentProblem(message, hint="install apsw from its own wheel, or build it with SQLite 3.51.3 or newer")
    if kind := network_type(path):
        message = f"{path.parent} lies on a network file system ({kind}), where a ledger cannot be shared safely"
        raise EnvironmentProblem(message, hint="keep the project on a local disk")
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if owner else 0)
    with explained(path):
        db = apsw.Connection(str(path), flags=flags)
        try:
            db.set_busy_handler(_wait)
            _check(db, path)
            db.pragma("synchronous", "FULL")
            if owner:
                _prepare(db, path)
            else:
                db.wal_autocheckpoint(0)
                db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        except BaseException:
            db.close()
            raise
    return db


@contextmanager
def transaction(db: apsw.Connection) -> Iterator[None]:
    """All or nothing, with the write lock taken at once so that it cannot fail halfway for want of it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk may have rolled back already
            db.execute("ROLLBACK")
        raise


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite reports of the file or the machine into an error a user can act on."""
    try:
        yield
    except apsw.Error as error:
        problem = _explain(error, path)
        if problem is None:
            raise
        raise problem from error


def _wait(tries: int) -> bool:
    """SQLite's own waiting polls ever more rarely, so that a busy engine could starve a request; this one does not."""
    time.sleep(POLL_S)
    return tries * POLL_S < BUSY_S


def _explain(error: apsw.Error, path: Path) -> ChargehandError | None:
    """None for what is no fault of the file or the machine, but ours."""
    match error:
        case apsw.BusyError() | apsw.LockedError():
            hint = "wait for the other chargehand, backup tool or database browser to let go of it, and try again"
            return Locked(f"another program holds the ledger {path}", hint=hint)
        case apsw.NotADBError():
            return EnvironmentProblem(f"{path} is not a ledger of chargehand", hint="move the file away; a new one will be made")
        case apsw.CorruptError():
            hint = f"nothing was changed; move {path} and {path}-wal aside together, or restore both from a backup"
            return EnvironmentProblem(f"the ledger {path} is damaged ({error})", hint=hint)
        case apsw.ReadOnlyError() | apsw.PermissionsError() | apsw.AuthError():
            return _unwritable(path)
        case apsw.CantOpenError():
            return _unopened(path)
        case apsw.FullError() | apsw.IOError():
            hint = f"free a few megabytes on the file system that holds {path.parent}; what was recorded so far is safe"
            return StorageProblem(f"the ledger {path} cannot be written: {error}", hint=hint)
        case _:
            return None


def _unwritable(path: Path) -> EnvironmentProblem:
    hint = f"make {path} and its directory writable for this user, on a file system that is not mounted read-only"
    return EnvironmentProblem(f"the ledger {path} is read-only", hint=hint)


def _unopened(path: Path) -> EnvironmentProblem:
    if not path.parent.is_dir():
        return EnvironmentProblem(f"there is no directory {path.parent} to hold the ledger", hint="create it first")
    hint = f"{path} and its directory must be readable and writable for this user, with space and inodes left"
    return EnvironmentProblem(f"the ledger {path} cannot be opened", hint=hint)


def _check(db: apsw.Connection, path: Path) -> None:
    """Refuse what is not ours or newer than we are, before anything is changed."""
    version = int(db.pragma("user_version"))
    empty = not db.execute("SELECT count(*) FROM sqlite_schema").get
    if db.pragma("application_id") != APPLICATION_ID and not (empty and version == 0):
        raise EnvironmentProblem(
            f"{path} is a database of another program", hint="move the file away; a new ledger will be made in its place"
        )
    if version > len(_migrations()):
        raise EnvironmentProblem(
            f"the ledger {path} was made by a newer chargehand",
            hint=f"upgrade chargehand (the ledger has schema {version}, this version knows {len(_migrations())})",
        )
    if db.readonly("main"):
        raise _unwritable(path)


def _prepare(db: apsw.Connection, path: Path) -> None:
    if db.pragma("journal_mode", "wal") != "wal":
        raise EnvironmentProblem(
            f"the file system of {path} cannot hold a ledger (no shared memory for write-ahead logging)",
            hint="keep the project on a local disk",
        )
    steps = _migrations()
    if db.pragma("user_version") == len(steps):
        return
    with transaction(db):
        for step in steps[int(db.pragma("user_version")) :]:
            db.execute(step.read_text(encoding="utf-8"))
        db.pragma("application_id", APPLICATION_ID)
        db.pragma("user_version", len(steps))


def _migrations() -> list[Path]:
    """Migration n brings the schema from version n - 1 to n."""
    return sorted(MIGRATIONS.glob("[0-9]*.sql"))
