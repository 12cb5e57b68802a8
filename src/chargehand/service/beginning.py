"""The first settings of a project, proposed from what is found in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from chargehand.agents.meter.routes import KEY_VARIABLES
from chargehand.agents.registry import make_agent
from chargehand.depot import repository
from chargehand.depot.git import look, names
from chargehand.gates.detect import Proposed, detect, wanted
from chargehand.model.config import AgentConfig, AgentKind
from chargehand.service.checkup import found_programs
from chargehand.service.project import CONFIG, Project

_MOST = 50_000
_LARGEST = 500_000
_SPECS = (
    *("spec/tasks.md", "specs/tasks.md", "tasks.md", "docs/tasks.md", "ROADMAP.md", "docs/ROADMAP.md"),
    *("orchestrator.yaml", "orchestrator.yml", "orchestrator.json", "prd.json", ".taskmaster/tasks/tasks.json"),
    *(".beads/issues.jsonl", "backlog/tasks", "specs/*/tasks.md", ".kiro/specs/*/tasks.md", "openspec/changes/*/tasks.md"),
)
"""Where specs of the known formats lie; the first that is there is proposed."""


class Begun(NamedTuple):
    """``written`` is False when there were settings already; ``found`` says in words what the proposal rests on."""

    path: Path
    written: bool
    text: str
    found: list[str]


def init(project: Project) -> Begun:
    """Write ``chargehand.toml``, unless there is one. Raises RepositoryProblem where there is no repository to work on."""
    repo = repository.inspect(project.root)
    if project.config.exists():
        return Begun(project.config, False, project.config.read_text(), [f"{CONFIG} is there already; nothing was changed"])
    target = repository.target(repo)
    gates = detected(project.root)
    agents = found_programs()
    specs = [path.relative_to(project.root).as_posix() for glob in _SPECS for path in sorted(project.root.glob(glob))]
    spec = specs[0] if specs else _SPECS[0]
    text = _text(target, spec, gates, agents)
    found = [
        f"git repository {repo.root}, landing on {target}",
        *(f"{gate.level}: {gate.command} ({gate.why})" for gate in gates),
        *([] if any(gate.level == "tests" for gate in gates) else ["no test command recognised: add one under [gates.test]"]),
        *(
            ["a setup needs the network, which a project's file may only ask for: chargehand trust"]
            if any(gate.setup for gate in gates)
            else []
        ),
        f"agents: {', '.join(agents)}" if agents else "no known agent on PATH: name any program under [agents.NAME]",
        f"spec: {spec}" if specs else f"no spec yet: write {spec}",
        *([f"other specs here: {', '.join(specs[1:6])}; name one with --spec"] if specs[1:] else []),
    ]
    with project.config.open("x") as file:
        file.write(text)
    return Begun(project.config, True, text, found)


def detected(root: Path) -> tuple[Proposed, ...]:
    """The gates that the project's own files suggest."""
    listed = look(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ".", accept=(0, 128)).stdout
    paths = frozenset(names(listed)[:_MOST])
    return detect(paths, {path: _head(root / path) for path in wanted(paths)})


def _head(path: Path) -> str:
    try:
        with path.open(errors="replace") as file:
            return file.read(_LARGEST)
    except OSError:
        return ""


def _text(target: str, spec: str, gates: Sequence[Proposed], agents: Sequence[AgentKind]) -> str:
    agent = agents[0] if agents else ""
    lines = [
        "# Settings of chargehand. All of them: chargehand config show --origin",
        "",
        f'agent = "{agent}"' if agent else '# agent = "NAME"          # a table [agents.NAME] below',
        f'spec = "{spec}"',
        f'target = "{target}"',
        "jobs = 4",
        "",
    ]
    for name in agents:
        lines += [f"[agents.{name}]", f'kind = "{name}"', _model(name), *_access(name), ""]
    if not agents:
        lines += [
            "# [agents.NAME]            # any program: it gets the prompt on stdin and works in its current directory",
            '# command = ["my-agent", "--prompt-file", "{prompt_file}", "--model", "{model}"]',
            '# model = ""',
            '# env = ["HOME"]           # what it is given of your environment, by name',
            "",
        ]
    if not gates:
        lines += [
            "# [gates.test]             # what a commit must pass, on a fresh checkout, before it lands",
            '# command = "make test"',
            "# timeout_minutes = 10",
        ]
    for gate in gates:
        lines += [*_gate(gate), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _model(kind: AgentKind) -> str:
    """Some have a model of their own; others have to be told one."""
    needs = "no model" in make_agent(kind, AgentConfig(kind=kind), Path()).preflight()
    return '# model = "..."            # it has none of its own: name one' if needs else '# model = ""'


def _access(kind: AgentKind) -> Iterator[str]:
    """How it reaches its model: by a key that is set, by its own login where there is one, or what to do about either."""
    agent = make_agent(kind, AgentConfig(kind=kind), Path())
    names = KEY_VARIABLES.get(agent.api, ())
    if any(os.environ.get(name) for name in names):
        return
    if any((Path.home() / name).exists() for name in agent.login):
        yield "login = true               # its own login: chargehand trust lets this file say so"
    elif names:
        yield f"# it needs a key: export {names[0]}=...{', or its own login' if agent.login else ''}"


def _gate(gate: Proposed) -> Iterator[str]:
    yield f"[gates.{gate.name}]".ljust(27) + f"# {gate.why}; judges a commit on a fresh checkout before it lands"
    yield f"command = {json.dumps(gate.command)}"
    yield "timeout_minutes = 10"
    if gate.report:
        yield f"report = {json.dumps(gate.report)}".ljust(26) + " # names every test, so that none gets lost"
    if gate.setup:
        yield f"setup = {json.dumps(gate.setup)}".ljust(26) + " # runs first, and only when one of the locks has changed"
        yield f"cache = {json.dumps(list(gate.cache))}"
        yield f"locks = {json.dumps(list(gate.locks))}"
        yield "network = true             # for the setup; in the cage a gate has none otherwise"
