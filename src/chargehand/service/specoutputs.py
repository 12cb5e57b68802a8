"""The shapes of what is said of a spec and of the proof for it, with ``--json``; what holds for :mod:`outputs` holds for these."""

from __future__ import annotations

from typing import Literal, TypedDict


class TaskEntry(TypedDict):
    """A task of the spec. ``status`` is what the file says, ``state`` what the ledger says (null: it does not know the task).
    ``waits_for`` are those it needs that are not done; ``items`` counts its checklist, ``ticked`` those done of it."""

    id: str
    title: str
    priority: str
    status: str
    state: str | None
    ready: bool
    needs: list[str]
    waits_for: list[str]
    milestone: str
    tags: list[str]
    estimate_hours: float | None
    items: int
    ticked: int
    manual: bool
    group: bool
    path: str
    line: int


class TaskList(TypedDict):
    """``chargehand task list|next --json``."""

    schema_version: int
    spec: str
    tasks: list[TaskEntry]


class ItemObject(TypedDict):
    """``number`` counts from 1: it is what ``chargehand task check ID NUMBER`` takes."""

    number: int
    text: str
    done: bool
    test: bool


class TaskShow(TypedDict):
    """``chargehand task show ID --json``: the task as the spec has it."""

    schema_version: int
    spec: str
    task: TaskEntry
    description: str
    checklist: list[ItemObject]
    needed_by: list[str]
    blocks: list[str]
    traces: list[str]
    touches: list[str]
    files: list[str]


class TaskMarked(TypedDict):
    """``chargehand task start|done|block|check --json``. ``changed``: the file did not say so before."""

    schema_version: int
    task: str
    status: str
    items: int
    ticked: int
    path: str
    changed: bool


class MilestoneObject(TypedDict):
    name: str
    tasks: int
    done: int


class TaskStats(TypedDict):
    """``chargehand task stats --json``. Hours are by the estimates; tasks without one are in ``unestimated``, and count as 2 hours
    in ``critical_hours``, the longest chain of work that is still to do."""

    schema_version: int
    spec: str
    tasks: int
    ready: int
    by_status: dict[str, int]
    by_priority: dict[str, int]
    milestones: list[MilestoneObject]
    hours: float
    hours_done: float
    unestimated: int
    critical_path: list[str]
    critical_hours: float


class NodeObject(TypedDict):
    id: str
    title: str
    status: str
    priority: str
    hours: float | None
    critical: bool


class EdgeObject(TypedDict):
    """``task`` needs ``needs``."""

    needs: str
    task: str
    critical: bool


class TaskGraph(TypedDict):
    """``chargehand task graph --json``: every task after what it needs. ``critical``: on the longest chain of work."""

    schema_version: int
    spec: str
    tasks: list[NodeObject]
    edges: list[EdgeObject]
    critical_path: list[str]
    critical_hours: float


class SectionObject(TypedDict):
    id: str
    title: str
    path: str


class GateWord(TypedDict):
    gate: str
    verdict: str


class TracedTask(TypedDict):
    """``attempt`` is the one that landed, else the last one; ``verdict`` sums up what was said of its commit: ``pass``, ``fail``,
    ``error``, ``skip``, or ``none`` when nothing was."""

    id: str
    title: str
    milestone: str
    status: str
    state: str | None
    attempts: int
    attempt: int | None
    agent: str
    commit: str | None
    landed_at: str | None
    verdict: str
    verdicts: list[GateWord]


class TracedRow(TypedDict):
    """``requirement`` is null for tasks that trace to none. ``standing``: ``met`` (all its tasks landed), ``open`` or
    ``uncovered`` (no task)."""

    requirement: SectionObject | None
    standing: Literal["met", "open", "uncovered"]
    designs: list[SectionObject]
    tasks: list[TracedTask]


class TracedTotals(TypedDict):
    requirements: int
    covered: int
    met: int
    tasks: int
    landed: int


class TraceReport(TypedDict):
    """``chargehand report --json``: the traceability matrix. ``totals`` are of the whole spec, whatever was asked for."""

    schema_version: int
    spec: str
    target: str
    totals: TracedTotals
    rows: list[TracedRow]


class ComplianceFinding(TypedDict):
    """``level`` ``note``: worth knowing, and nothing wrong (unless ``--strict``). ``task``, ``requirement`` and ``commit`` are
    empty where it is not about one."""

    level: Literal["problem", "note"]
    code: str
    task: str
    requirement: str
    commit: str
    message: str
    hint: str


class Compliance(TypedDict):
    """``chargehand verify --json``. ``proven`` counts the tasks whose landed commit lies on ``target`` and passed its gates,
    ``met`` the requirements all of whose tasks are proven."""

    schema_version: int
    ok: bool
    spec: str
    target: str
    tip: str | None
    tasks: int
    ticked: int
    proven: int
    requirements: int
    met: int
    findings: list[ComplianceFinding]
