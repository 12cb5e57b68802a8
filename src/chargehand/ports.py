"""What the engine asks of the hands. One Protocol each; the engine knows nothing else of the outside world."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from chargehand.model.facts import Event, Fact
from chargehand.model.signals import Signal
from chargehand.model.task import Task
from chargehand.model.work import AgentError, Exit, Report, Tally, Usage, Verdict


class Clock(Protocol):
    """Time as the engine sees it."""

    def now(self) -> float:
        """Unix seconds, for records and display. It may be set, and jump."""

    def elapsed(self) -> float:
        """Seconds since some moment, also while the machine sleeps. Nobody sets it."""

    async def sleep(self, seconds: float) -> None: ...


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """A program to run under supervision.

    ``directory`` is private to this launch: ``stdout.log``, ``stderr.log``, ``exit.json`` and the supervisor's lock appear there.
    The same directory is never started twice. Seconds throughout; ``output_cap`` in bytes per stream. ``processes``: more than so
    many at a time and all are ended (0: no limit). ``caged``: ``argv`` makes a cage, which tells on descriptor 3 what its program
    does.
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
    processes: int = 4096
    caged: bool = False


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


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What a caged program sees. Paths are absolute; what lies deeper wins over what lies above it.

    ``writable``: its workspace and its HOME. ``readable``: what it needs beyond the system. ``hidden``: shown empty (the user's
    home, his project, our state). ``socket``: the unix socket of the meter, reached inside at ``CAGED_GATEWAY``. ``hosts``: names
    that may be reached from inside, through ``proxy``, the unix socket of the meter's proxy, which knows the call by ``password``.
    ``network``: it has the host's network.
    """

    writable: tuple[str, ...]
    readable: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    socket: str = ""
    proxy: str = ""
    hosts: tuple[str, ...] = ()
    password: str = ""
    network: bool = False


CAGED_GATEWAY = "http://127.0.0.1:4545"
"""Where the meter is found from inside a cage, whose network is its own."""


class Cage(Protocol):
    """Keeps a program to its room."""

    name: str

    def preflight(self) -> str:
        """Why it does not work here (empty: it does). Tried for real, once."""

    def wrap(self, launch: Launch, room: Room) -> Launch:
        """The same launch, in the cage."""


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What may still be spent, by pot (``run``, ``task:TASK-001``, ``day`` ...): USD and tokens left, None where there is no cap.
    A call draws from every pot named here; calls that name the same pot share it."""

    usd: dict[str, float] = {}
    tokens: dict[str, int] = {}


class Metered(msgspec.Struct, frozen=True, kw_only=True):
    """What the meter counted for one call. ``refused``: why it let no further request out (a pot is empty, all turns are over, the
    provider is in trouble). ``unpriced``: a model had no price, so the money is not known."""

    requests: int = 0
    usage: Usage = Usage()
    refused: AgentError | None = None
    unpriced: bool = False


class Meter(Protocol):
    """The model gateway: a process of its own, found again or started anew by whoever asks.

    What may be spent is asked for at the moment it is sent (nothing may come in between), so that a later word is never older.
    """

    async def admit(self, place: Path, agent: Agent, allowance: Callable[[], Allowance], *, caged: bool) -> Gateway | None:
        """Let a call's requests through. ``place`` is the call's private folder: its key and its bill lie there, so the same call
        admitted again (by the engine after a crash) has the same key and keeps its bill. None: this agent's requests cannot be
        metered (it speaks no known protocol, or no key is set and the program's own login is used)."""

    async def way_out(self, place: Path, hosts: Sequence[str]) -> str:
        """Let a call reach hosts, through a proxy: the unix socket of it, to be bound into a cage, until the call is dismissed."""

    async def dismiss(self, place: Path) -> Metered:
        """The call has ended: its key is void. What it used, which still counts against its pots in the meter."""

    async def settle(self, place: Path, allowance: Callable[[], Allowance]) -> None:
        """A call has been charged: the meter forgets what it used, and takes what is left in the pots from here."""

    def socket(self) -> str:
        """The unix socket to be bound into a cage."""

    async def close(self) -> None:
        """Let go of the process. It ends by itself when nobody needs it."""


