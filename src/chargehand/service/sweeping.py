"""Making room: what attempts that ended left behind goes, once it is old or provably saved. Everything else stays, and is named."""

from __future__ import annotations

import logging
import os
import re
import sys
from pathlib import Path
from typing import Any, Literal

from chargehand.depot import saved
from chargehand.depot.layout import empty, remove
from chargehand.process.lock import ProjectLock
from chargehand.service.auditoutputs import Gc, Kept, Removed
from chargehand.service.project import Project
from chargehand.store import reader

_log = logging.getLogger(__name__)
_GATE = re.compile(r"\.gate(?:[.-].*)?$")
_DAY = 86400.0


class Sweep:
    """What is to go and what stays. Times are Unix seconds."""

    def __init__(self, project: Project, older_than: float) -> None:
        self._state, self._root, self._older_than = project.state, project.root, older_than
        self._depot = project.state / "depot.git"
        self._refs = saved.refs(self._depot) if self._depot.is_dir() else {}
        self._attempts = {row["id"]: row for row in _attempts(project)}
        self._busy = {(row["run"], row["task"]) for row in self._attempts.values() if row["state"] != "ended"}
        self._unsaved: set[str] = set()
        self.removed: list[Removed] = []
        self.kept: list[Kept] = []
        self.doomed_refs: dict[str, str] = {}
        self._workspaces()
        self._folders()
        self._old_refs()

    def _workspaces(self) -> None:
        for place in _inside(self._state / "work"):
            attempt = self._attempts.get(place.name)
            gate = None if attempt else self._attempts.get(_GATE.sub("", place.name))
            reason = self._held(attempt or gate) or (saved.unsaved(self._state, place.name, attempt["base"]) if attempt else "")
            if reason:
                self._keep(place, reason)
                self._unsaved.add(place.name)
            else:
                self._remove("gate" if gate else "workspace", place)

    def _held(self, attempt: dict[str, Any] | None) -> str:
        """Why nothing of an attempt may go, whatever its age."""
        if attempt is None:
            return "the ledger knows no attempt of that name"
        return "" if attempt["state"] == "ended" else "its attempt has not ended"

    def _folders(self) -> None:
        for place in _inside(self._state / "attempts"):
            if self._old(self._attempts.get(place.name)):
                self._remove("attempt", place)

    def _old_refs(self) -> None:
        for name, held in self._refs.items():
            if self._old(self._attempts.get(name)):
                self.doomed_refs |= held
                self.removed += [{"kind": "ref", "path": ref, "bytes": 0} for ref in held]

    def _old(self, attempt: dict[str, Any] | None) -> bool:
        """Whether an attempt ended long enough ago, and nothing needs it any more: not the next try of its task, whose brief
        names it, nor a workspace that stays."""
        return (
            attempt is not None
            and not self._held(attempt)
            and (attempt["run"], attempt["task"]) not in self._busy
            and attempt["id"] not in self._unsaved
            and attempt["ended_at"] < self._older_than
        )

    def _keep(self, place: Path, reason: str) -> None:
        self.kept.append({"path": place.relative_to(self._root).as_posix(), "reason": reason})

    def _remove(self, kind: Literal["attempt", "workspace", "gate"], place: Path) -> None:
        self.removed.append({"kind": kind, "path": place.relative_to(self._root).as_posix(), "bytes": _size(place)})

    def carry_out(self) -> None:
        """Remove it. Workspaces go before the refs that hold their work."""
        trash = self._state / "trash"
        for item in self.removed:
            if item["kind"] == "ref":
                continue
            place = self._root / item["path"]
            remove(place, trash)
            _log.info("removed %s, %d bytes", item["path"], item["bytes"])
            if item["kind"] != "attempt":
                remove(self._depot / "worktrees" / place.name, trash)
                (self._state / "index" / place.name).unlink(missing_ok=True)
        saved.drop(self._depot, self.doomed_refs)
        empty(trash)


def sweep(project: Project, *, days: float, now: float, dry_run: bool) -> Gc:
    """Remove what may go: folders and refs of attempts that ended more than ``days`` ago, and workspaces of any age whose work is
    in the depot. Raises Locked while an engine works."""
    found: Gc = {"schema_version": 1, "dry_run": dry_run, "days": days, "bytes": 0, "removed": [], "kept": []}
    if not project.ledger.exists():
        return found
    with ProjectLock(project.lock, command=" ".join(["chargehand", *sys.argv[1:]])):
        plan = Sweep(project, now - days * _DAY)
        if not dry_run:
            plan.carry_out()
    return {**found, "bytes": sum(item["bytes"] for item in plan.removed), "removed": plan.removed, "kept": plan.kept}


def _attempts(project: Project) -> list[dict[str, Any]]:
    db = reader.open_reader(project.ledger)
    if db is None:
        return []
    with db:
        rows = reader.every_attempt(db)
    db.close()
    return rows


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _size(place: Path) -> int:
    """Bytes on the disk. A file that is linked elsewhere too (shared objects) is not counted: it stays."""
    total = 0
    for folder, _, files in os.walk(place):
        for name in files:
            try:
                found = os.lstat(Path(folder, name))
            except OSError:
                continue
            total += found.st_blocks * 512 if found.st_nlink == 1 else 0
    return total
