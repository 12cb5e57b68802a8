"""A spec out of prose: a run whose one task is to ask the planner, and the file made of its answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec

from chargehand.brief.drafting import LONGEST_TEXT
from chargehand.brief.text import inline
from chargehand.engine.drafting import FOLDER
from chargehand.model.config import ApprovalConfig, Config, ReviewConfig
from chargehand.model.errors import EnvironmentProblem, SpecProblem, UsageProblem
from chargehand.model.task import PROSE, Span, Spec, Task
from chargehand.process.files import rewrite
from chargehand.service import forecasting
from chargehand.service.foreseen import Drafted, DraftForeseen
from chargehand.service.project import Project
from chargehand.service.status import SCHEMA_VERSION, status
from chargehand.service.workplace import choose_agent

STDIN = "-"
USUAL = "spec/tasks.md"

_PREFIX = "plan-"


def prose(project: Project, source: str, stdin: BinaryIO) -> Spec:
    """The text as a spec with one task: to make tasks of it. ``source`` is a file, or ``-`` for standard input.

    The task is known by the text, so that the same text is not paid for twice. Raises SpecProblem when it cannot be asked about.
    """
    file = project.root / source if (project.root / source).exists() else Path(source)
    try:
        data = stdin.read() if source == STDIN else file.read_bytes()
    except OSError as error:
        raise SpecProblem(f"cannot read {source}: {error.strerror}", hint="name a text file, or - for standard input") from error
    path = "standard input" if source == STDIN else _shown(project, file)
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise SpecProblem(f"{path} is not UTF-8 (byte {error.start})", hint="save it as UTF-8") from error
    if not text or "\0" in text:
        raise SpecProblem(f"{path} {'holds a NUL byte: it is not a text' if text else 'is empty'}", hint="say in it what is wanted")
    if len(text) > LONGEST_TEXT:
        message = f"{path} has {len(text):,} characters, more than a planner is asked about ({LONGEST_TEXT:,})"
        raise SpecProblem(message, hint="split it, and make a spec of each part: --to FILE")
    digest = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
    title = f"make tasks of {inline(path, 200)}"
    return Spec(
        path=path,
        format=PROSE,
        tasks=(Task(id=f"{_PREFIX}{digest}", title=title, span=Span(1), description=text, digest=digest, evidence="exit"),),
        digest=digest,
    )


def _shown(project: Project, file: Path) -> str:
    whole = file.resolve()
    return whole.relative_to(project.root).as_posix() if whole.is_relative_to(project.root) else whole.as_posix()


def settings(config: Config, of: Spec) -> Config:
    """The settings of such a run: the planner works, nobody judges, and the text is what is looked at again."""
    planner = config.retry.planner or choose_agent(config)
    return msgspec.structs.replace(
        config,
        agent=planner,
        spec=of.path,
        gates={},
        jobs=1,
        integration="target",
        approval=ApprovalConfig(),
        review=ReviewConfig(),
        retry=msgspec.structs.replace(config.retry, planner="", escalate=[]),
    )


def admitted(project: Project, asking: Config, ambient: Mapping[str, str]) -> None:
    """Raises EnvironmentProblem when the planner has no key and no login: it would only be turned away."""
    from chargehand.service.checkup import access

    why, fix = access(asking.agent, asking, project, ambient)
    if why:
        raise EnvironmentProblem(f"the planner, agent {asking.agent}, cannot be asked: {why}", hint=fix)


def target(project: Project, config: Config, of: Spec, wanted: str, *, force: bool) -> str:
    """Where the spec is to be written, relative to the root. Raises UsageProblem when that would replace a file unasked, or a run
    that is not over would lose its tasks."""
    path = wanted or (config.spec if config.spec != of.path and Path(config.spec).suffix == ".md" else USUAL)
    file = (project.root / path).resolve()
    if not file.is_relative_to(project.root) or file.is_dir():
        raise UsageProblem(f"{path} is no file of this project", hint=f"name one below {project.root}: --to {USUAL}")
    path = file.relative_to(project.root).as_posix()
    if path == of.path:
        raise UsageProblem(f"{path} is the text itself", hint=f"write the tasks beside it: --to {USUAL}")
    if file.exists() and not force:
        raise UsageProblem(
            f"{path} is there already, and is not replaced unasked", hint="--to FILE writes another one, --force replaces it"
        )
    seen = status(project)
    if (
        seen
        and seen["run"]
        and seen["run"]["state"] != "finished"
        and any(not task["id"].startswith(_PREFIX) for task in seen["tasks"])
    ):
        message = f"run {seen['run']['id']} is not finished: to plan now would take its tasks away"
        raise UsageProblem(message, hint="chargehand run --all finishes it, chargehand reset gives it up")
    return path


def kept(project: Project, of: Spec) -> str:
    """The draft that was made of this very text. Raises SpecProblem when it is gone."""
    file = project.state / FOLDER / f"{of.tasks[0].id}.md"
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        message = f"a spec was made of {of.path} before, but its draft cannot be read: {error.strerror}"
        raise SpecProblem(message, hint="chargehand reset forgets that it was made") from error


def write(project: Project, path: str, text: str, *, force: bool) -> None:
    """Write the spec; a file that came to be meanwhile is replaced only by ``force``."""
    file = project.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    if force and file.exists():
        rewrite(file, lambda _old: text.encode())
        return
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError as error:
        raise UsageProblem(f"{path} was written meanwhile, and is not replaced unasked", hint="--force replaces it") from error


def drafted(project: Project, config: Config, of: Spec, made: Spec, *, paid: bool) -> Drafted:
    """What was made of the text. ``paid``: it was asked about just now."""
    seen = status(project) if paid else None
    return {
        "schema_version": SCHEMA_VERSION,
        "source": of.path,
        "spec": made.path,
        "planner": config.retry.planner or choose_agent(config),
        "cost_usd": seen["totals"]["cost_usd"] if seen else 0.0,
        "plan": forecasting.plan(project, config, made),
    }


def foreseen(asking: Config, of: Spec, path: str) -> DraftForeseen:
    """Who would be asked, with the settings ``asking``, and what it may cost."""
    caps = [cap for cap in (asking.budget.run_usd, asking.budget.total_usd, asking.budget.task_usd) if cap is not None]
    return {
        "schema_version": SCHEMA_VERSION,
        "source": of.path,
        "spec": path,
        "planner": asking.agent,
        "model": asking.agents[asking.agent].model,
        "characters": len(of.tasks[0].description),
        "budget_usd": min(caps, default=None),
    }
