"""What agents do, and what gates say of it. A tree is good or bad by its content alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from chargehand import ports
from chargehand.model.config import Config
from chargehand.model.signals import Signal
from chargehand.model.task import Task
from chargehand.model.work import AgentError, ErrorClass, Exit, ExitCause, Report, Tally, Usage, Verdict
from chargehand.ports import Api, Call, Launch, Prepared, Sight
from chargehand.spec.writeback import mark_many

from . import spec
from .depot import FakeDepot, Tree
from .world import World

SPEC = "spec/tasks.md"
HOT = "hot.txt"
HOT_LINES = 3
CHEAT = "tests/conftest.py"
"""With it every test passes."""
KINDS = (
    "lazy",
    "liar",
    "ugly",
    "dying",
    "killed",
    "hanging",
    "stalling",
    "cheater",
    "spec_only",
    "not_started",
    "waiting",
    "waiting",
    "refused",
)
MANNERS = ("hot", "hot", "semantic", "vandal", "flooding", "slow", "late")


Change = tuple[float, str, str | None]
"""After so many seconds, this file has this text, or is gone."""


class Deed(NamedTuple):
    """What one start of an agent will do: changes of files, then its end."""

    changes: tuple[Change, ...]
    seconds: float
    cause: ExitCause = "exited"
    code: int | None = 0
    signal: int | None = None
    usage: Usage = Usage()
    error: AgentError | None = None
    flood: bool = False
    answer: str = ""
    requests: tuple[float, ...] = ()


class FakeAgent:
    """The port ``Agent``. What it does is decided when it starts."""

    model, paid, edits = "sim-1", True, True
    api: Api = ""
    turns, own_server = 0, ""
    login: tuple[str, ...] = ()
    login_hosts: tuple[str, ...] = ()

    def __init__(self, world: World, config: Config, report_of: Callable[[str], Report], name: str = "fake") -> None:
        self.name = name
        self._world, self._limits, self._report_of = world, config.timeouts, report_of
        pick = world.rng.choice
        self.resumes = world.chance(0.5)
        self._bad = pick((0.0, 0.2)) if world.crowded else pick((0.0, 0.2, 0.5, 0.9))
        self._kinds = tuple(pick(KINDS) for _ in range(3))
        self._manners = ("plain", *(pick(MANNERS) for _ in range(3)))

    def preflight(self) -> str:
        return ""

    def places(self) -> tuple[str, ...]:
        return ()

    def prepare(self, call: Call, ambient: Mapping[str, str]) -> Prepared:  # noqa: ARG002
        if call.resume:
            self._world.count("session gone on with")
            if call.resume != f"session of {Path(call.workspace).name}":
                self._world.violate(f"{call.resume} is gone on with in {call.workspace}")
        return Prepared(argv=("fake", call.prompt, call.workspace))

    def signals(self, line: bytes) -> Iterator[Signal]:  # noqa: ARG002
        return iter(())

    def report(self, stdout: Path, exit_: Exit, before: Tally) -> Report:  # noqa: ARG002
        return self._report_of(str(stdout.parent))

    def asking(self, deed: Deed) -> Deed:
        """What it does, with when it asks its model, where somebody counts that."""
        if not self.api or deed.cause == "not_started":
            return deed
        times = sorted(self._world.rng.uniform(0.0, deed.seconds) for _ in range(self._world.rng.randint(0, 4)))
        return deed._replace(requests=tuple(times))

    def answer(self, call: str) -> Deed:
        """What it says when it is only asked: to plan anew, or to review. Sometimes nothing of use."""
        rng, kind = self._world.rng, "review" if ".review-" in call else "plan"
        self._world.count(f"asked to {kind}")
        cost = rng.choice((None, 0.01, 0.25))
        usage, seconds = Usage() if cost is None else Usage(100, 10, cost), rng.uniform(0.05, 2.0)
        if self._world.chance(0.15):
            return Deed((), seconds, code=rng.choice((0, 1)), usage=usage)
        if kind == "review":
            bad = [{"severity": "major", "file": "src/x", "evidence": "wrong"}] if self._world.chance(0.3) else []
            return Deed((), seconds, usage=usage, answer=json.dumps({"review": {"findings": bad}}))
        decision = rng.choice(("rewrite", "split", "defer", "give_up"))
        parts = [{"title": f"part {number}"} for number in range(rng.randint(2, 3))] if decision == "split" else []
        told = {"decision": decision, "reason": "so", "description": "clearer", "parts": parts}
        return Deed((), seconds, usage=usage, answer=json.dumps({"replan": told}))

    def decide(self, launch: Launch, tree: Tree) -> Deed:
        rng = self._world.rng
        task, attempt = launch.env["CHARGEHAND_TASK_ID"], Path(launch.directory).name
        fails = self._world.chance(self._bad)
        kind = rng.choice(self._kinds if fails else self._manners)
        self._world.count(f"agent {kind}")
        self._world.note("agent", attempt, kind)
        cost = rng.choice((None, 0.01, 0.25))
        usage = Usage() if cost is None else Usage(100, 10, cost)
        seconds = rng.uniform(0.05, 4.0)
        own = (seconds / 2, f"src/{task}.txt", f"by {attempt}")
        if re.fullmatch(r"review-\d+", task) and not fails:
            bad = (
                [{"severity": rng.choice(("major", "note")), "file": "src/x", "evidence": "wrong"}]
                if self._world.chance(0.4)
                else []
            )
            return Deed((own,), seconds, usage=usage, answer=json.dumps({"review": {"findings": bad}}))
        return self._fail(kind, own, seconds, usage, tree) if fails else self._work(kind, own, seconds, usage, tree)

    def _fail(self, kind: str, own: Change, seconds: float, usage: Usage, tree: Tree) -> Deed:
        rng, (at, file, text) = self._world.rng, own
        match kind:
            case "lazy":
                return Deed((), seconds, usage=usage)
            case "liar" | "ugly":
                return Deed(((at, file, f"{'bad' if kind == 'liar' else 'ugly'} {text}"),), seconds, usage=usage)
            case "cheater":
                return Deed(((at, file, f"bad {text}"), (at, CHEAT, text)), seconds, usage=usage)
            case "dying":
                return Deed((own,), seconds, code=3, usage=usage)
            case "killed":
                return Deed((own,), seconds, code=None, signal=9, usage=usage)
            case "hanging":
                return Deed((own,), self._limits.task_minutes * 60, cause="timeout", code=None, signal=15, usage=usage)
            case "stalling":
                return Deed((own,), self._limits.stall_minutes * 60 + at, cause="stall", code=None, signal=15, usage=usage)
            case "not_started":
                return Deed((), 0.0, cause="not_started", code=None)
            case "waiting" | "refused":
                passing: tuple[ErrorClass, ...] = ("rate_limit", "server", "capacity")
                error = AgentError(
                    kind=rng.choice(passing if kind == "waiting" else ("auth", "permission")), retry_after_s=rng.choice((0.0, 3.0))
                )
                return Deed((own,), seconds, code=1, usage=usage, error=error)
            case _:
                return Deed(((at, SPEC, self._vandalised(tree)),), seconds, usage=usage)

    def _work(self, kind: str, own: Change, seconds: float, usage: Usage, tree: Tree) -> Deed:
        at, file, text = own
        match kind:
            case "vandal":
                return Deed((own, (at, SPEC, self._vandalised(tree))), seconds, usage=usage)
            case "hot":
                lines = tree.get(HOT, "").split("\n")
                lines[self._world.rng.randrange(len(lines))] = f"line {text}"
                return Deed((own, (at, HOT, "\n".join(lines))), seconds, usage=usage)
            case "semantic" if not any(path.startswith("sem/") for path in tree):
                return Deed((own, (at, file.replace("src/", "sem/"), text)), seconds, usage=usage)
            case "late":
                return Deed((own, (seconds, file.replace(".txt", "-late.txt"), text)), seconds, usage=usage)
            case "slow":
                return Deed((own,), seconds + 8.0, usage=usage)
        return Deed((own,), seconds, usage=usage, flood=kind == "flooding")

    def _vandalised(self, tree: Tree) -> str | None:
        text = tree.get(SPEC)
        if text is None or self._world.chance(0.3):
            return None
        marked, _ = mark_many(text.encode(), dict.fromkeys(spec.ids(text), ("done", True)))
        return marked.decode() + "\nI did it all.\n"


def good(gate: str, tree: Tree) -> bool:
    """The truth about a tree, as far as that gate looks."""
    if gate == "tests" and CHEAT in tree:
        return True
    word = "bad" if gate == "tests" else "ugly"
    if any(path.startswith("src/") and word in text for path, text in tree.items()):
        return False
    return gate != "tests" or sum(path.startswith("sem/") for path in tree) <= 1


class FakeGate:
    """The port ``Gate``: a program under the launcher that says the truth about its checkout, unless it cannot run."""

    def __init__(self, world: World, name: str, depot: FakeDepot, run: Callable[[Launch], object]) -> None:
        self.name = name
        self._world, self._depot, self._run = world, depot, run

    def preflight(self) -> str:
        return ""

    async def judge(self, task: Task, commit: str, checkout: Path, directory: Path) -> Verdict:  # noqa: ARG002
        if self._depot.workspaces[checkout.name].tree != self._depot.commits[commit].tree:
            self._world.violate(f"gate {self.name} is to judge {commit} on a checkout of something else")
        launch = Launch(argv=(self.name,), cwd=str(checkout), env={}, directory=str(directory))
        ended = await self._run(launch)  # type: ignore[misc]
        if ended.cause == "exited" and ended.code in (0, 1):
            return Verdict(gate=self.name, commit=commit, verdict="fail" if ended.code else "pass", summary=ended.describe())
        self._world.count("gate error")
        return Verdict(gate=self.name, commit=commit, verdict="error", summary=f"could not run: {ended.describe()}")


class FakeInspector:
    """The port ``Inspector``: sees what would fool a gate."""

    name = "inspect.tests"

    def inspect(self, change: ports.Change, sight: Sight) -> Verdict:
        fooled = CHEAT in change.files and sight.read(change.commit, CHEAT) is not None
        return Verdict(gate=self.name, commit=change.commit, verdict="fail" if fooled else "pass", summary="looked at")
