"""Files a program writes from others (lock files): where two changes of one meet, it is made anew from the merged rest."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from chargehand.engine.crew import Crew
from chargehand.engine.ending import Ended
from chargehand.model.task import Task
from chargehand.plan.cards import Attempt
from chargehand.ports import Conflict, Depot, Gate

_MOST = 100_000_000


async def settle(crew: Crew, conflict: Conflict, task: Task, attempt: Attempt, tip: str) -> str | Conflict:
    """A commit in which every file in conflict is made anew by the command the settings have for it; the conflict itself where
    there is one without. Raises :class:`Ended` when a command fails."""
    depot = crew.depot
    assert depot is not None
    chosen = {path: _by(crew, path) for path in conflict.files}
    if not conflict.tree or not all(chosen.values()):
        return conflict
    commit = await crew.offload(depot.propose, conflict.tree, [tip], "to be made anew", {})
    for name in dict.fromkeys(filter(None, chosen.values())):
        files = [path for path in conflict.files if chosen[path] == name]
        commit = await _made(crew, depot, crew.regenerators[name], files, task, attempt, commit, tip)
    return commit


def _by(crew: Crew, path: str) -> str:
    """Which of the settings' commands makes this file."""
    last = path.rpartition("/")[2]
    return next((name for name in crew.regenerators if name in {path, last} or fnmatchcase(path, name)), "")


async def _made(
    crew: Crew, depot: Depot, command: Gate, files: list[str], task: Task, attempt: Attempt, commit: str, tip: str
) -> str:
    logs = crew.place(attempt.id) / "regenerated"
    logs.mkdir(parents=True, exist_ok=True)
    for place in logs.iterdir():  # left at work by a killed engine; it must not go on beside us
        crew.launcher.cancel(place)
        await crew.launcher.adopt(place)
    name = f"{attempt.id}.gate"
    try:
        checkout = await crew.offload(depot.checkout, name, commit)
        said = await command.judge(task, commit, checkout, logs / str(len(list(logs.iterdir())) + 1))
        if said is None or said.verdict != "pass":
            why = said.summary if said else "it was cut short"
            raise Ended("conflict", f"{', '.join(files)} could not be made anew: {why}", said.evidence if said else "")
        made = {path: await crew.offload(_read, checkout, path) for path in files}
    finally:
        await crew.offload(depot.discard, name)
    return await crew.offload(depot.propose, commit, [tip], "made anew", made)


def _read(checkout: Path, path: str) -> bytes:
    """A file of the checkout itself; nothing is followed out of it."""
    place = checkout.resolve() / path
    if place.resolve() != place or not place.is_file() or place.stat().st_size > _MOST:
        raise Ended("conflict", f"{path} was not made anew: it is not there")
    return place.read_bytes()
