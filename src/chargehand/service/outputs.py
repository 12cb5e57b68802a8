"""The shapes of every ``--json`` output. The JSON Schemas are made from these, and the type checker holds the code to them.

Times are ISO 8601 in UTC; money is USD; null means "not reported" or "not yet". ``schema_version`` changes when a key changes its
meaning or goes; new keys may come at any time.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from chargehand.model.work import TaskState

_Tasks = Literal["task", "stage", "agent", "model"]


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
    by: _Tasks
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


class FindingObject(TypedDict):
    level: Literal["ok", "warning", "problem"]
    what: str
    detail: str
    fix: str


class AgentObject(TypedDict):
    """``used``: a run may call it. ``key`` names the variable that holds its provider's key, empty when none is set; ``login``: it
    uses its own login, and there is one. ``metering`` tells where the figures for its calls come from. ``version`` is empty when it
    is not known. ``missing_flags`` are those we use and this version does not have, as far as they were checked."""

    name: str
    kind: str
    model: str
    used: bool
    version: str
    key: str
    login: bool
    metering: Literal["gateway", "stream"]
    edits: bool
    flags_checked: bool
    missing_flags: list[str]


class Doctor(TypedDict):
    """``chargehand doctor --json``."""

    schema_version: int
    ok: bool
    findings: list[FindingObject]
    agents: list[AgentObject]


class Setting(TypedDict):
    key: str
    value: Any
    origin: str


class Translated(TypedDict):
    """What became of a key of another tool's settings."""

    key: str
    outcome: str
    to: str
    why: str


class ConfigShow(TypedDict):
    """``chargehand config show --json``. ``translated``: where the settings come from another tool's file."""

    schema_version: int
    settings: list[Setting]
    translated: list[Translated]


class Init(TypedDict):
    """``chargehand init --json``."""

    schema_version: int
    path: str
    written: bool
    found: list[str]


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


class Diff(TypedDict):
    """``chargehand diff ID --json``. ``diff`` is a unified diff from ``base`` to ``commit``."""

    schema_version: int
    task: str
    attempt: int
    base: str
    commit: str
    files: list[str]
    diff: str


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


class TrustedFile(TypedDict):
    path: str
    sha256: str


class TrustObject(TypedDict):
    """``hash`` is empty when ``links`` keep it from being trusted."""

    hash: str
    trusted: bool
    files: list[TrustedFile]
    links: list[str]


class WidenedObject(TypedDict):
    """Settings of the project's file that allow more than the user's own, by dotted key."""

    hash: str
    trusted: bool
    values: dict[str, object]


class Trust(TypedDict):
    """``chargehand trust --json``. ``added`` are the hashes that are new in ``file``, the user's own settings. ``workspace``,
    ``settings`` and ``plugins`` are null when there is nothing of that kind to be trusted."""

    schema_version: int
    commit: str
    file: str
    added: list[str]
    workspace: TrustObject | None
    settings: WidenedObject | None
    plugins: TrustObject | None


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
