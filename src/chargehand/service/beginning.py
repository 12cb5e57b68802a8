"""The first settings of a project, proposed from what is found in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

from chargehand.depot import repository
from chargehand.service.project import CONFIG, Project

_SPECS = ("spec/tasks.md", "specs/tasks.md", "tasks.md", "docs/tasks.md")

_AGENTS = {
    "claude": ['claude', '-p', '--dangerously-skip-permissions'],
    "codex": ['codex', 'exec', '--dangerously-bypass-approvals-and-sandbox', '-'],
    "gemini": ['gemini', '--yolo'],
    "opencode": ['opencode', 'run'],
}  # fmt: skip
"""Command lines that read the prompt from stdin and may change files, for the agents that are looked for."""


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
    gate = detect_tests(project.root)
    agents = [name for name in _AGENTS if shutil.which(name)]
    spec = next((name for name in _SPECS if (project.root / name).is_file()), _SPECS[0])
    text = _text(target, spec, gate, agents)
    found = [
        f"git repository {repo.root}, landing on {target}",
        f"tests: {gate}" if gate else "no test command recognised: add one under [gates.test]",
        f"agents: {', '.join(agents)}" if agents else "no known agent on PATH: name any program under [agents.NAME]",
        f"spec: {spec}" if (project.root / spec).is_file() else f"no spec yet: write {spec}",
    ]
    with project.config.open("x") as file:
        file.write(text)
    return Begun(project.config, True, text, found)


def detect_tests(root: Path) -> str:
    """The command that runs the project's tests, empty when none is recognised."""
    if _has(root / "Makefile", "\ntest:") or _has(root / "makefile", "\ntest:"):
        return "make test"
    if (root / "package.json").is_file() and _npm_test(root / "package.json"):
        runner = next((tool for lock, tool in (("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn")) if (root / lock).exists()), "npm")
        return f"{runner} test"
    if (root / "Cargo.toml").is_file():
        return "cargo test"
    if (root / "go.mod").is_file():
        return "go test ./..."
    if any((root / name).is_file() for name in ("pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini")):
        return "uv run pytest -q" if (root / "uv.lock").exists() else "python3 -m pytest -q"
    if (root / "tests").is_dir() and any((root / "tests").glob("test_*.py")):
        return "python3 -m unittest discover -s tests -t ."
    return ""


def _has(path: Path, text: str) -> bool:
    return path.is_file() and text in "\n" + path.read_text(errors="replace")


def _npm_test(path: Path) -> bool:
    try:
        command = json.loads(path.read_text())["scripts"]["test"]
    except (ValueError, KeyError, TypeError):
        return False
    return "no test specified" not in command


def _text(target: str, spec: str, gate: str, agents: list[str]) -> str:
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
        lines += [f"[agents.{name}]", f"command = {json.dumps(_AGENTS[name])}   # the prompt comes on stdin", 'env = ["HOME"]', ""]
    if not agents:
        lines += [
            "# [agents.NAME]            # any program: it gets the prompt on stdin and works in its current directory",
            '# command = ["my-agent", "--prompt-file", "{prompt_file}", "--model", "{model}"]',
            '# model = ""',
            '# env = ["HOME"]           # what it is given of your environment, by name',
            "",
        ]
    if gate:
        lines += [
            "[gates.test]               # what a commit must pass, on a fresh checkout, before it lands",
            f"command = {json.dumps(gate)}",
        ]
    else:
        lines += [
            "# [gates.test]             # what a commit must pass, on a fresh checkout, before it lands",
            '# command = "make test"',
        ]
    return "\n".join([*lines, "timeout_minutes = 10" if gate else "# timeout_minutes = 10", ""])
