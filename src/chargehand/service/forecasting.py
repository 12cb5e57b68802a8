"""Planning before spending: the order, a forecast of time and money, and afterwards how right it was.

Forecasts are kept, one JSON object a line, in ``.chargehand/forecasts.jsonl``: those that were asked for, and one of each run made
as it began, so that what came can be held against it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from zlib import crc32

import msgspec

from chargehand.model.config import Config
from chargehand.model.task import Spec, Task
from chargehand.plan import graph
from chargehand.plan.dice import Dice
from chargehand.plan.forecast import Expected, Forecast, Range, foretell
from chargehand.plan.pace import Done, Guess, Pace
from chargehand.plan.schedule import Schedule, Work
from chargehand.plan.terms import agent_of
from chargehand.service.foreseen import (
    Calibration,
    ClassObject,
    ForecastObject,
    GatingObject,
    Plan,
    RangeObject,
    RunCheck,
    Step,
    Within,
)
from chargehand.service.project import Project
from chargehand.service.status import SCHEMA_VERSION, stamp, status
from chargehand.store import reader

KEPT = "forecasts.jsonl"
REMEMBERED = 5000
"""So many of the newest landed tasks are learned from."""

AT_START_TASKS, AT_START_EFFORT = 500, 20_000
"""What the forecast at a run's start may take: a tenth of a second, or it is left out."""

_SIGMAS = (0.0, 0.8416, 1.6449)
_NOTHING = Guess(0.0, 0.0, 0.0, "free")


class Outlook(NamedTuple):
    """What is still to do, as it is foreseen. ``done`` counts what is not; ``stuck`` are tasks that failed or need a person."""

    tasks: list[Task]
    expected: list[Expected]
    pace: Pace
    done: int
    stuck: list[str]


def outlook(project: Project, config: Config, spec: Spec) -> Outlook:
    """The tasks still to do, in the order of the file, with what is known of such tasks. Tasks only done by name are left out."""
    seen = status(project)
    states = {task["id"]: task["state"] for task in seen["tasks"]} if seen else {}
    open_tasks = [task for task in spec.tasks if not task.manual and _state(task, states) not in {"landed", "skipped", "cancelled"}]
    pace = learned(project)
    default = config.agent or next(iter(config.agents), "")
    expected = [_expected(task, agent_of(task, default), config, pace) for task in open_tasks]
    stuck = [task.id for task in open_tasks if _state(task, states) in {"failed", "needs_human"}]
    return Outlook(open_tasks, expected, pace, len(spec.tasks) - len(open_tasks), stuck)


def _state(task: Task, states: Mapping[str, str]) -> str:
    return "landed" if task.status == "done" else states.get(task.id, "")


def _expected(task: Task, agent: str, config: Config, pace: Pace) -> Expected:
    work = Work(task.id, task.needs, task.priority, task.estimate_hours, task.touches)
    if task.group:  # done when its parts are
        return Expected(work, _NOTHING, _NOTHING)
    usd = pace.usd(agent, task.estimate_hours, task.priority)
    known = config.agents.get(agent.partition("@")[0])
    if (task.terms and task.terms.command) or (known and not known.paid):
        usd = _NOTHING
    return Expected(work, pace.seconds(agent, task.estimate_hours, task.priority), usd)


def learned(project: Project) -> Pace:
    """What the ledger knows of tasks, of all runs, reset ones too."""
    db = reader.open_reader(project.ledger)
    if db is None:
        return Pace(())
    with db:
        rows = reader.history(db, REMEMBERED)
    db.close()
    return Pace(Done(*row) for row in rows)


