"""The shapes of the ``--json`` outputs about a run. JSON Schemas are made from these, and the type checker holds the code to them.

Times are ISO 8601 in UTC; money is USD; null means "not reported" or "not yet". ``schema_version`` changes when a key changes its
meaning or goes; new keys may come at any time.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from chargehand.model.work import TaskState

_Grouped = Literal["task", "stage", "agent", "model"]


class RunObject(TypedDict):
    id: str
    state: str
    reason: str
    started_at: str | None
    ended_at: str | None
    spec: str
    target: str


class Totals(TypedDict):
    tasks: int
    by_state: dict[str, int]
    cost_usd: float
    input_tokens: int
    output_tokens: int
    unmeasured_calls: int
    attempts: int
    working_s: float
    elapsed_s: float


class TaskObject(TypedDict):
    id: str
    title: str
    priority: str
    state: TaskState
    reason: str
    needs: list[str]
    attempts: int
    cost_usd: float | None
    input_tokens: int | None
    output_tokens: int | None
    duration_s: float
    commit: str | None
    landed: bool
    milestone: str
    tags: list[str]


class Status(TypedDict):
    """``chargehand status --json``. ``run`` is null before anything has run."""

    schema_version: int
    run: RunObject | None
    totals: Totals
    tasks: list[TaskObject]


class Objection(TypedDict):
    """What a reviewer found. ``line`` 0: the whole file."""

    id: str
    severity: str
    file: str
    line: int
    evidence: str
    fix: str


class VerdictObject(TypedDict):
    gate: str
    commit: str
    verdict: str
    summary: str
    evidence: str
    log: str
    duration_s: float
    findings: list[Objection]


class AttemptObject(TypedDict):
    id: str
    task: str
    number: int
    agent: str
    model: str
    state: str
    outcome: str
    reason: str
    started_at: str | None
    ended_at: str | None
    exit_code: int | None
    base: str
    commit: str | None
    proposal: str
    cost_usd: float | None
    input_tokens: int | None
    output_tokens: int | None
    ref: str | None
    transcript: str | None
    prompt: str | None
    verdicts: list[VerdictObject]


class Show(TypedDict):
    """``chargehand show ID --json``."""

    schema_version: int
    run: RunObject
    task: TaskObject
    attempts: list[AttemptObject]


class Root(TypedDict):
    id: str
    state: str
    reason: str


class Why(TypedDict):
    """``chargehand why ID --json``. ``waits_for`` are the tasks at the root of the waiting; ``next`` is what to type."""

    schema_version: int
    task: str
    state: str
    reason: str
    waits_for: list[Root]
    next: str


class Sums(TypedDict):
    calls: int
    unmeasured: int
    input_tokens: int
    output_tokens: int
    cost_usd: float


class Group(TypedDict):
    name: str
    calls: int
    unmeasured: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None


class Costs(TypedDict):
    """``chargehand costs --json``: one group for each task, stage, agent or model, and the sum of all."""

    schema_version: int
    by: _Grouped
    total: Sums
    groups: list[Group]


class ProblemObject(TypedDict):
    severity: str
    code: str
    message: str
    path: str
    line: int
    column: int
    hint: str


class Check(TypedDict):
    """``chargehand check --json``. ``tasks`` is null when the spec cannot be used. ``covered``: the requirements with a task."""

    schema_version: int
    spec: str
    ok: bool
    tasks: int | None
    errors: int
    warnings: int
    requirements: int
    covered: int
    problems: list[ProblemObject]


class Reset(TypedDict):
    """``chargehand reset --json``. ``run`` is the run that was closed, null when there was none."""

    schema_version: int
    run: str | None


class Logs(TypedDict):
    """``chargehand logs ID --json``. ``text`` is the last MiB, made harmless; ``path`` has everything."""

    schema_version: int
    task: str
    attempt: int
    path: str
    text: str


class PlannedTask(TypedDict):
    id: str
    title: str
    priority: str
    needs: list[str]


class Planned(TypedDict):
    """``chargehand run --dry-run --json``."""

    schema_version: int
    event: Literal["run.planned"]
    jobs: int
    tasks: list[PlannedTask]


class HandedOver(TypedDict):
    """``chargehand retry ID --json`` while an engine works; otherwise the events of the run follow."""

    schema_version: int
    task: str
    handed_over: bool


class Asked(TypedDict):
    """``chargehand stop|pause|resume|cancel --json``: what was left in the inbox of the running engine."""

    schema_version: int
    request: int
    kind: Literal["stop", "pause", "resume", "cancel"]
    task: str


class OpenQuestion(TypedDict):
    """A question that waits for a person. ``until``: then it is answered by the policy."""

    task: str
    attempt: str
    id: str
    commit: str
    text: str
    answers: list[str]
    asked_at: str
    until: str | None


class Questions(TypedDict):
    """``chargehand approve --json``: what waits for an answer."""

    schema_version: int
    questions: list[OpenQuestion]


class Decided(TypedDict):
    """``chargehand approve|reject|skip ID --json``: what was left in the inbox. ``engine``: one works, and acts on it at once."""

    schema_version: int
    request: int
    task: str
    answer: str
    commit: str | None
    engine: bool


class Diff(TypedDict):
    """``chargehand diff ID --json``. ``diff`` is a unified diff from ``base`` to ``commit``."""

    schema_version: int
    task: str
    attempt: int
    base: str
    commit: str
    files: list[str]
    diff: str


class ErrorObject(TypedDict):
    code: str
    message: str
    hint: str
    exit_code: int
    problems: list[ProblemObject]


class Error(TypedDict):
    """What every command prints with ``--json`` when it cannot do its work."""

    schema_version: int
    error: ErrorObject
