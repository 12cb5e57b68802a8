"""What happens to a task: attempts, exits, usage, verdicts, charges."""

from __future__ import annotations

from typing import Literal

import msgspec

TaskState = Literal["waiting", "ready", "working", "judging", "queued", "landed", "failed", "needs_human", "skipped", "cancelled"]
"""The display state. ``waiting`` and ``ready`` are derived from what a task needs; the ledger stores ``todo`` for both."""

DONE_STATES = frozenset({"landed", "skipped"})
"""A dependent may start once everything it needs is in one of these."""

OPEN_STATES = frozenset({"waiting", "ready", "todo", "working", "judging", "queued"})


RunState = Literal["running", "finished", "failed", "needs_human", "stopped", "interrupted"]

VerdictWord = Literal["pass", "fail", "error", "skip"]

ExitCause = Literal["exited", "timeout", "stall", "cancelled", "lost", "not_started"]
"""``lost``: the supervisor died without leaving a result. ``not_started``: the program could not be executed."""

Outcome = Literal[
    "landed",
    "empty",
    "agent_failed",
    "gate_failed",
    "gate_error",
    "conflict",
    "timeout",
    "stall",
    "interrupted",
    "unavailable",
    "refused",
    "rejected",
    "error",
]
"""``unavailable``: the provider could not serve the agent now (it waits, and spends no try). ``refused``: it will not serve it at
all until a person acts. ``rejected``: a person said no. ``interrupted``: ended from outside. ``error``: the platform could not do
its part."""

ErrorClass = Literal[
    "rate_limit",
    "usage_window",
    "capacity",
    "network",
    "server",
    "auth",
    "quota",
    "model_not_found",
    "permission",
    "blocked",
    "context_overflow",
    "turn_limit",
    "empty",
    "budget",
    "unreadable",
    "session_lost",
    "crash",
]
"""``empty``: it ended well and said nothing. ``budget``: the meter let no further request out. ``unreadable``: the stream is none
the driver knows, so nothing can be said of the work. ``session_lost``: the session it was to go on with is not there."""

WAITING_CLASSES = frozenset({"rate_limit", "usage_window", "capacity", "network", "server"})
"""What passes by itself: wait, and try again without spending an attempt."""

HUMAN_CLASSES = frozenset({"auth", "quota", "model_not_found", "permission", "blocked"})
"""What only a person can mend: no second call is made blindly."""

AGENT_WIDE = frozenset({"rate_limit", "usage_window", "capacity", "network", "server", "auth", "quota", "model_not_found"})
"""What concerns every task of the same agent, not only the one that met it."""


class Usage(msgspec.Struct, frozen=True):
    """What a paid call used. None means "not reported", which is not the same as nothing. Money is in USD."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None

    def __add__(self, other: Usage) -> Usage:
        def plus(a: float | None, b: float | None) -> float | None:
            return b if a is None else a if b is None else a + b

        return Usage(
            input_tokens=plus(self.input_tokens, other.input_tokens),  # type: ignore[arg-type]
            output_tokens=plus(self.output_tokens, other.output_tokens),  # type: ignore[arg-type]
            cost_usd=plus(self.cost_usd, other.cost_usd),
        )

    @property
    def measured(self) -> bool:
        return self.input_tokens is not None or self.output_tokens is not None or self.cost_usd is not None


class AgentError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an agent says kept it from working. ``retry_after_s`` from its end, ``reset_at`` in Unix seconds; 0: not told."""

    kind: ErrorClass
    message: str = ""
    retry_after_s: float = 0.0
    reset_at: float = 0.0


