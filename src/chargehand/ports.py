"""What the engine asks of the hands. One Protocol each; the engine knows nothing else of the outside world."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from chargehand.model.facts import Event, Fact
from chargehand.model.task import Task
from chargehand.model.work import Exit, Report, Usage, Verdict


class Clock(Protocol):
    """Time as the engine sees it."""

    def now(self) -> float:
        """Unix seconds, for records and display."""

    async def sleep(self, seconds: float) -> None: ...


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """A program to run under supervision.

    ``directory`` is private to this launch: ``stdout.log``, ``stderr.log``, ``exit.json`` and the supervisor's lock appear there.
    The same directory is never started twice. Seconds throughout; ``output_cap`` in bytes per stream.
    """

    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    directory: str
    stdin: str = ""
    timeout_s: float = 0.0
    stall_s: float = 0.0
    kill_s: float = 5.0
    output_cap: int = 64 * 1024 * 1024


class Launcher(Protocol):
    """Runs programs so that they survive the engine and never outlive their attempt."""

    async def run(self, launch: Launch) -> Exit:
        """Start and wait. A directory that was started before is adopted instead of started again."""

    async def adopt(self, directory: Path) -> Exit | None:
        """The result of a launch an earlier engine made; waits if it still runs. None when it never started."""

    def cancel(self, directory: Path) -> None:
        """End the program and everything it started; ``run`` or ``adopt`` then returns with cause ``cancelled``."""

    async def close(self) -> None:
        """Let idle supervisors go. Busy ones stay with what they supervise."""


class Taken(msgspec.Struct, frozen=True):
    """What an agent left behind: a commit holding all of it, and the paths it changed against the base."""

    commit: str
    files: tuple[str, ...]


class Conflict(msgspec.Struct, frozen=True):
    """Two changes that cannot be merged by git; ``files`` are the paths in question."""

    files: tuple[str, ...]


class Delivery(msgspec.Struct, frozen=True):
    """How the user's repository learned of a landed commit: ``branch`` (moved), ``checkout`` (fast-forwarded) or ``pending``."""

    how: str
    command: str = ""


class Refreshed(msgspec.Struct, frozen=True):
    """The target after a look at the user's repository. ``diverged``: he committed while landed commits were still pending."""

    tip: str
    user_tip: str
    moved: bool
    diverged: bool = False


class Depot(Protocol):
    """The bare repository we own, and the only way to the user's. All methods block; none runs anything a workspace contains."""

    def refresh(self) -> Refreshed:
        """Look at the user's target branch and take over what is new there."""

    def workspace(self, name: str, commit: str, branch: str = "") -> Path:
        """A private checkout of ``commit`` (idempotent: an unfinished one of that name is made anew)."""

    def checkout(self, name: str, commit: str) -> Path:
        """A fresh checkout of ``commit`` for gates, private whatever the workspace kind is."""

    def discard(self, name: str) -> None:
        """Remove a workspace whose work has been taken."""

    def take(self, name: str, base: str, message: str) -> Taken | None:
        """Bring all an agent left (commits and uncommitted files) into the depot under ``refs/chargehand/attempts/<name>``.

        None when the tree is that of ``base``.
        """

    def read(self, commit: str, path: str) -> bytes | None:
        """A file's content at a commit; None when it is not there."""

    def propose(self, commit: str, parents: Sequence[str], message: str, replace: dict[str, bytes]) -> str:
        """A commit with the tree of ``commit``, some files replaced, and these parents. Returns its id."""

    def replay(self) -> str | Conflict:
        """Put landed commits that are still pending on the tip of the user, who committed meanwhile; moves nothing yet."""

    def adopt_replay(self, tip: str, expected: str) -> bool:
        """Make a judged replay the target, if the target is still ``expected``."""

    def merge(self, base: str, ours: str, theirs: str) -> str | Conflict:
        """The tree of a three-way merge, made without a checkout."""

    def changed(self, base: str, commit: str) -> tuple[str, ...]:
        """Paths that differ between two commits."""

    def contains(self, commit: str) -> bool:
        """Whether the target already contains ``commit``."""

    def land(self, commit: str, expected: str) -> bool:
        """Move the target from ``expected`` to ``commit``; False when it is no longer there."""

    def deliver(self) -> Delivery:
        """Let the user's repository have the target: move his branch, fast-forward his checkout, or say what to type."""

    def close(self) -> None:
        """Remove what was only kept to be faster. Called when the run is over."""


