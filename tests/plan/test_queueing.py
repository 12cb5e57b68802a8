"""The merge queue decided: played with candidates of which some are bad, alone or together with another."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargehand.plan.queueing import Claim, Mark, Place, Reach, blamed, group, grown, landing, meet, slot, wanted

Fits = Callable[[list[int]], bool]
"""Whether a target with all of these is green."""


def play(waiting: list[int], fits: Fits, size: int, rng: Random) -> tuple[list[int], list[int], int]:
    """What lands, what goes back, and how often gates ran. Judgements end in any order; the target is green whenever it moves."""
    landed: list[int] = []
    back: list[int] = []
    runs = 0
    stack, marks = list(waiting), dict[int, Mark]()
    for _ in range(1000):
        places = [Place(marks.get(one, "open")) for one in stack]
        if count := landing(places):
            landed += stack[:count]
            assert fits(landed), "the target is red"
            stack = stack[count:]
            continue
        failed = blamed(places)
        if failed is not None:
            if failed == 0:  # nothing is ahead of it that could be to blame
                back.append(stack[0])
            marks = {one: mark for one, mark in marks.items() if one in stack[:failed]}
            if failed:
                stack.append(stack[failed])  # it steps aside, and stands behind those that go on without it
            del stack[failed]
            continue
        turns = wanted(places, size)
        assert all(places[index].mark == "open" for index in turns)
        failing = any(place.mark == "fail" for place in places)
        marks |= {stack[index]: "probed" if failing else "asked" for index in turns}
        busy = [one for one in stack if marks.get(one) in {"asked", "probed"}]
        if not busy:
            assert not stack, "everybody waits"
            return landed, back, runs
        one = rng.choice(busy)
        runs += 1
        marks[one] = "pass" if fits(landed + stack[: stack.index(one) + 1]) else "fail"
    raise AssertionError("no end")


@given(st.integers(0, 14), st.sets(st.integers(0, 13)), st.integers(1, 9), st.randoms(use_true_random=False))
def test_all_that_is_good_lands_and_all_that_is_bad_goes_back(count: int, bad: set[int], size: int, rng: Random) -> None:
    waiting = list(range(count))
    landed, back, _ = play(waiting, lambda what: not bad.intersection(what), size, rng)
    assert sorted(landed) == [one for one in waiting if one not in bad]
    assert sorted(back) == [one for one in waiting if one in bad]


@given(
    st.integers(0, 12),
    st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda pair: pair[0] < pair[1]), max_size=4),
    st.integers(1, 9),
    st.randoms(use_true_random=False),
)
def test_of_those_that_are_red_together_the_target_takes_what_fits(
    count: int, pairs: set[tuple[int, int]], size: int, rng: Random
) -> None:
    def fits(what: list[int]) -> bool:
        return not any(one in what and two in what for one, two in pairs)

    landed, back, _ = play(list(range(count)), fits, size, rng)
    assert sorted(landed + back) == list(range(count))
    assert all(not fits([*landed, one]) for one in back), "sent back without a reason"


def test_one_run_of_the_gates_is_enough_for_a_group_and_a_culprit_is_found_by_halves() -> None:
    assert play(list(range(8)), lambda _: True, 8, Random(0)) == (list(range(8)), [], 1)
    landed, back, runs = play(list(range(8)), lambda what: 5 not in what, 8, Random(0))
    assert (sorted(landed), back) == ([0, 1, 2, 3, 4, 6, 7], [5])
    assert runs <= 6


def test_alone_everybody_is_judged_at_once() -> None:
    assert wanted([Place("open")] * 5, 1) == [0, 1, 2, 3, 4]


def test_a_group_that_could_grow_waits_while_two_are_judged() -> None:
    busy = [Place("asked"), Place("asked")]
    assert wanted([*busy, Place("open"), Place("open")], 3) == []
    assert wanted([*busy, Place("open"), Place("open"), Place("open"), Place("open")], 3) == [4]
    assert wanted([Place("asked"), Place("open"), Place("open")], 3) == [2]


def test_only_those_with_the_same_gates_share_a_judgement() -> None:
    stack = [Place("open", "a"), Place("open", "a"), Place("open", "b"), Place("open", "a")]
    assert wanted(stack, 8) == [1, 2]
    assert list(group([Place("asked"), Place("open"), Place("open"), Place("asked")], 3)) == [1, 2, 3]


def test_above_a_failure_nobody_is_judged_and_what_is_probed_is_waited_for() -> None:
    stack = [Place("open"), Place("open"), Place("open"), Place("fail"), Place("open")]
    assert wanted(stack, 1) == [1]
    stack[1] = Place("probed")
    assert (wanted(stack, 1), blamed(stack)) == ([], None)
    assert (wanted([Place("probed"), Place("fail")], 1), blamed([Place("probed"), Place("fail")])) == ([], None)
    assert blamed([Place("asked"), Place("fail")]) == 1


@pytest.mark.parametrize(
    ("marks", "count"),
    [(["open", "open", "pass"], 3), (["open", "asked", "pass"], 0), (["pass", "pass"], 1), (["open", "fail", "pass"], 0), ([], 0)],
)
def test_down_from_the_first_that_was_judged_all_land(marks: list[Mark], count: int) -> None:
    assert landing([Place(mark) for mark in marks]) == count


def test_groups_grow_one_by_one_and_shrink_by_half() -> None:
    assert [grown(3, True, 4), grown(4, True, 4), grown(5, False, 8), grown(1, False, 8)] == [4, 4, 2, 1]


CLAIMS = st.lists(st.builds(Claim, st.integers(-2, 0), st.integers(0, 2), st.floats(-9, 0)))


@given(CLAIMS)
def test_rivals_are_in_the_order_of_their_claims_and_nobody_passes_one_as_good(claims: list[Claim]) -> None:
    queue: list[tuple[Claim, int]] = []
    for number, claim in enumerate(claims):
        queue.insert(slot([one for one, _ in queue], range(len(queue)), claim), (claim, number))
    assert queue == sorted(queue)


@given(CLAIMS)
def test_without_rivals_who_comes_last_stands_last(claims: list[Claim]) -> None:
    assert slot(claims, (), Claim(-9, 0, 0.0)) == len(claims)


def test_who_was_sent_back_before_goes_first_then_who_is_in_the_way_of_fewest_then_who_worked_longest() -> None:
    redone, lonely, long, short = Claim(-1, 9, 0.0), Claim(0, 0, 0.0), Claim(0, 1, -60.0), Claim(0, 1, -5.0)
    assert sorted([short, long, lonely, redone]) == [redone, lonely, long, short]


@pytest.mark.parametrize(
    ("one", "two", "met"),
    [
        (Reach(["a.py"]), Reach(["a.py"]), True),
        (Reach(["a.py"]), Reach(["b.py"]), False),
        (Reach(["a.py"], ["src/**"]), Reach(["src/b.py"]), True),
        (Reach(["a.py"]), Reach(["b.py"], ["a*"]), True),
        (Reach(["a/x"], ["a/*"]), Reach(["b/x"], ["b/*"]), False),
        (Reach([]), Reach(["b.py"]), True),
    ],
)
def test_changes_meet_in_a_file_or_in_what_they_may_change(one: Reach, two: Reach, met: bool) -> None:
    assert meet(one, two) is met
    assert meet(two, one) is met
