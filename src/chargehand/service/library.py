"""For programs that use chargehand as a library: read a spec, and ask what of it can be done now."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from chargehand.model.task import Spec, Task
from chargehand.service import specs
from chargehand.service.project import Project, find

_FIRST = {"in_progress": 0, "review": 0}


def load_spec(
    path: str | os.PathLike[str] = "spec/tasks.md",
    *,
    format: str = "",  # noqa: A002  the name of the option, too
    root: str | os.PathLike[str] | None = None,
) -> Spec:
    """Read a spec, in any format chargehand knows.

    ``path`` is a file, or a folder with one spec in it, below ``root``: the project (found from the working directory, or from an
    absolute ``path``, when not given). ``format`` names the format where it cannot be told from the path and the text.

    Raises SpecProblem; its ``problems`` hold every error of the spec at once, each with file, line, column and a hint.
    """
    place = Path(path)
    project = Project(Path(root).resolve()) if root is not None else find(place.parent if place.is_absolute() else Path.cwd())
    if place.is_absolute() and place.is_relative_to(project.root):
        place = place.relative_to(project.root)
    return specs.read(project, place.as_posix(), format)


def ready_tasks(spec: Spec, done: Collection[str] = ()) -> list[Task]:
    """The tasks of ``spec`` that could be worked on now: not done, not manual, and all they need is done.

    Done is what the spec says is, and the ids in ``done``. Those under way come first, then by priority, then as the spec has them.
    """
    finished = {task.id for task in spec.tasks if task.status == "done"} | set(done)
    ready = [task for task in spec.tasks if task.id not in finished and not task.manual and finished.issuperset(task.needs)]
    return sorted(ready, key=lambda task: (_FIRST.get(task.status, 1), task.priority))