class Tokens(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens by what they cost. ``input`` is what was neither read from the provider's cache nor written to it; ``output`` includes
    what was thought and not shown."""

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            self.input + other.input,
            self.cached + other.cached,
            self.cache_write + other.cache_write,
            self.output + other.output,
        )

    def __sub__(self, other: Tokens) -> Tokens:
        """What came on top of ``other``; never below nothing."""
        return Tokens(
            max(0, self.input - other.input),
            max(0, self.cached - other.cached),
            max(0, self.cache_write - other.cache_write),
            max(0, self.output - other.output),
        )

    def usage(self, cost_usd: float | None) -> Usage:
        """As a bill counts it: all that went in, all that came out."""
        return Usage(self.input + self.cached + self.cache_write, self.output, cost_usd)


class Tally(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a session had used in all when a call ended: some programs report only such sums, also for a session gone on with."""

    tokens: Tokens = Tokens()
    cost_usd: float = 0.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a transcript says of the call.

    ``usage`` is this call's alone. ``finished`` is the driver's judgement of stream and exit together; None when the program has no
    stream to judge by, and its exit code decides. ``answer`` is the last thing it said (the JSON, when a schema was asked for).
    ``denied`` names tools it was not allowed to use. ``total`` is the session's sum so far.
    """

    usage: Usage = Usage()
    error: AgentError | None = None
    finished: bool | None = None
    session: str = ""
    total: Tally = Tally()
    answer: str = ""
    turns: int = 0
    denied: tuple[str, ...] = ()


class Exit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a supervised program ended. Times are Unix seconds. ``truncated``: output beyond the cap was dropped from the transcript.

    ``leftovers`` counts processes that outlived the program and had to be ended.
    """

    cause: ExitCause
    code: int | None = None
    signal: int | None = None
    started_at: float = 0.0
    ended_at: float = 0.0
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    truncated: bool = False
    leftovers: int = 0
    error: str = ""

    @property
    def ok(self) -> bool:
        return self.cause == "exited" and self.code == 0

    def well(self, finished: bool | None) -> bool:
        """Whether it ended as it should: by what its driver made of its stream (``finished``), or else by its exit code."""
        return self.cause == "exited" and (self.ok if finished is None else finished)

    def describe(self) -> str:
        """A short phrase for people: ``exit code 3``, ``killed by signal 9``, ``no output for too long``."""
        match self.cause:
            case "exited":
                how = f"exit code {self.code}" if self.signal is None else f"killed by signal {self.signal}"
                return f"{how}, {self.error}" if self.error else how
            case "timeout":
                return "ran out of time"
            case "stall":
                return "made no progress for too long"
            case "cancelled":
                return "was cancelled"
            case "lost":
                return "died with its supervisor"
            case _:
                return self.error or "could not be started"


Severity = Literal["critical", "major", "minor", "note"]


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing a reviewer objects to. ``id`` is the same for the same objection over all rounds; ``line`` 0: the whole file."""

    id: str
    severity: Severity
    file: str
    line: int = 0
    evidence: str = ""
    fix: str = ""


class Tests(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tests by what became of them, as a gate's program reports them. ``failures`` are the names of those that failed, as far as
    they are told; ``ids`` those of all tests, or none of them. ``partial``: the program printed more than was read. What was
    skipped did not pass."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    partial: bool = False

    @property
    def collected(self) -> int:
        return self.passed + self.failed + self.skipped

    @property
    def named(self) -> bool:
        """Whether every failure is told by its name."""
        return 0 < self.failed <= len(self.failures)

    def __add__(self, other: Tests) -> Tests:
        known = bool(self.ids or not self.collected) and bool(other.ids or not other.collected)
        return Tests(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.failures + other.failures,
            self.ids + other.ids if known else (),
            self.partial or other.partial,
        )


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a gate says of one commit. ``evidence`` is the excerpt that matters; ``log`` names the file with everything.
    ``tests``: what it reports of tests, where it does."""

    gate: str
    commit: str
    verdict: VerdictWord
    summary: str
    evidence: str = ""
    log: str = ""
    duration_s: float = 0.0
    findings: tuple[Finding, ...] = ()
    tests: Tests | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the next attempt is told about an earlier one. ``signal``: the one its program was killed by (0: by none)."""

    attempt: int
    outcome: Outcome
    reason: str
    agent: str = ""
    at: float = 0.0
    error: AgentError | None = None
    signal: int = 0
    fingerprint: str = ""
    base: str = ""
    commit: str = ""
    files: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    excerpt: str = ""
