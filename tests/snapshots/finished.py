"""A project whose run is over, the same to the second every time: what the commands are asked about."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from chargehand.engine.ledger import attempt_row, task_row
from chargehand.model import facts as f
from chargehand.model.work import Exit, Finding, Usage, Verdict
from chargehand.plan.board import Board
from chargehand.ports import Charge
from chargehand.service import specs
from chargehand.service.project import Project
from chargehand.service.running import added
from chargehand.store.sqlite import SqliteStore

STREAM = Path(__file__).parents[1] / "agents/streams/claude/2.1.329/ok.jsonl"
BEGIN = 1_700_000_000.0

SPEC = """# Tasks

## Milestone 1: The shop

### TASK-001: Money that does not lose cents
🔴 P0 | ⬜ TODO | Est: 2h

**Tags:** money

- [ ] every sum is one of cents

### TASK-002: A cart that knows its total, whatever is put in, taken out, or given away for nothing at all
🟠 P1 | ⬜ TODO | Est: 4h

**Depends on:** [TASK-001]

### TASK-003: Checkout
🟠 P1 | ⬜ TODO | Est: 2d

**Depends on:** [TASK-002]

### TASK-004: Change the prices
🟡 P2 | ⬜ TODO | Est: 1h

### TASK-005: 日本語の領収書 🧾
🟢 P3 | ⬜ TODO

**Depends on:** [TASK-001]

