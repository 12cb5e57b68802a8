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
    """A program that does tasks. ``env`` names variables passed through from the user's environment (nothing else is)."""

    kind: Literal["command", "scripted"] = "command"
    command: Command = ""
    script: str = ""
    model: str = ""
    env: list[str] = []


class GateConfig(_Table, frozen=True, kw_only=True):
    """A judge. ``command`` as a list runs as it is; as a string it runs under ``/bin/sh -c``. Exit code 0 passes."""

    command: Command
    timeout_minutes: Positive = 10.0
    env: list[str] = []


class RetryConfig(_Table, frozen=True, kw_only=True):
    """``attempts`` is how many tries a task gets before it is failed."""

    attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3


class TimeoutConfig(_Table, frozen=True, kw_only=True):
    """Limits of one attempt. ``stall_minutes``: no output and no file changed. ``kill_seconds``: from TERM to KILL."""

    task_minutes: Positive = 30.0
    stall_minutes: Positive = 10.0
    kill_seconds: Annotated[float, msgspec.Meta(gt=0, le=10)] = 5.0


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
    timeouts: TimeoutConfig = TimeoutConfig()