class Agent(Protocol):
    """One kind of program that does tasks."""

    name: str
    model: str
    paid: bool

    def preflight(self) -> str:
        """Why this agent cannot run here (empty: it can)."""

    def command(self, prompt_file: str, workspace: str) -> tuple[str, ...]:
        """The argv of one attempt. The prompt is given on stdin as well."""

    def environment(self, ambient: dict[str, str]) -> dict[str, str]:
        """What of the user's environment this agent is given."""

    def report(self, stdout: Path) -> Report:
        """What the transcript reports of tokens and money, and of the error that ended it."""


class Gate(Protocol):
    """A judge of commits."""

    name: str

    def preflight(self) -> str:
        """Why this gate cannot run here (empty: it can)."""

    async def judge(self, task: Task, commit: str, checkout: Path, directory: Path) -> Verdict | None:
        """Judge ``commit``, checked out freshly in ``checkout``; logs go to ``directory``. None: cut short, ask again."""


class TaskRow(msgspec.Struct, frozen=True):
    """A task as the ledger's tables hold it, for readers that must be quick."""

    id: str
    order: int
    title: str
    priority: int
    needs: tuple[str, ...]
    state: str
    reason: str
    attempts: int
    cost_usd: float | None
    input_tokens: int | None
    output_tokens: int | None
    duration_s: float
    commit: str
    landed_at: float | None
    milestone: str = ""


class AttemptRow(msgspec.Struct, frozen=True):
    """An attempt as the ledger's tables hold it."""

    id: str
    task: str
    number: int
    agent: str
    model: str
    state: str
    outcome: str
    reason: str
    started_at: float
    ended_at: float | None
    exit_code: int | None
    base: str
    commit: str
    proposal: str
    cost_usd: float | None
    input_tokens: int | None
    output_tokens: int | None


class Charge(msgspec.Struct, frozen=True):
    """Money and tokens spent on one call. Never changed, never removed. ``measured`` is False when the call reported nothing."""

    task: str
    attempt: str
    stage: str
    agent: str
    model: str
    usage: Usage
    measured: bool


class RunRow(msgspec.Struct, frozen=True):
    """A run as the ledger's tables hold it."""

    id: str
    state: str
    reason: str
    started_at: float
    ended_at: float | None
    spec: str
    target: str


class Request(msgspec.Struct, frozen=True):
    """Something another process asks of the engine: ``kind`` is ``retry``, ``stop`` ...; ``body`` names its object."""

    id: int
    at: float
    kind: str
    body: str


class PaidRow(msgspec.Struct, frozen=True):
    """A charge of any run of the project, as budgets need it. ``at`` in Unix seconds."""

    run: str
    at: float
    task: str
    attempt: str
    usage: Usage


class Store(Protocol):
    """The ledger's only writer."""

    def open_run(self) -> RunRow | None:
        """The run that is not finished, if any."""

    def new_run_id(self) -> str:
        """The id the next run will have."""

    def commit(
        self,
        run: str,
        at: float,
        facts: Sequence[Fact],
        tasks: Sequence[TaskRow] = (),
        attempts: Sequence[AttemptRow] = (),
        charges: Sequence[Charge] = (),
    ) -> int:
        """Make all of it durable in one transaction; returns the number of the last event."""

    def events(self, run: str) -> Iterator[Event]:
        """Every event of a run, in order."""

    def paid(self) -> Iterator[PaidRow]:
        """Every charge of the project's life, of runs that were reset too."""

    def landed_before(self) -> dict[str, str]:
        """Tasks that earlier runs landed since the last reset, with their commits."""

    def requests(self) -> list[Request]:
        """What other processes asked for and nobody answered yet."""

    def answered(self, ids: Sequence[int]) -> None:
        """Mark requests as acted on."""

    def close(self) -> None: ...
