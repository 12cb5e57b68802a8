"""Is everything there? Each finding with its fix."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import NamedTuple

from chargehand.model.config import Config
from chargehand.model.errors import ChargehandError
from chargehand.service import specs, workplace
from chargehand.service.project import Project

_SPACE = 512 * 1024 * 1024


class Finding(NamedTuple):
    """``level`` is ``ok``, ``warning`` or ``problem``; only a problem keeps a run from working."""

    level: str
    what: str
    detail: str
    fix: str = ""


def examine(project: Project, settings: Callable[[], Config], preflight: Callable[[Config], Iterator[Finding]]) -> list[Finding]:
    """Look at everything a run needs; changes nothing. A finding never hides the others."""
    looks = (_git, _engine, lambda: _repository(project), lambda: _disk(project), lambda: _leftovers(project))
    findings = [_guarded(look) for look in looks]
    config = None
    try:
        config = settings()
        findings.append(Finding("ok", "settings", "read"))
    except ChargehandError as error:
        findings += [Finding("problem", "settings", problem.message, problem.hint) for problem in error.problems]
    if config is not None:
        findings += _work(project, config, preflight)
    return findings


def _work(project: Project, config: Config, preflight: Callable[[Config], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        spec = specs.read(project, config.spec, config.format)
        yield Finding("ok", "spec", f"{spec.path}: {len(spec.tasks)} tasks, {len(spec.warnings)} warnings")
        resolved = workplace.resolve(project, config, spec)
        if resolved.target:
            yield Finding("ok", "target", f"lands on {resolved.target}")
    except ChargehandError as error:
        yield Finding(
            "problem", "spec" if error.code.startswith("spec") else "target", error.message, error.hint or "chargehand check"
        )
    try:
        workplace.choose_agent(config)
        yield from preflight(config)
    except ChargehandError as error:
        yield Finding("problem", "agent", error.message, error.hint)


def _guarded(look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except ChargehandError as error:
        return Finding("problem", error.code.split(".")[0], error.message, error.hint)


def _git() -> Finding:
    from chargehand.depot import git

    git.check_version()
    return Finding("ok", "git", git.version())


def _engine() -> Finding:
    from chargehand.store.connection import engine_version, sound_engine

    version = engine_version()
    if not sound_engine(version):
        return Finding("problem", "sqlite", f"{version} can lose committed data", "install apsw from its own wheel")
    return Finding("ok", "sqlite", version)


def _repository(project: Project) -> Finding:
    from chargehand.depot import repository

    repo = repository.inspect(project.root)
    if not repository.is_clean(project.root):
        return Finding(
            "warning",
            "repository",
            f"{repo.root} has uncommitted changes",
            "landed work will wait beside them until you take it over",
        )
    return Finding("ok", "repository", f"{repo.root}, clean")


def _disk(project: Project) -> Finding:
    free = shutil.disk_usage(project.root).free
    if free < _SPACE:
        return Finding("problem", "disk", f"{free // 2**20} MB free", "free at least 512 MB")
    if not os.access(project.root, os.W_OK):
        return Finding("problem", "disk", f"{project.root} cannot be written", "make it writable for this user")
    return Finding("ok", "disk", f"{free / 2**30:.1f} GB free")


def _leftovers(project: Project) -> Finding:
    from chargehand.service.status import engine_of, status

    holder = engine_of(project)
    if holder:
        return Finding("ok", "engine", f"a run is under way (pid {holder.get('pid')})")
    run = (status(project) or {"run": None})["run"]
    if run and run["state"] == "interrupted":
        return Finding("warning", "engine", f"run {run['id']} was interrupted", "chargehand run --all continues it")
    return Finding("ok", "engine", "nothing under way")
