"""The shapes of what ``chargehand init``, ``doctor``, ``config show`` and ``trust`` print as JSON."""

from __future__ import annotations

from typing import Any, Literal, TypedDict


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


class TrustedFile(TypedDict):
    path: str
    sha256: str


class TrustObject(TypedDict):
    """``hash`` is empty when ``links`` keep it from being trusted."""

    hash: str
    trusted: bool
    files: list[TrustedFile]
    links: list[str]


class WorkspaceObject(TrustObject):
    """``before`` is the last commit with settings for agents that were trusted, when these are not, and ``diff`` what has changed
    since; both empty when nobody ever trusted any."""

    before: str
    diff: str


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
    workspace: WorkspaceObject | None
    settings: WidenedObject | None
    plugins: TrustObject | None
