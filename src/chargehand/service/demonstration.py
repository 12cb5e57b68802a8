"""The demonstration: a small real project in a repository of its own, and what came of the run on it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from chargehand import demo
from chargehand.depot.git import Git
from chargehand.gates.tests_run import counts
from chargehand.model.errors import UsageProblem
from chargehand.process.call import call
from chargehand.service import inspect
from chargehand.service.project import Project

_SUITE = ("-m", "unittest", "discover", "-q", "-s", "tests", "-t", ".")

_SETTINGS = """\
# The settings of this demonstration. In a repository of yours, `chargehand init` proposes some.
agent = "scripted"
jobs = 4

[agents.scripted]           # plays a file instead of asking a model; everything else is as with a real agent
kind = "scripted"
script = "script.toml"

[gates.compile]             # what a commit must pass, on a fresh checkout, before it lands; and again when it had to be merged
command = {compile}

[gates.test]
command = {test}
"""

# The user's line ends and ignore patterns would change what lands.
_GIT_SETTINGS = {
    "user.name": "chargehand demo",
    "user.email": "demo@localhost",
    "core.autocrlf": "false",
    "core.excludesFile": "/dev/null",
}


class Setback(NamedTuple):
    """An attempt that did not land. ``told``: the line that mattered of what the next one was told. ``landed``: the attempt that
    landed in the end, 0 for none."""

    task: str
    attempt: int
    landed: int
    outcome: str
    reason: str
    told: str


class Account(NamedTuple):
    """What came of the run. ``merged``: how many tasks found the target moved, and were judged again as merged before they landed.

    Tokens and money are what the script reported; nothing was paid. ``tests``: how many passed when the project's suite was run
    once more on the target; 0 when it was not green.
    """

    run: str
    target: str
    tasks: int
    landed: int
    attempts: int
    setbacks: tuple[Setback, ...]
    merged: int
    elapsed_s: float
    input_tokens: int
    output_tokens: int
    cost_usd: float
    tests: int


def prepare(folder: Path) -> Project:
    """Make the sample project in ``folder``: files, settings, a repository with one commit on ``main``.

    Raises UsageProblem when something is in the folder already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageProblem(f"{folder} is not an empty folder", hint="name one that is not there yet")
    material = Path(demo.__file__).parent
    shutil.copytree(material / "project", folder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    shutil.copyfile(material / "script.toml", folder / "script.toml")
    project = Project(folder.resolve())
    project.config.write_text(_settings(), encoding="utf-8")
    _commit(project.root)
    return project


def _settings() -> str:
    python = _python()
    gates = {"compile": (python, "-m", "compileall", "-q", "splitbill", "tests"), "test": (python, *_SUITE)}
    return _SETTINGS.format_map({name: json.dumps(command, ensure_ascii=False) for name, command in gates.items()})


def _python() -> str:
    """``python3``, as people write it, if that is the system's and the sample can use it where a gate runs; else the interpreter we
    run in. A cage shows no others: not pyenv's, say."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.devnull}
    found = shutil.which("python3", path=environment["PATH"])
    if not found or not os.path.realpath(found).startswith("/usr/"):
        return sys.executable
    tried = call(("python3", "-c", "import sys, unittest; sys.exit(sys.version_info < (3, 11))"), env=environment)
    return sys.executable if tried.code else "python3"


def _commit(root: Path) -> None:
    Git(root / ".git").run("init", "--quiet", "--template=", "--initial-branch=main", cwd=root)
    git = Git(root / ".git", work_tree=root)
    for key, value in _GIT_SETTINGS.items():
        git.run("config", key, value)
    git.run("add", "--all")
    git.run("commit", "--quiet", "--message", "The skeleton of splitbill, and what is to become of it")


def account(project: Project) -> Account:
    """Read from the ledger what happened, and run the test suite once more on what has landed."""
    seen = inspect.overview(project)
    run, sums = seen["run"], seen["totals"]
    assert run is not None  # else there is no overview
    events = inspect.events(project, run["id"])
    return Account(
        run=run["id"],
        target=run["target"],
        tasks=sums["tasks"],
        landed=sums["by_state"].get("landed", 0),
        attempts=sums["attempts"],
        setbacks=_setbacks(events),
        merged=len(_attempts(events, "attempt.candidate") & _attempts(events, "task.landed")),
        elapsed_s=sums["elapsed_s"],
        input_tokens=sums["input_tokens"],
        output_tokens=sums["output_tokens"],
        cost_usd=sums["cost_usd"],
        tests=_prove(project.root),
    )


def _attempts(events: list[dict[str, Any]], kind: str) -> set[str]:
    return {event["attempt"] for event in events if event["event"] == kind}


def _setbacks(events: list[dict[str, Any]]) -> tuple[Setback, ...]:
    evidence: dict[str, str] = {}
    landed = {event["task"]: _number(event) for event in events if event["event"] == "task.landed"}
    found = []
    for event in events:
        if event["event"] == "gate.verdict" and event["verdict"]["verdict"] != "pass":
            evidence[event["attempt"]] = event["verdict"].get("evidence", "")
        elif event["event"] == "attempt.ended":
            told = _heart(evidence.get(event["attempt"]) or event.get("excerpt", ""))
            task = event["task"]
            found.append(Setback(task, _number(event), landed.get(task, 0), event["outcome"], event["reason"], told))
    return tuple(found)


def _number(event: dict[str, Any]) -> int:
    return int(event["attempt"].rpartition(".")[2])


def _heart(evidence: str) -> str:
    """The line a person would point at: the first assertion that failed, else the first line."""
    lines = [line.strip() for line in evidence.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("AssertionError")), lines[0] if lines else "")


def _prove(root: Path) -> int:
    """How many tests the project's suite runs on what has landed; 0 unless all of them pass."""
    environment: Mapping[str, str] = {"PATH": os.environ.get("PATH", os.defpath)}
    ended = call((sys.executable, "-B", *_SUITE), cwd=root, env=environment)
    return 0 if ended.code else counts((ended.stdout + ended.stderr).decode(errors="replace"))["passed"]
