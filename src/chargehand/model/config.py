"""The settings of a project, as values. Reading and merging them is the service's work."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from chargehand.model.task import Evidence

WorkspaceKind = Literal["clone", "worktree", "in-place"]
Landing = Literal["squash", "merge"]
Integration = Literal["target", "branch", "pr"]

CageKind = Literal["auto", "bwrap", "container", "none"]
"""``auto``: bubblewrap where it works, and none elsewhere, which is said."""

Positive = Annotated[float, msgspec.Meta(gt=0)]
Command = str | list[str]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: an unknown key is an error."""


AgentKind = Literal[
    "command", "scripted", "claude", "codex", "opencode", "pi", "gemini", "qwen", "droid", "aider", "ollama", "llama", "acp", "deep"
]


class AgentConfig(_Table, frozen=True, kw_only=True):
    """A program that does tasks.

    ``command`` is for the kinds ``command`` and ``acp``; ``program`` replaces the executable of the others; ``args`` are added to
    what it is started with. ``api`` chooses the protocol for programs that speak several. ``key`` names the environment variable
    that holds the provider's key, ``url`` the provider's address; empty: those the program itself would use. ``login``: use the
    program's own login instead of a key. ``hosts`` may be reached from inside the cage. ``env`` names variables passed through from
    the user's environment (nothing else is). ``paid``: its calls cost something, and so are held against the budget."""

    kind: AgentKind = "command"
    command: Command = ""
    script: str = ""
    program: str = ""
    args: list[str] = []
    model: str = ""
    api: Literal["", "anthropic", "openai", "gemini"] = ""
    key: str = ""
    url: str = ""
    login: bool = False
    max_turns: Annotated[int, msgspec.Meta(ge=1)] = 200
    instructions: str = ""
    hosts: list[str] = []
    env: list[str] = []
    paid: bool = True


class GateConfig(_Table, frozen=True, kw_only=True):
    """A judge. ``command`` as a list runs as it is; as a string it runs under ``/bin/sh -c``. Exit code 0 passes. ``network``: in
    the cage it has your network; without that, it has none.

    ``report`` is a path or glob, in the checkout, of JUnit XML or SARIF the command writes. ``baseline``: tests that fail on the
    base as well are not held against the change. ``retries``: how often a failure is tried again on the same commit. ``tests``:
    whether it must pass with the base's version of tests too ("base"), where the change touched them and its task does not name
    them; "auto": where it reports tests. ``held_out`` names files or folders of your project that no commit holds: they are put
    into its checkout alone, agents see neither them nor what it prints. ``setup`` runs first, what it makes of ``cache`` (paths in
    the checkout) is kept for checkouts whose ``locks`` (files; empty: those known) are the same."""

    command: Command
    timeout_minutes: Positive = 10.0
    env: list[str] = []
    network: bool = False
    report: str = ""
    baseline: bool = False
    retries: Annotated[int, msgspec.Meta(ge=0, le=10)] = 0
    tests: Literal["auto", "base", "change"] = "auto"
    held_out: list[str] = []
    setup: Command = ""
    cache: list[str] = []
    locks: list[str] = []


Look = Literal["files", "scope", "protected", "tests", "secrets", "size", "paths", "collected", "base"]
"""What is looked at in a change before any of it is run; the last two when all gates let it pass, which is then held against its
base."""


class InspectConfig(_Table, frozen=True, kw_only=True):
    """Looks at a change that run nothing of it; all are taken but those in ``off``. ``protect`` replaces the globs of what only a
    task that names it may change. The limits are for one change: its files, and the size of one of them as text or not."""

    off: list[Look] = []
    protect: list[str] | None = None
    max_files: Annotated[int, msgspec.Meta(ge=1)] = 1000
    max_file_mb: Positive = 2.0
    max_binary_mb: Positive = 1.0


class RetryConfig(_Table, frozen=True, kw_only=True):
    """``attempts`` is how many tries a task gets before it has failed. ``session``: whether the next try goes on with the session
    of the last one, where the agent can. ``escalate`` names the agents that get the next try when the
    same failure came twice, and the last try. ``planner`` names the agent that is asked once, when its tries are spent, whether
    to rewrite, split or defer it. ``wait_seconds`` is the first wait for a provider that cannot serve; it doubles."""

    attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    session: Literal["same", "fresh"] = "same"
    escalate: list[str] = []
    planner: str = ""
    wait_seconds: Positive = 5.0
    wait_limit_minutes: Positive = 360.0


