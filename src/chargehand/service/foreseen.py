"""The shapes of what ``chargehand plan --json`` prints. Durations are in seconds, money in USD; null means "not known"."""

from __future__ import annotations

from typing import TypedDict


class Step(TypedDict):
    """``critical``: it lies on the longest chain."""

    id: str
    title: str
    priority: str
    needs: list[str]
    estimate_hours: float | None
    agent: str
    critical: bool


class Plan(TypedDict):
    """``chargehand plan --json``: what is still to do, in the order one worker would take it. ``hours`` sums the estimates up
    (tasks without one count as two), ``path_hours`` those on the longest chain."""

    schema_version: int
    spec: str
    jobs: int
    tasks: list[Step]
    critical_path: list[str]
    hours: float
    path_hours: float
    done: int


class Drafted(TypedDict):
    """``chargehand plan --from FILE --json``: what was made of the text ``source``, and written to ``spec``. ``cost_usd`` is 0 when
    the same text was planned before."""

    schema_version: int
    source: str
    spec: str
    planner: str
    cost_usd: float
    plan: Plan


class DraftForeseen(TypedDict):
    """The same with ``--dry-run``: who would be asked, where it would be written, and ``budget_usd``, the least cap of it."""

    schema_version: int
    source: str
    spec: str
    planner: str
    model: str
    characters: int
    budget_usd: float | None


class RangeObject(TypedDict):
    p50: float
    p80: float
    p95: float


class GatingObject(TypedDict):
    """``share``: how often (0 to 1) it lay on the chain that decided the end. ``behind``: so many tasks wait for it."""

    id: str
    title: str
    share: float
    behind: int


class JobsObject(TypedDict):
    jobs: int
    p50: float


class ForecastObject(TypedDict):
    """``chargehand plan --forecast --json``. ``learned_from``: tasks that landed here; 0: it is a guess. ``in_budget``: the chance
    (0 to 1) that ``budget_usd``, what is left of the budget, suffices. ``stuck`` are tasks that failed or need a person: they count
    as if they were begun anew."""

    schema_version: int
    spec: str
    tasks: int
    jobs: int
    trials: int
    learned_from: int
    seconds: RangeObject
    usd: RangeObject | None
    budget_usd: float | None
    in_budget: float | None
    critical_path: list[str]
    path_s: float
    gating: list[GatingObject]
    by_jobs: list[JobsObject]
    stuck: list[str]


class RunCheck(TypedDict):
    """A forecast beside what came. ``seconds_within`` is the least range it stayed within: p50, p80, p95, or ``above``."""

    run: str
    at: str
    tasks: int
    learned_from: int
    seconds: RangeObject
    took_s: float
    seconds_within: str
    usd: RangeObject | None
    paid_usd: float | None
    usd_within: str | None


class Within(TypedDict):
    """Of ``count``, these shares (0 to 1) stayed within what was foretold for half, four fifths and nineteen of twenty of them."""

    count: int
    p50: float
    p80: float
    p95: float
    median_ratio: float


class ClassObject(TypedDict):
    """A class of tasks: its agent, size and priority as far as they are told apart, and what one of them is expected to take."""

    name: str
    tasks: int
    seconds: RangeObject
    usd: RangeObject | None


class Calibration(TypedDict):
    """``chargehand plan --calibration --json``: how right forecasts were, of runs that finished and of their tasks; and what has
    been learned so far."""

    schema_version: int
    runs: list[RunCheck]
    tasks: Within | None
    classes: list[ClassObject]
