"""Order in the graph of tasks. All of it iterative: a chain of 10,000 tasks is an ordinary spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

DEFAULT_HOURS = 2.0
"""What a task without an estimate counts for when paths are compared."""


def dependents(needs: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Who waits for whom. Needs that name no task of the graph are ignored."""
    result: dict[str, list[str]] = {task: [] for task in needs}
    for task, wanted in needs.items():
        for need in wanted:
            if need in result:
                result[need].append(task)
    return result


def topological(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Every task after what it needs, otherwise in the given order. Tasks on a cycle are left out."""
    waiting = {task: sum(need in needs for need in wanted) for task, wanted in needs.items()}
    followers = dependents(needs)
    order = [task for task, count in waiting.items() if count == 0]
    for task in order:  # grows while it is walked
        for follower in followers[task]:
            waiting[follower] -= 1
            if waiting[follower] == 0:
                order.append(follower)
    return order


def urgencies(
    needs: Mapping[str, Sequence[str]], priority: Mapping[str, int], hours: Mapping[str, float | None]
) -> dict[str, tuple[int, float]]:
    """The sort key of each task: smaller is sooner.

    First the priority, inherited by everything an urgent task needs; then the longest path of work that still hangs on the task
    (its upward rank), longest first, because that path decides when the whole is done.
    """
    followers = dependents(needs)
    key: dict[str, tuple[int, float]] = {}
    for task in reversed(topological(needs)):
        behind = [key[follower] for follower in followers[task]]
        own = hours[task] or DEFAULT_HOURS
        urgent = min((priority[task], *(urgency for urgency, _ in behind)))
        key[task] = (urgent, min((rank for _, rank in behind), default=0.0) - own)
    return key


def critical_path(needs: Mapping[str, Sequence[str]], hours: Mapping[str, float | None]) -> list[str]:
    """The longest chain of work, from the first task to the last."""
    rank = urgencies(needs, dict.fromkeys(needs, 0), hours)
    followers = dependents(needs)
    path: list[str] = []
    choices = [task for task, wanted in needs.items() if task in rank and not any(need in needs for need in wanted)]
    while choices:
        path.append(min(choices, key=lambda task: rank[task][1]))
        choices = followers[path[-1]]
    return path
