"""Is everything there? Each finding with its fix."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from chargehand.model.config import Config
from chargehand.model.errors import ChargehandError
from chargehand.service import plugins, specs, workplace
from chargehand.service.project import Project
from chargehand.service.setupoutputs import AgentObject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from chargehand.service.checkup import Look

_SPACE = 512 * 1024 * 1024
_AHEAD_S = 120.0
_LISTEN_S = 0.05


class Finding(NamedTuple):
    """``level`` is ``ok``, ``warning`` or ``problem``; only a problem keeps a run from working."""

    level: str
    what: str
    detail: str
    fix: str = ""


class Examination(NamedTuple):
    """``agents`` is what is known of each agent of the settings; ``findings`` tells of them too."""

    findings: list[Finding]
    agents: list[AgentObject]


def examine(
    project: Project,
    settings: Callable[[], Config],
    gates: Callable[[Config], Iterator[Finding]],
    ambient: Mapping[str, str],
    cache: Path,
) -> Examination:
    """Look at everything a run needs; changes nothing. A finding never hides the others. ``cache`` keeps what programs said."""
    from chargehand.service import checkup

    looks = (
        _git,
        _engine,
        lambda: _repository(project),
        lambda: _disk(project),
        lambda: _clock(project),
        lambda: _leftovers(project),
    )
    findings = [_guarded(look) for look in looks]
    config = None
    try:
        config = settings()
        findings.append(Finding("ok", "settings", "read"))
    except ChargehandError as error:
        findings += [Finding("problem", "settings", problem.message, problem.hint) for problem in error.problems]
    if config is None:
        return Examination(findings, [])
    findings += _work(project, config, gates)
    findings.append(_cage(config))
    agents = checkup.examine(project, config, ambient, cache)
    findings += [_agent(look) for look in agents]
    return Examination(findings, [look.told for look in agents])


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number:,} {what}s"


def _work(project: Project, config: Config, gates: Callable[[Config], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        spec = specs.read(project, config.spec, config.format)
        warned = f", {_count(len(spec.warnings), 'warning')} (chargehand check)" if spec.warnings else ""
        yield Finding("ok", "spec", f"{spec.path}: {_count(len(spec.tasks), 'task')}{warned}")
        resolved = workplace.resolve(project, config, spec)
        if resolved.target:
            yield Finding("ok", "target", f"lands on {resolved.target}")
    except ChargehandError as error:
        yield Finding(
            "problem", "spec" if error.code.startswith("spec") else "target", error.message, error.hint or "chargehand check"
        )
    yield from _plugins(project, config)
    try:
        workplace.choose_agent(config)
    except ChargehandError as error:
        yield Finding("problem", "agent", error.message, error.hint)
    try:
        yield from gates(config)
    except ChargehandError as error:
        yield Finding("problem", "gates", error.message, error.hint)


_METERING = {"gateway": "metered through the gateway", "stream": "usage read from its output"}


def _agent(look: Look) -> Finding:
    told = look.told
    what = f"agent {told['name']}"
    facts = [f"{told['kind']} {told['version']}".strip(), *([told["model"]] if told["model"] else [])]
    facts += [f"key in {told['key']}"] if told["key"] and not told["login"] else []
    facts += ["its own login"] if told["login"] else []
    facts.append(_METERING[told["metering"]])
    facts += ["its flags not checked: it is slow to start"] if told["version"] and not told["flags_checked"] else []
    facts += [] if told["edits"] else ["only answers: for reviews and plans"]
    if look.trouble:
        known = f"{facts[0]}: " if told["version"] else ""
        return Finding("problem" if told["used"] else "warning", what, f"{known}{look.trouble}", look.fix)
    if look.doubt:
        return Finding("warning", what, f"{', '.join(facts)}; {look.doubt}", look.fix)
    return Finding("ok", what, ", ".join(facts))


def _cage(config: Config) -> Finding:
    from chargehand.process import cage

    try:
        chosen = cage.choose(config.cage)
    except ChargehandError as error:
        return Finding("problem", "cage", error.message, error.hint)
    if isinstance(chosen, cage.NoCage):
        fix = "" if config.cage == "none" else "install bubblewrap, or use --cage container"
        return Finding("warning", "cage", f"none ({chosen.reason}): agents run with your rights", fix or 'cage = "auto"')
    return Finding("ok", "cage", f"{chosen.name} works: agents see their workspace and no network but the gateway")


def _plugins(project: Project, config: Config) -> Iterator[Finding]:
    own, others = plugins.in_project(project.root), plugins.installed()
    runs = {plugin.name for plugin in plugins.usable(project, config)}
    for plugin in (*own.plugins, *others.plugins):
        told = f"{plugin.description or 'a plugin'} ({', '.join(plugin.hooks) or 'no hooks'})"
        if plugin.name in runs:
            yield Finding("ok", f"plugin {plugin.name}", told)
        else:
            yield Finding("warning", f"plugin {plugin.name}", f"{told}, not trusted, so it is not run", "chargehand trust")
    for where, problem in (*own.problems, *others.problems):
        yield Finding("problem", f"plugin {where}", problem)


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


def _clock(project: Project) -> Finding:
    """Deadlines run by a clock of their own, but budgets for a day, reset times and records go by the one on the wall."""
    wall, steady = time.time(), time.monotonic()
    time.sleep(_LISTEN_S)
    drift = (time.time() - wall) - (time.monotonic() - steady)
    if abs(drift) > _LISTEN_S:
        return Finding("warning", "clock", f"it was just set by {drift:+.2f} s", "let it settle, then look again")
    newest = max((path.stat().st_mtime for path in (project.ledger, Path(__file__)) if path.exists()), default=0.0)
    if newest > wall + _AHEAD_S:
        when = datetime.fromtimestamp(newest).isoformat(" ", "seconds")
        return Finding("warning", "clock", f"it is behind: something here was written at {when}", "set the clock")
    return Finding("ok", "clock", datetime.fromtimestamp(wall).astimezone().isoformat(" ", "seconds"))


def _leftovers(project: Project) -> Finding:
    from chargehand.service.status import engine_of, status

    holder = engine_of(project)
    if holder:
        return Finding("ok", "engine", f"a run is under way (pid {holder.get('pid')})")
    run = (status(project) or {"run": None})["run"]
    alive = _supervised(project)
    if run and run["state"] == "interrupted":
        still = f"; {len(alive)} of its agents still work ({', '.join(alive[:3])})" if alive else ""
        return Finding("warning", "engine", f"run {run['id']} was interrupted{still}", "chargehand run --all continues it")
    if alive:
        return Finding(
            "warning", "engine", f"still supervised, with no run: {', '.join(alive[:3])}", "chargehand run takes them up"
        )
    old = sum(1 for _ in (project.state / "work").iterdir()) if (project.state / "work").is_dir() else 0
    if old:
        return Finding("warning", "leftovers", f"{old} workspaces of attempts that ended", "chargehand gc removes what is saved")
    return Finding("ok", "engine", "nothing under way, nothing left over")


def _supervised(project: Project) -> list[str]:
    """Attempts whose supervisor lives."""
    from chargehand.process.strays import read_record

    folder = project.state / "attempts"
    places = [place for place in folder.iterdir() if not (place / "exit.json").exists()] if folder.is_dir() else []
    return sorted(place.name for place in places if (record := read_record(place)) and record.supervisor())
