"""The shapes of what ``chargehand audit-log``, ``verify --audit``, ``doctor --rebuild`` and ``gc`` print as JSON."""

from __future__ import annotations

from typing import Literal, TypedDict


class AuditLog(TypedDict):
    """``chargehand audit-log --output FILE --json``. ``seal`` is the hash of the last line, which stands for all of them."""

    schema_version: int
    path: str
    events: int
    seal: str


class AuditHeader(TypedDict):
    """The first line of an audit log. ``run`` is empty when all runs are in it; ``chain`` is what the first ``prev`` repeats."""

    schema_version: int
    event: Literal["audit.header"]
    version: str
    ledger: str
    run: str
    chain: str


class AuditReset(TypedDict):
    """A line of an audit log: ``chargehand reset`` ended every run up to this one. It has no number in the ledger."""

    schema_version: int
    seq: None
    at: str
    run: str
    operator: str
    event: Literal["ledger.reset"]
    prev: str
    hash: str


class AuditSeal(TypedDict):
    """The last line of an audit log. ``count``: the lines between header and seal."""

    schema_version: int
    event: Literal["audit.seal"]
    count: int
    prev: str
    hash: str


class Verified(TypedDict):
    """``chargehand verify --audit FILE --json``. ``line`` and ``problem`` tell the first thing that is wrong. ``ledger`` compares
    with the ledger that is here: the file says the ``same``, or the ledger is ``longer`` (by ``more``), ``shorter``, ``differs``,
    is an ``other`` one, or there is ``none``."""

    schema_version: int
    ok: bool
    path: str
    events: int
    seal: str | None
    line: int | None
    problem: str
    ledger: Literal["same", "longer", "shorter", "differs", "other", "none"]
    more: int


class Rebuilt(TypedDict):
    """``chargehand doctor --rebuild FILE --json``. ``aside``: where the ledger that was there is now, null when there was none."""

    schema_version: int
    path: str
    runs: int
    events: int
    aside: str | None
    damage: str


class Removed(TypedDict):
    """``kind`` is ``attempt`` (its folder), ``workspace``, ``gate`` (a checkout for gates) or ``ref``."""

    kind: Literal["attempt", "workspace", "gate", "ref"]
    path: str
    bytes: int


class Kept(TypedDict):
    path: str
    reason: str


class Gc(TypedDict):
    """``chargehand gc --json``. ``bytes`` is what ``removed`` took on the disk."""

    schema_version: int
    dry_run: bool
    days: float
    bytes: int
    removed: list[Removed]
    kept: list[Kept]