class Taken(msgspec.Struct, frozen=True):
    """What an agent left behind: a commit holding all of it, and the paths it changed against the base."""

    commit: str
    files: tuple[str, ...]


class Conflict(msgspec.Struct, frozen=True):
    """Two changes that cannot be merged; ``files`` are the paths in question. ``tree`` is the merge of everything else, with these
    files as ours has them; empty where that cannot be had."""

    files: tuple[str, ...]
    tree: str = ""


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

    def places(self) -> tuple[str, ...]:
        """What a program in a workspace must be able to read beside it, to use git there."""

    def shared(self) -> tuple[str, ...]:
        """What it must be able to write beside it, where workspaces share a git directory."""

    def take(self, name: str, base: str, message: str, attempt: str = "") -> Taken | None:
        """Bring all an agent left (commits and uncommitted files) into the depot under ``refs/chargehand/attempts/<attempt>``.

        ``attempt`` empty: the workspace has its name.

        None when the tree is that of ``base``.
        """

    def touched(self, name: str) -> tuple[str, ...]:
        """Paths a workspace holds otherwise than what it was made from, at a look; nothing where there is none."""

    def read(self, commit: str, path: str) -> bytes | None:
        """A file's content at a commit; None when it is not there."""

    def propose(self, commit: str, parents: Sequence[str], message: str, replace: dict[str, bytes]) -> str:
        """A commit with the tree of ``commit``, some files replaced, and these parents. Returns its id."""

    def replay(self) -> str | Conflict:
        """Put landed commits that are still pending on the tip of the user, who committed meanwhile; moves nothing yet."""

    def adopt_replay(self, tip: str, expected: str) -> bool:
        """Make a judged replay the target, if the target is still ``expected``."""

    def renamed(self) -> Mapping[str, str]:
        """Which landed commits the last replay put on the target under which other names, until that is noted."""

    def renames_noted(self) -> None:
        """What :meth:`renamed` tells is on record."""

    def merge(self, base: str, ours: str, theirs: str) -> str | Conflict:
        """The tree of a three-way merge, made without a checkout."""

    def without(self, commit: str, onto: str, keep: Sequence[str]) -> str | Conflict:
        """The tree of ``onto`` without what ``commit`` changed; the files in ``keep`` stay as they are in ``onto``."""

    def changed(self, base: str, commit: str) -> tuple[str, ...]:
        """Paths that differ between two commits."""

    def list(self, commit: str) -> dict[str, tuple[str, int]]:
        """Every path at a commit with its mode (``100644``, ``100755``, ``120000`` a link, ``160000``) and its size in bytes."""

    def patch(self, base: str, commit: str) -> str:
        """The difference between two commits as a unified diff; binary files are only named."""

    def contains(self, commit: str) -> bool:
        """Whether the target already contains ``commit``."""

    def land(self, commit: str, expected: str) -> bool:
        """Move the target from ``expected`` to ``commit``; False when it is no longer there."""

    def deliver(self) -> Delivery:
        """Let the user's repository have the target: move his branch, fast-forward his checkout, or say what to type."""

    def close(self) -> None:
        """Remove what was only kept to be faster. Called when the run is over."""


class Offered(msgspec.Struct, frozen=True):
    """A pull request: its ``url``; or why there is none (``problem``) and what to type for it (``command``)."""

    url: str = ""
    command: str = ""
    problem: str = ""


class Forge(Protocol):
    """Where pull requests are opened."""

    def offer(self, branch: str, into: str, title: str, body: str) -> Offered:
        """Publish ``branch`` and ask for it to be merged into ``into``; asked again, the request is brought up to date. Blocks, and
        never raises for what a remote says."""


