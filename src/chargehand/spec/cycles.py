"""Tasks that wait for each other. Iterative: a chain of any length is no problem."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

Graph = Mapping[str, Sequence[str]]

_SHOWN_IDS = 50


def find_cycles(needs: Graph) -> list[tuple[str, ...]]:
    """One cycle for each knot of tasks that can never start, e.g. ``("A", "B", "A")``, in the order of the mapping.

    ``needs`` maps each task to tasks it needs; all of them are keys. A task that needs itself is not a cycle here.
    """
    left = _stuck(needs)
    if not left:
        return []
    order = {node: position for position, node in enumerate(left)}
    knots = [knot for knot in _knots(left) if len(knot) > 1]
    firsts = sorted((min(map(order.__getitem__, knot)), frozenset(knot)) for knot in knots)
    names = list(left)
    return [_shortest(names[first], left, knot) for first, knot in firsts]


def _stuck(needs: Graph) -> dict[str, list[str]]:
    """What remains when every task whose needs can be met is taken away."""
    met: set[str] = set()
    for node, wanted in needs.items():  # most needs are on tasks further up: these are settled in a fifth of the time
        if met.issuperset(wanted):
            met.add(node)
    waiting: dict[str, int] = {}
    dependents: dict[str, list[str]] = {}
    for node, wanted in needs.items():
        if node not in met:
            unmet = {need for need in wanted if need != node and need not in met}
            waiting[node] = len(unmet)
            for need in unmet:
                dependents.setdefault(need, []).append(node)
    free = [node for node, count in waiting.items() if not count]
    while free:
        node = free.pop()
        del waiting[node]
        for dependent in dependents.get(node, ()):
            waiting[dependent] -= 1
            if not waiting[dependent]:
                free.append(dependent)
    return {
        node: [need for need in dict.fromkeys(needs[node]) if need in waiting and need != node] for node in needs if node in waiting
    }


def _knots(graph: Graph) -> list[list[str]]:
    """Strongly connected components (Tarjan's algorithm with its own stack)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    on_stack: set[str] = set()
    stack: list[str] = []
    knots: list[list[str]] = []
    for root in graph:
        if root in index:
            continue
        work = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            for need in rest:
                if need not in index:
                    index[need] = low[need] = len(index)
                    stack.append(need)
                    on_stack.add(need)
                    work.append((need, iter(graph[need])))
                    break
                if need in on_stack:
                    low[node] = min(low[node], index[need])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    at = _last_index(stack, node)
                    knots.append(stack[at:])
                    on_stack.difference_update(stack[at:])
                    del stack[at:]
    return knots


def _last_index(stack: list[str], node: str) -> int:
    at = len(stack) - 1
    while stack[at] != node:
        at -= 1
    return at


def _shortest(start: str, graph: Graph, knot: frozenset[str]) -> tuple[str, ...]:
    """The shortest way from ``start`` back to it, inside its knot."""
    came: dict[str, str] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for need in graph[node]:
            if need == start:
                way = [start, node]
                while way[-1] != start:
                    way.append(came[way[-1]])
                return tuple(reversed(way)) if len(way) > 1 else (start, start)
            if need in knot and need not in came:
                came[need] = node
                queue.append(need)
    raise AssertionError("a knot without a way back")


def arrows(cycle: tuple[str, ...]) -> str:
    """The cycle in full; one that would fill pages is cut in the middle and says by how much."""
    if len(cycle) <= _SHOWN_IDS:
        return " -> ".join(cycle)
    gap = len(cycle) - _SHOWN_IDS
    return " -> ".join((*cycle[: _SHOWN_IDS - 5], f"... {gap:,} more ...", *cycle[-5:]))