def plan(project: Project, config: Config, spec: Spec) -> Plan:
    """What is still to do, in order, and the longest chain."""
    seen = outlook(project, config, spec)
    needs = {task.id: task.needs for task in seen.tasks}
    hours = {task.id: task.estimate_hours for task in seen.tasks}
    path = graph.critical_path(needs, hours)
    schedule = Schedule([each.work for each in seen.expected])
    critical, default = set(path), config.agent or next(iter(config.agents), "")
    steps = [_step(seen.tasks[number], agent_of(seen.tasks[number], default), critical) for number in schedule.order()]
    counted = {task: own or graph.DEFAULT_HOURS for task, own in hours.items()}
    return {
        "schema_version": SCHEMA_VERSION, "spec": spec.path, "jobs": config.jobs, "tasks": steps, "critical_path": path,
        "hours": sum(counted.values()), "path_hours": sum(counted[task] for task in path), "done": seen.done,
    }  # fmt: skip


def _step(task: Task, agent: str, critical: set[str]) -> Step:
    return {
        "id": task.id, "title": task.title, "priority": f"P{task.priority}", "needs": list(task.needs),
        "estimate_hours": task.estimate_hours, "agent": agent, "critical": task.id in critical,
    }  # fmt: skip


def forecast(project: Project, config: Config, spec: Spec, seed: int = 0) -> ForecastObject | None:
    """Time and money of what is still to do; None when nothing is. It is kept."""
    seen = outlook(project, config, spec)
    if not seen.tasks:
        return None
    left = _left(project, config)
    found = foretell(seen.expected, config.jobs, Dice(seed or crc32(spec.digest.encode())), budget_usd=left)
    _keep(project, spec, seen, found, run="")
    titles = {task.id: task.title for task in seen.tasks}
    gating: list[GatingObject] = [
        {"id": one.task, "title": titles[one.task], "share": round(one.share, 3), "behind": one.behind} for one in found.gating
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "spec": spec.path,
        "tasks": found.tasks,
        "jobs": found.jobs,
        "trials": found.trials,
        "learned_from": seen.pace.known,
        "seconds": _range(found.seconds, 0),
        "usd": _range(found.usd, 4) if found.usd else None,
        "budget_usd": left,
        "in_budget": None if found.in_budget is None else round(found.in_budget, 3),
        "critical_path": found.path,
        "path_s": round(found.path_s),
        "gating": gating,
        "by_jobs": [{"jobs": jobs, "p50": round(p50)} for jobs, p50 in found.by_jobs],
        "stuck": seen.stuck,
    }


def _range(of: Range, digits: int) -> RangeObject:
    return {"p50": round(of.p50, digits), "p80": round(of.p80, digits), "p95": round(of.p95, digits)}


def _left(project: Project, config: Config) -> float | None:
    """What the run may still cost, by its own cap and the project's; None without a cap."""
    budget = config.budget
    if budget.run_usd is None and budget.total_usd is None:
        return None
    spent_run, spent_all = 0.0, 0.0
    db = reader.open_reader(project.ledger)
    if db is not None:
        with db:
            run = reader.last_run(db)
            if run and run["reset_at"] is None and run["state"] != "finished":
                spent_run = reader.totals(db, run["id"])["cost_usd"] or 0.0
            spent_all = sum(row[5] or 0.0 for row in reader.charges(db, "stage"))
        db.close()
    caps = [(budget.run_usd, spent_run), (budget.total_usd, spent_all)]
    return min(max(0.0, cap - spent) for cap, spent in caps if cap is not None)