### TASK-006: Read the \x1b[31mold\x07 ledger
🟠 P1 | ⬜ TODO | Est: 1h
"""

SETTINGS = """agent = "claude"
jobs = 2
[budget]
run_usd = 5.0
[agents.claude]
kind = "claude"
[gates.tests]
command = "make test"
"""


class _Ledger:
    """The run, told fact by fact."""

    def __init__(self, project: Project) -> None:
        self.board, self.now = Board(), BEGIN
        project.prepare()
        self.store = SqliteStore.open(project.ledger)

    def at(self, after: float, *told: f.Fact, paid: Sequence[Charge] = ()) -> None:
        self.now += after
        for fact in told:
            self.board.apply(fact, self.now)
            if isinstance(fact, f.TaskAdded):
                self.board.open()
        tasks, attempts = self.board.changed()
        self.store.commit("r1", self.now, told, [task_row(one) for one in tasks], [attempt_row(one) for one in attempts], paid)
        self.board.forget_changes()

    def attempt(
        self,
        task: str,
        number: int,
        took: float,
        usd: float,
        verdict: Verdict,
        *then: f.Fact,
        base: str = "b" * 40,
        commit: str = "",
    ) -> None:
        """Claimed, worked on, taken, judged; then what came of it."""
        name, usage = f"r1.{task}.{number}", Usage(int(usd * 40_000), int(usd * 3_000), usd)
        claimed = f.AttemptClaimed(task=task, attempt=name, number=number, agent="claude", model="claude-sonnet", base=base)
        self.at(1.0, claimed)
        exit_ = Exit(cause="exited", code=0, started_at=self.now, ended_at=self.now + took)
        paid = Charge(task, name, "agent", "claude", "claude-sonnet", usage, measured=True)
        self.at(took, f.AttemptExited(task=task, attempt=name, exit=exit_, usage=usage, charged=usage), paid=[paid])
        commit, proposal = commit or f"{number}a" * 20, verdict.commit
        self.at(0.5, f.CommitTaken(task=task, attempt=name, commit=commit, proposal=proposal, base=base, files=("shop.py",)))
        self.at(4.0, f.VerdictGiven(task=task, attempt=name, verdict=verdict), *then)


def said(word: str, commit: str, summary: str, evidence: str = "", findings: tuple[Finding, ...] = ()) -> Verdict:
    return Verdict(
        gate="review/quality" if findings else "tests",
        commit=commit * 40, verdict=word, summary=summary, evidence=evidence, duration_s=4.0, findings=findings,  # type: ignore[arg-type]
    )  # fmt: skip


def make(root: Path) -> None:
    """Fill ``root``, an empty folder."""
    _git(root, "init", "--quiet", "--initial-branch=main")
    (root / "spec").mkdir()
    (root / "spec/tasks.md").write_text(SPEC.replace("\x1b", "").replace("\x07", ""))
    (root / "chargehand.toml").write_text(SETTINGS)
    (root / ".gitignore").write_text(".chargehand/\n")
    base = _commit(root, "The beginning")
    project = Project(root)
    spec = specs.read(project, "spec/tasks.md")
    ledger = _Ledger(project)
    config: dict[str, object] = {"jobs": 2, "agents": {"claude": {"kind": "claude"}}, "budget": {"run_usd": 5.0}}
    opening = f.RunStarted(
        run="r1", spec=spec.path, spec_digest="d", target="main", base="b" * 40, agent="claude", jobs=2, version="0",
        operator="ada", config=config,
    )  # fmt: skip
    told = [added(task, order) for order, task in enumerate(spec.tasks)]
    told[5] = msgspec.structs.replace(told[5], title="Read the \x1b[31mold\x07 ledger")  # as another program could have left it
    ledger.at(0.0, opening, *told)
    _work(ledger, base, _done(project, base))
    ledger.store.close()
    _leave_behind(project, spec.digest)


def _git(root: Path, *words: str) -> str:
    told = {"DATE": f"{int(BEGIN)} +0000", "NAME": "Ada", "EMAIL": "ada@localhost"}
    env = {f"GIT_{who}_{name}": value for who in ("AUTHOR", "COMMITTER") for name, value in told.items()}
    env |= {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(["git", *words], cwd=root, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _commit(root: Path, message: str) -> str:
    _git(root, "add", "--all")
    _git(root, "commit", "--quiet", f"--message={message}")
    return _git(root, "rev-parse", "HEAD")


def _done(project: Project, base: str) -> str:
    """A commit of an agent, which only the depot has."""
    (project.root / "ledger.py").write_text("def read(line):\n    return line.split(';')\n")
    commit = _commit(project.root, "TASK-006: Read the old ledger")
    _git(project.root, "clone", "--quiet", "--bare", ".", str(project.state / "depot.git"))
    _git(project.root, "reset", "--quiet", "--hard", base)
    return commit


def _work(ledger: _Ledger, base: str, commit: str) -> None:
    nit = Finding(id="cents", severity="minor", file="shop.py", line=12, evidence="rounds twice", fix="round once, at the end")
    landed = f.TaskLanded(task="TASK-001", attempt="r1.TASK-001.1", commit="c" * 40)
    review = f.VerdictGiven(task="TASK-001", attempt="r1.TASK-001.1", verdict=said("pass", "c", "1 finding", findings=(nit,)))
    ledger.attempt("TASK-001", 1, 185.0, 0.42, said("pass", "c", "48 passed"), review, landed)
    for number, usd in ((1, 0.9), (2, 1.35)):
        failed = said("fail", "d", "2 failed, 51 passed", "FAILED tests/test_cart.py::test_total\nassert 3 == 4")
        why = f"gate tests: {failed.summary}"
        ended = f.AttemptEnded(task="TASK-002", attempt=f"r1.TASK-002.{number}", outcome="gate_failed", reason=why)
        ledger.attempt("TASK-002", number, 240.0 * number, usd, failed, ended)
    ledger.at(0.0, f.TaskFailed(task="TASK-002", reason="2 attempts, the last: gate tests: 2 failed, 51 passed"))
    asked = f.QuestionAsked(
        task="TASK-004", attempt="r1.TASK-004.1", id="q1", commit="e" * 40, text="may TASK-004 land?",
        answers=("approve", "reject", "fix", "skip"),
    )  # fmt: skip
    ledger.attempt("TASK-004", 1, 61.0, 0.11, said("pass", "e", "48 passed"), asked)
    ledger.attempt(
        "TASK-006", 1, 95.0, 0.3, said("pass", "f", "50 passed"),
        f.TaskLanded(task="TASK-006", attempt="r1.TASK-006.1", commit="f" * 40), base=base, commit=commit,
    )  # fmt: skip
    ledger.at(0.1, f.RunFinished(run="r1", state="failed", reason="2 of 6 landed, 1 failed, 1 need you"))


def _leave_behind(project: Project, digest: str) -> None:
    """What else a run leaves: transcripts, and the forecast that was made as it began."""
    for name in ("r1.TASK-001.1", "r1.TASK-002.1", "r1.TASK-002.2"):
        place = project.state / "attempts" / name
        place.mkdir(parents=True)
        shutil.copy(STREAM, place / "stdout.log")
        (place / "prompt.md").write_text("# TASK\nDo it.\n")
        (place / "exit.json").write_text("{}")
    told = {
        "at": BEGIN, "run": "r1", "spec_digest": digest, "tasks": 6, "learned_from": 0,
        "seconds": {"p50": 1500.0, "p80": 3000.0, "p95": 6000.0}, "usd": None,
        "each": {"TASK-001": [200.0, 400.0, 800.0], "TASK-006": [60.0, 90.0, 400.0]},
    }  # fmt: skip
    (project.state / "forecasts.jsonl").write_text(json.dumps(told) + "\n")