class Gateway(msgspec.Struct, frozen=True):
    """Where an agent's model requests go: ``url`` (scheme, host, port; no path) and a key that is worth something only there."""

    url: str
    key: str


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of an agent. ``prompt`` is its text, which also comes on stdin; paths are absolute.

    ``session`` is a UUID for a new session, for programs that let it be chosen; ``resume`` names the session to go on with instead,
    ``fork`` leaves that one as it is. ``schema`` is the JSON Schema its answer must fit (empty: none). ``instructions`` are added
    to the system prompt. ``read_only``: it is to answer, and gets no tool that changes anything. ``trusted``: settings, hooks and
    servers found in the workspace may be obeyed. ``gateway`` None: the program uses the user's own login.
    """

    prompt: str
    workspace: str
    home: str
    session: str = ""
    resume: str = ""
    fork: bool = False
    schema: str = ""
    instructions: str = ""
    read_only: bool = False
    trusted: bool = False
    gateway: Gateway | None = None


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """How a call is started: ``files`` (path below the private HOME to content) are written first, for the owner's eyes only.
    ``stdin``: whether the prompt is given there (it is, but for programs that cannot). ``reads``: what this call must be able to
    read besides (absolute paths)."""

    argv: tuple[str, ...]
    env: dict[str, str] = {}
    files: dict[str, str] = {}
    stdin: bool = True
    reads: tuple[str, ...] = ()


Api = Literal["", "anthropic", "openai", "gemini"]
"""Whose protocol a program speaks to its model; ``openai`` is both Responses and Chat Completions. Empty: it is not known."""


class Agent(Protocol):
    """One kind of program that does tasks.

    ``api``: the protocol the meter is to expect. ``turns``: so many requests the meter lets out in one call; 0 where the program
    keeps to its limit itself. ``edits``: it can change files, not only answer. ``resumes``: it can go on with a session.
    ``own_server``: the address of a server of the user's own that it asks; no provider's key is sent there. ``login`` names files
    below the user's HOME that hold its own login, ``login_hosts`` what it talks to when it is not metered. To try again is not its
    business: its own retries are turned down, so that the engine decides.
    """

    name: str
    model: str
    paid: bool
    api: Api
    turns: int
    edits: bool
    resumes: bool
    own_server: str
    login: tuple[str, ...]
    login_hosts: tuple[str, ...]

    def preflight(self) -> str:
        """Why this agent cannot run here (empty: it can)."""

    def places(self) -> tuple[str, ...]:
        """Files and folders the program needs to read beyond the system's own: where it is installed."""

    def prepare(self, call: Call, ambient: Mapping[str, str]) -> Prepared:
        """How a call is started. ``ambient`` is the user's environment, of which it takes only what it must."""

    def signals(self, line: bytes) -> Iterator[Signal]:
        """What one line of its output tells. A line nobody knows tells nothing."""

    def report(self, stdout: Path, exit_: Exit, before: Tally) -> Report:
        """What the transcript says of the call; ``stderr.log`` lies beside it. ``before``: the session's sum until then."""


class Gate(Protocol):
    """A judge of commits."""

    name: str

    def preflight(self) -> str:
        """Why this gate cannot run here (empty: it can)."""

    async def judge(self, task: Task, commit: str, checkout: Path, directory: Path) -> Verdict | None:
        """Judge ``commit``, checked out freshly in ``checkout``; logs go to ``directory``. None: cut short, ask again."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a commit would make of its base. ``files`` differ between the two (the spec's own files are left out: they are ours)."""

    task: Task
    base: str
    commit: str
    files: tuple[str, ...]


class Sight(Protocol):
    """How an inspector looks into commits, without a checkout."""

    def read(self, commit: str, path: str) -> bytes | None:
        """A file's content at a commit; None when it is not there."""

    def list(self, commit: str) -> dict[str, tuple[str, int]]:
        """Every path at a commit with its mode (``100644``, ``100755``, ``120000`` a link, ``160000``) and its size in bytes."""

    def patch(self, base: str, commit: str) -> str:
        """The difference between two commits as a unified diff; binary files are only named."""


class Inspector(Protocol):
    """A judge that looks at a change without running anything of it."""

    name: str

    def inspect(self, change: Change, sight: Sight) -> Verdict:
        """Judge ``change.commit``. Blocks; never raises for what an agent may have put there."""


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
    tags: tuple[str, ...] = ()


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

    def skipped_before(self) -> frozenset[str]:
        """Tasks that a person had skipped when the last run ended."""

    def requests(self) -> list[Request]:
        """What other processes asked for and nobody answered yet."""

    def answered(self, ids: Sequence[int]) -> None:
        """Mark requests as acted on."""

    def close(self) -> None: ...
