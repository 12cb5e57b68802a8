"""Order that a format only implies by position, as needs: what stands together runs together, what stands below waits."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from chargehand.model.task import Task

MAX_ABREAST = 24
"""Tasks of one step. A longer run of parallel tasks is cut into steps of this size: more order than was asked for, never less,
and the number of needs stays linear."""

Step = tuple[str, ...]


def steps(tasks: Iterable[tuple[str, bool, object]]) -> list[Step]:
    """Tasks (id, may run beside its neighbours, the part it stands in) as steps: neighbours that may, in one part, are one step."""
    found: list[list[str]] = []
    last: object = None
    beside = False
    for task_id, parallel, part in tasks:
        if found and parallel and beside and part == last and len(found[-1]) < MAX_ABREAST:
            found[-1].append(task_id)
        else:
            found.append([task_id])
        beside, last = parallel, part
    return [tuple(step) for step in found]


def waits(ordered: Iterable[Step], entry: Step = (), skippable: Container[str] = ()) -> dict[str, Step]:
    """What each task of the steps needs: all of the step before, the first ones ``entry``. Nothing waits for a skippable one."""
    needs: dict[str, Step] = {}
    before = entry
    for step in ordered:
        for task_id in step:
            needs.setdefault(task_id, before)
        before = tuple(task_id for task_id in step if task_id not in skippable) or before
    return needs


def joined(task: Task, implied: Sequence[str]) -> tuple[str, ...]:
    """What the task says it needs, and what its place implies."""
    return tuple(dict.fromkeys((*task.needs, *(need for need in implied if need != task.id))))
