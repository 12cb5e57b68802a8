"""A ledger made anew from its audit log. Its events are recorded once more by the very code that recorded them first."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from chargehand.engine.ledger import Ledger
from chargehand.model.errors import EnvironmentProblem, UsageProblem
from chargehand.model.facts import Fact
from chargehand.plan.board import Board
from chargehand.process.lock import ProjectLock
from chargehand.service import audit
from chargehand.service.auditoutputs import Rebuilt
from chargehand.service.project import Project
from chargehand.store import reader
from chargehand.store.sqlite import SqliteStore

_log = logging.getLogger(__name__)
_BESIDE = ("-wal", "-shm", "")
"""The files of a ledger, the one that makes it a ledger last."""


def rebuild(project: Project, file: Path, *, even_if_sound: bool) -> Rebuilt:
    """Put a ledger made from ``file`` in the place of one that is missing or damaged; that one is moved aside, never removed.

    Raises UsageProblem when the file is no whole, intact audit log, or the ledger is sound and not to be replaced; Locked while an
    engine works.
    """
    _check(file)
    project.prepare()
    with ProjectLock(project.lock, command=" ".join(["chargehand", *sys.argv[1:]])):
        wrong = reader.health(project.ledger)
        if wrong == "" and not even_if_sound:
            hint = "chargehand doctor --rebuild FILE --yes moves it aside"
            raise UsageProblem(f"the ledger {project.ledger} is sound; it is not replaced", hint=hint)
        fresh = project.ledger.with_name("ledger.db.new")
        _remove(fresh)
        try:
            runs, events = _build(fresh, file)
            aside = _move_aside(project.ledger, "damaged" if wrong else "replaced") if wrong is not None else None
            fresh.replace(project.ledger)
            _log.info("the ledger is made anew from %s: %d runs, %d events", file, runs, events)
            _flush(project.state)
        finally:
            _remove(fresh)
    return {
        "schema_version": 1, "path": str(file), "runs": runs, "events": events,
        "aside": aside.relative_to(project.root).as_posix() if aside else None, "damage": wrong or "",
    }  # fmt: skip


def _check(file: Path) -> None:
    header, _ = audit.read(file)
    if header.get("run"):
        raise UsageProblem(f"{file} holds one run only", hint="chargehand audit-log without --run writes all a ledger needs")
    found = audit.verify(file)
    if not found["ok"]:
        raise UsageProblem(f"{file}:{found['line']}: {found['problem']}", hint="take a copy that nobody touched")


def _build(fresh: Path, file: Path) -> tuple[int, int]:
    store = SqliteStore.build(fresh)
    try:
        counts = asyncio.run(_replay(store, file))
    finally:
        store.close()
    _flush(fresh)
    if wrong := reader.health(fresh):
        raise EnvironmentProblem(f"the new ledger is not sound: {wrong}", hint="is the disk failing? nothing was changed")
    return counts


class _Past:
    """The clock of what happened before."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def elapsed(self) -> float:
        return self.at

    async def sleep(self, _seconds: float) -> None:
        raise AssertionError("the past does not wait")


async def _replay(store: SqliteStore, file: Path) -> tuple[int, int]:
    """How many runs and events were recorded. What was recorded at one moment was one transaction, and is again."""
    clock, ledger, run, runs, seq = _Past(), None, "", 0, 0
    for (at, name), group in groupby(_recorded(file), key=lambda item: (item[1], item[2])):
        if name == audit.RESET:
            store.reset(at)
            continue
        if ledger is None or name != run:
            run, runs, ledger = name, runs + 1, Ledger(store, Board(), clock, name)
        clock.at = at
        batch = list(group)
        if [item[0] for item in batch] != list(range(seq + 1, seq + 1 + len(batch))):
            raise UsageProblem(f"event {seq + 1} is missing in {file}", hint="take the export of a whole ledger")
        ledger.record(*(fact for *_, fact in batch if fact))
        ledger.flush()
        seq += len(batch)
    return runs, seq


def _recorded(file: Path) -> Iterator[tuple[int, float, str, Fact | None]]:
    """Number, moment, run and fact of every line; a reset stands with its name for the run, and no fact."""
    _, links = audit.read(file)
    for link in links:
        fields: dict[str, Any] = link.fields
        if fields["event"] == audit.SEAL:
            return
        try:
            at = audit.unix(fields["at"])
            if fields["event"] == audit.RESET:
                yield 0, at, audit.RESET, None
            else:
                yield fields["seq"], at, fields["run"], msgspec.convert(fields, Fact)
        except (KeyError, ValueError, msgspec.ValidationError) as error:
            message = f"{file}:{link.number}: this version cannot understand it: {error}"
            raise UsageProblem(message, hint="use the version that wrote it, or a newer one") from error


def _move_aside(ledger: Path, why: str) -> Path:
    """Move what is there aside, under a name that is free."""
    number = 1
    while (aside := ledger.with_name(f"{ledger.name}.{why}-{number}")).exists():
        number += 1
    for suffix in _BESIDE:
        with suppress(FileNotFoundError):
            ledger.with_name(ledger.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def _remove(fresh: Path) -> None:
    for suffix in _BESIDE:
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
