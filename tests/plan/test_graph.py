"""Order in the graph: property tests over random graphs, and the sizes that break recursion."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chargehand.plan import graph


@st.composite
def dags(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    size = draw(st.integers(1, 25))
    return {f"T-{n}": tuple(f"T-{m}" for m in draw(st.sets(st.integers(0, n - 1), max_size=4))) if n else () for n in range(size)}


@given(dags())
def test_topological_order_puts_every_task_after_its_needs(needs: dict[str, tuple[str, ...]]) -> None:
    order = graph.topological(needs)
    assert sorted(order) == sorted(needs)
    place = {task: number for number, task in enumerate(order)}
    assert all(place[need] < place[task] for task, wanted in needs.items() for need in wanted)


@given(dags(), st.data())
def test_urgency_is_inherited_and_the_rank_is_the_longest_path(needs: dict[str, tuple[str, ...]], data: st.DataObject) -> None:
    priority = {task: data.draw(st.integers(0, 3)) for task in needs}
    hours: dict[str, float | None] = {task: data.draw(st.sampled_from([1.0, 2.0, 8.0])) for task in needs}
    key = graph.urgencies(needs, priority, hours)
    followers = graph.dependents(needs)

    def longest(task: str) -> float:
        return (hours[task] or 0) + max((longest(follower) for follower in followers[task]), default=0.0)

    def urgent(task: str) -> int:
        return min([priority[task], *(urgent(follower) for follower in followers[task])])

    assert key == {task: (urgent(task), -longest(task)) for task in needs}


@given(dags())
def test_the_critical_path_is_a_longest_chain(needs: dict[str, tuple[str, ...]]) -> None:
    path = graph.critical_path(needs, dict.fromkeys(needs, 1.0))
    depth: dict[str, int] = {}
    for task in graph.topological(needs):
        depth[task] = 1 + max((depth[need] for need in needs[task]), default=0)
    assert len(path) == max(depth.values())
    assert all(before in needs[after] for before, after in pairwise(path))


def test_a_cycle_is_left_out_and_what_hangs_on_it_too() -> None:
    needs = {"A-1": ("B-1",), "B-1": ("A-1",), "C-1": ("A-1",), "D-1": ()}
    assert graph.topological(needs) == ["D-1"]


def test_a_chain_of_ten_thousand() -> None:
    needs = {f"T-{n}": (f"T-{n - 1}",) if n else () for n in range(10_000)}
    key = graph.urgencies(needs, dict.fromkeys(needs, 2), dict.fromkeys(needs, 1.0))
    assert key["T-0"] == (2, -10_000.0)
    assert len(graph.critical_path(needs, dict.fromkeys(needs, 1.0))) == 10_000
