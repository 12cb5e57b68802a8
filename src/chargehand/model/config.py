"""The settings of a project, as values. Reading and merging them is the service's work."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from chargehand.model.task import Evidence

WorkspaceKind = Literal["clone", "worktree", "in-place"]
Landing = Literal["squash", "merge"]

Positive = Annotated[float, msgspec.Meta(gt=0)]
Command = str | list[str]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: an unknown key is an error."""


class AgentConfig(_Table, frozen=True, kw_only=True):
    """A program that does tasks. ``env`` names variables passed through from the user's environment (nothing else is). ``paid``:
    its calls cost something, and so are held against the budget."""

    kind: Literal["command", "scripted"] = "command"
    command: Command = ""
    script: str = ""
    model: str = ""
    env: list[str] = []
    paid: bool = True


class GateConfig(_Table, frozen=True, kw_only=True):
    """A judge. ``command`` as a list runs as it is; as a string it runs under ``/bin/sh -c``. Exit code 0 passes."""

    command: Command
    timeout_minutes: Positive = 10.0
    env: list[str] = []


class RetryConfig(_Table, frozen=True, kw_only=True):
    """``attempts`` is how many tries a task gets before it has failed. ``escalate`` names the agents that get the next try when the
    same failure came twice, and the last try. ``planner`` names the agent that is asked once, when its tries are spent, whether
    to rewrite, split or defer it. ``wait_seconds`` is the first wait for a provider that cannot serve; it doubles."""

    attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    escalate: list[str] = []
    planner: str = ""
    wait_seconds: Positive = 5.0
    wait_limit_minutes: Positive = 360.0


class TimeoutConfig(_Table, frozen=True, kw_only=True):
    """Limits of one attempt: ``task_minutes`` in all, ``stall_minutes`` without output or changed file, ``kill_seconds`` from TERM
    to KILL. Limits of the engine: ``storage_minutes`` it waits for a disk that cannot be written, ``session_minutes`` after which
    nothing new starts, ``idle_minutes`` after which ``watch`` ends when nothing was to do (0: no limit)."""

    task_minutes: Positive = 30.0
    stall_minutes: Positive = 10.0
    storage_minutes: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    session_minutes: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    idle_minutes: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    kill_seconds: Annotated[float, msgspec.Meta(gt=0, le=10)] = 5.0


Money = Annotated[float, msgspec.Meta(ge=0)] | None
Tokens = Annotated[int, msgspec.Meta(ge=0)] | None


class BudgetConfig(_Table, frozen=True, kw_only=True):
    """Caps, each in USD and in tokens: for the run, for one task, for a task's tries after the first, for a day (UTC), for the
    project's life. ``reserve_*`` is set aside for each call before it is made, and charged when it reports nothing."""

    run_usd: Money = None
    task_usd: Money = None
    retry_usd: Money = None
    day_usd: Money = None
    total_usd: Money = None
    reserve_usd: Money = None
    run_tokens: Tokens = None
    task_tokens: Tokens = None
    retry_tokens: Tokens = None
    day_tokens: Tokens = None
    total_tokens: Tokens = None
    reserve_tokens: Tokens = None


class Config(_Table, frozen=True, kw_only=True):
    """``chargehand.toml``, or ``[tool.chargehand]`` in ``pyproject.toml``. ``target`` empty: the branch checked out."""

    agent: str = ""
    jobs: Annotated[int, msgspec.Meta(ge=1, le=256)] = 4
    spec: str = "spec/tasks.md"
    target: str = ""
    landing: Landing = "squash"
    workspace: WorkspaceKind = "clone"
    evidence: Evidence = "commit"
    transcript_mb: Positive = 64.0
    agents: dict[str, AgentConfig] = {}
    gates: dict[str, GateConfig] = {}
    retry: RetryConfig = RetryConfig()
    budget: BudgetConfig = BudgetConfig()
    on_failure: Literal["skip", "stop", "ask"] = "skip"
    max_consecutive_failures: Annotated[int, msgspec.Meta(ge=0)] = 0
    timeouts: TimeoutConfig = TimeoutConfig()
