"""One real task for one agent, through the ordinary pipeline, in a repository that is thrown away."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from chargehand.depot.git import Git
from chargehand.model.config import AgentConfig, BudgetConfig, Config, GateConfig, RetryConfig
from chargehand.model.errors import UsageProblem
from chargehand.model.facts import Event
from chargehand.model.task import Spec
from chargehand.service import inspect, running, specs
from chargehand.service.project import Project
from chargehand.service.status import status

_WORD = "chargehand"
_FILE = "probe.txt"
_SPEC = f"""\
# Tasks

### TASK-001: Write one small file
🟠 P1 | ⬜ TODO | Est: 1m

Write the file `{_FILE}` in the current folder. It holds exactly one line: the word `{_WORD}`. Do nothing else.

**Checklist:**
- [ ] `{_FILE}` holds the word
"""
_GATE = ["/bin/sh", "-c", f'test "$(cat {_FILE})" = {_WORD}']

Wire = Callable[[Project, Config, Spec], running.Hands]


class Probed(NamedTuple):
    """``reason``: why it did not land, empty when it did. Money is None when nothing told it."""

    agent: str
    landed: bool
    reason: str
    seconds: float
    cost_usd: float | None
    input_tokens: int | None
    output_tokens: int | None


class _Silent:
    """A ``running.Viewer`` that shows nothing."""

    def begin(self, runner: object) -> None: ...
    def hear(self, event: Event) -> None: ...
    def note(self, message: str) -> None: ...


def probe(project: Project, config: Config, name: str, wire: Wire) -> Probed:
    """Give the agent its task and wait. Nothing of ``project`` is changed. Raises UsageProblem for an agent that there is not, and
    what a run raises that cannot begin."""
    if name not in config.agents:
        raise UsageProblem(f"there is no agent {name!r}", hint=f"[agents] has {', '.join(config.agents) or 'none'}")
    with tempfile.TemporaryDirectory(prefix="chargehand-probe-", ignore_cleanup_errors=True) as folder:
        place = Project(Path(folder).resolve())
        settings = Config(
            agent=name,
            agents={name: _from(project.root, config.agents[name])},
            gates={"probe": GateConfig(command=_GATE)},
            target="main",
            jobs=1,
            cage=config.cage,
            meter=config.meter,
            prices=config.prices,
            retry=RetryConfig(attempts=1, wait_limit_minutes=0.05),
            budget=BudgetConfig(reserve_usd=config.budget.reserve_usd, reserve_tokens=config.budget.reserve_tokens),
            timeouts=msgspec.structs.replace(config.timeouts, task_minutes=min(5.0, config.timeouts.task_minutes)),
        )
        spec = _prepare(place)
        begun = time.monotonic()
        running.run(
            place, settings, spec, wire(place, settings, spec), running.Order(every=True), _Silent(), "chargehand doctor --probe"
        )
        return _told(place, name, time.monotonic() - begun)


def _prepare(place: Project) -> Spec:
    Git(place.root / ".git").run("init", "--quiet", "--template=", "--initial-branch=main", cwd=place.root)
    git = Git(place.root / ".git", work_tree=place.root)
    for key, value in {
        "user.name": "chargehand",
        "user.email": "probe@localhost",
        "core.autocrlf": "false",
        "core.excludesFile": "/dev/null",
    }.items():
        git.run("config", key, value)
    (place.root / "spec").mkdir()
    (place.root / "spec" / "tasks.md").write_text(_SPEC, encoding="utf-8")
    git.run("add", "--all")
    git.run("commit", "--quiet", "--message", "The probe's task")
    return specs.read(place, "spec/tasks.md")


def _from(root: Path, agent: AgentConfig) -> AgentConfig:
    """The same agent, seen from elsewhere: paths that start at the project's root are made absolute."""
    program, script, command = agent.program, agent.script, agent.command
    if "/" in program:
        program = str((root / program).absolute())
    if script:
        script = str((root / script).absolute())
    if isinstance(command, list) and command and "/" in command[0]:
        command = [str((root / command[0]).absolute()), *command[1:]]
    return msgspec.structs.replace(agent, program=program, script=script, command=command)


def _told(place: Project, name: str, seconds: float) -> Probed:
    seen = status(place)
    assert seen
    task = seen["tasks"][0]
    shown = inspect.show(place, task["id"])
    last = shown["attempts"][-1] if shown and shown["attempts"] else None
    reason = "" if task["state"] == "landed" else (last["reason"] if last and last["reason"] else task["reason"]) or task["state"]
    return Probed(name, task["state"] == "landed", reason, seconds, task["cost_usd"], task["input_tokens"], task["output_tokens"])