def at_start(project: Project, config: Config, spec: Spec, run: str) -> None:
    """Keep what was to be expected of a run that begins; of a spec that is too big for that, nothing."""
    if len(spec.tasks) > AT_START_TASKS:
        return
    seen = outlook(project, config, spec)
    if seen.tasks:
        trials = min(400, AT_START_EFFORT // len(seen.tasks))
        found = foretell(seen.expected, config.jobs, Dice(crc32(spec.digest.encode())), trials=trials, compare=False)
        _keep(project, spec, seen, found, run)


def _keep(project: Project, spec: Spec, seen: Outlook, found: Forecast, run: str) -> None:
    line = msgspec.json.encode(
        {
            "schema_version": SCHEMA_VERSION,
            "at": time.time(),
            "run": run,
            "spec_digest": spec.digest,
            "jobs": found.jobs,
            "tasks": found.tasks,
            "learned_from": seen.pace.known,
            "seconds": _range(found.seconds, 1),
            "usd": _range(found.usd, 4) if found.usd else None,
            "each": {
                each.work.id: [round(each.seconds.quantile(sigma), 1) for sigma in _SIGMAS] for each in seen.expected
            },
        }
    )  # fmt: skip
    with contextlib.suppress(OSError):  # nothing depends on it
        project.prepare()
        with (project.state / KEPT).open("ab") as file:
            file.write(line + b"\n")


class _Kept(msgspec.Struct):
    """A line of the file, as far as it is held against what came."""

    at: float
    run: str
    spec_digest: str
    tasks: int
    learned_from: int
    seconds: RangeObject
    usd: RangeObject | None
    each: dict[str, list[float]]


def calibration(project: Project) -> Calibration:
    """How right the forecasts were: of each run that finished, the one made as it began, or the last one asked for before."""
    kept = _read(project)
    runs: list[RunCheck] = []
    pairs: list[tuple[list[float], float]] = []
    db = reader.open_reader(project.ledger)
    if db is not None:
        with db:
            for run in reader.all_runs(db):
                told = _told(kept, run)
                if told is None:
                    continue
                took = reader.landed_in(db, run["id"])
                pairs += [(told.each[task], seconds) for task, seconds in took.items() if task in told.each]
                if run["state"] == "finished":
                    sums = reader.totals(db, run["id"])
                    runs.append(_check(told, run["id"], reader.worked_s(db, run["id"]), sums["cost_usd"]))
        db.close()
    return {
        "schema_version": SCHEMA_VERSION,
        "runs": runs,
        "tasks": _within(pairs) if pairs else None,
        "classes": [_class(*row) for row in learned(project).table()],
    }


def _class(name: str, seconds: Guess, usd: Guess | None) -> ClassObject:
    return {
        "name": name,
        "tasks": seconds.known,
        "seconds": _quantiles(seconds, 1),
        "usd": _quantiles(usd, 4) if usd else None,
    }


def _quantiles(of: Guess, digits: int) -> RangeObject:
    return _range(Range(*(of.quantile(sigma) for sigma in _SIGMAS)), digits)


def _read(project: Project) -> list[_Kept]:
    """The forecasts that were kept; a line cut short by a crash is passed over."""
    decoder, kept = msgspec.json.Decoder(_Kept), []
    try:
        lines = (project.state / KEPT).read_bytes().splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            kept.append(decoder.decode(line))
        except msgspec.DecodeError:
            continue
    return kept


def _told(kept: Iterable[_Kept], run: Mapping[str, Any]) -> _Kept | None:
    own = [one for one in kept if one.run == run["id"]]
    asked = [one for one in kept if not one.run and one.at <= run["started_at"]]
    return own[-1] if own else asked[-1] if asked else None


def _check(told: _Kept, run: str, took: float, paid: float | None) -> RunCheck:
    return {
        "run": run,
        "at": stamp(told.at) or "",
        "tasks": told.tasks,
        "learned_from": told.learned_from,
        "seconds": told.seconds,
        "took_s": round(took, 1),
        "seconds_within": _place(took, told.seconds),
        "usd": told.usd,
        "paid_usd": paid,
        "usd_within": _place(paid, told.usd) if told.usd and paid is not None else None,
    }


def _place(came: float, told: RangeObject) -> str:
    if came <= told["p50"]:
        return "p50"
    return "p80" if came <= told["p80"] else "p95" if came <= told["p95"] else "above"


def _within(pairs: Sequence[tuple[Sequence[float], float]]) -> Within:
    def share(place: int) -> float:
        return round(sum(came <= told[place] for told, came in pairs) / len(pairs), 3)

    ratios = sorted(came / told[0] for told, came in pairs if told[0] > 0)
    middle = ratios[len(ratios) // 2] if ratios else 1.0
    return {"count": len(pairs), "p50": share(0), "p80": share(1), "p95": share(2), "median_ratio": round(middle, 3)}