class ReviewConfig(_Table, frozen=True, kw_only=True):
    """Review by agents. ``agents`` names who reviews (several: each role is given to the next of them; empty: the task's own
    agent); ``roles`` what is looked at, with ``prompts`` for roles of your own. A finding of severity ``block`` or worse fails the
    change. After ``rounds`` a person is asked. ``required``: a failed or missing review blocks; ``advisory``: it is noted.
    ``independent``: when the work is done another agent reviews all of it; what it finds becomes tasks, at most ``rounds`` times;
    its reports are kept, and landed in ``review/`` with ``commit``."""

    policy: Literal["off", "advisory", "required"] = "off"
    agents: list[str] = []
    roles: list[str] = msgspec.field(default_factory=lambda: ["quality", "implementation", "testing", "simplification", "docs"])
    prompts: dict[str, str] = {}
    block: Literal["critical", "major", "minor", "note"] = "major"
    rounds: Annotated[int, msgspec.Meta(ge=1, le=20)] = 3
    independent: bool = False
    commit: bool = False


class ApprovalConfig(_Table, frozen=True, kw_only=True):
    """When a person must say yes before a change lands: for ``tasks`` of this priority or a higher one, and whenever one of
    ``gates`` rejects it (he may let it pass). After ``timeout_minutes`` (0: never) ``otherwise`` is taken for the answer."""

    tasks: Literal["none", "P0", "P1", "P2", "all"] = "none"
    gates: list[str] = []
    timeout_minutes: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    otherwise: Literal["wait", "approve", "reject", "skip"] = "wait"


Occasion = Literal["needs_you", "finished", "failed"]


class NotifyConfig(_Table, frozen=True, kw_only=True):
    """Calling a person who looks elsewhere, by a bell and on the desktop. ``when`` auto: only where somebody sits at a terminal,
    and never in CI; always: the desktop also without a terminal. ``on``: a task needs him, the run has finished, it has failed."""

    when: Literal["auto", "always", "never"] = "auto"
    on: list[Occasion] = msgspec.field(default_factory=lambda: ["needs_you", "finished", "failed"])


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


class PriceConfig(_Table, frozen=True, kw_only=True):
    """What a model costs, in USD for a million tokens. Those read from the provider's cache, or written to it, cost as much as
    others unless told."""

    input: Annotated[float, msgspec.Meta(ge=0)]
    output: Annotated[float, msgspec.Meta(ge=0)]
    cached: Annotated[float, msgspec.Meta(ge=0)] | None = None
    cache_write: Annotated[float, msgspec.Meta(ge=0)] | None = None


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
    """``chargehand.toml``, or ``[tool.chargehand]`` in ``pyproject.toml``. ``target`` empty: the branch checked out.
    ``integration``: work lands on ``target``; or on a branch of the run's own, made from it; or there, and a pull request is
    opened when the run ends. ``group``: so many candidates at most share a run of the gates while failures in the queue are rare.
    ``rejudge`` "overlap": what was judged and shares no file with what landed since lands without being judged again; then the
    target can go red. ``regenerate`` names files (lock files) that a command makes anew where two changes of them meet.
    ``trust`` holds the hashes of workspace settings and plugins that may be obeyed. ``prices`` adds to the table that comes
    along. ``record`` and ``replay`` name cassettes (below the project): what models answer is kept, or taken from there."""

    agent: str = ""
    jobs: Annotated[int, msgspec.Meta(ge=1, le=256)] = 4
    spec: str = "spec/tasks.md"
    format: str = ""
    target: str = ""
    landing: Landing = "squash"
    group: Annotated[int, msgspec.Meta(ge=1, le=64)] = 8
    rejudge: Literal["always", "overlap"] = "always"
    integration: Integration = "target"
    workspace: WorkspaceKind = "clone"
    cage: CageKind = "auto"
    meter: bool = True
    record: str = ""
    replay: str = ""
    trust: list[str] = []
    evidence: Evidence = "commit"
    transcript_mb: Positive = 64.0
    brief_chars: Annotated[int, msgspec.Meta(ge=60_000)] = 60_000
    agents: dict[str, AgentConfig] = {}
    prices: dict[str, PriceConfig] = {}
    gates: dict[str, GateConfig] = {}
    regenerate: dict[str, GateConfig] = {}
    retry: RetryConfig = RetryConfig()
    budget: BudgetConfig = BudgetConfig()
    review: ReviewConfig = ReviewConfig()
    approval: ApprovalConfig = ApprovalConfig()
    inspect: InspectConfig = InspectConfig()
    notify: NotifyConfig = msgspec.field(default_factory=NotifyConfig)
    on_failure: Literal["skip", "stop", "ask"] = "skip"
    max_consecutive_failures: Annotated[int, msgspec.Meta(ge=0)] = 0
    timeouts: TimeoutConfig = TimeoutConfig()
