"""What is collected is held against the base: by name where names are told, else by number."""

from __future__ import annotations

import pytest

from chargehand.gates.inspect.collected import weigh
from chargehand.gates.reports import output
from chargehand.gates.reports.files import parse
from chargehand.model.task import Span, Task
from chargehand.model.work import Tests
from chargehand.ports import Change

BASE = ("tests/test_a.py::test_a", "tests/test_a.py::test_b[1]", "tests/test_a.py::test_b[2]", "tests/test_c.py::T::test_c")


class Sight:
    def list(self, _: str) -> dict[str, tuple[str, int]]:
        return {"tests/test_a.py": ("100644", 1), "tests/test_c.py": ("100644", 1), "a.py": ("100644", 1)}


def objection(base: Tests, now: Tests, *files: str, touches: tuple[str, ...] = ()) -> str:
    change = Change(
        task=Task(id="A-1", title="Do it", span=Span(1), touches=touches), base="b", commit="c", files=files or ("a.py",)
    )
    said = weigh("test", base, now, change, Sight())  # type: ignore[arg-type]
    return said.summary.removeprefix("gate test: ") if said else ""


def of(*ids: str, skipped: int = 0) -> Tests:
    return Tests(len(ids) - skipped, 0, skipped, (), ids)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (of(*BASE), ""),
        (of(*BASE, "tests/test_d.py::test_d"), ""),
        (of(*BASE[:3], "tests/new.py::test_c"), ""),  # it moved
        (of(BASE[0], "tests/test_a.py::test_b[x]", "tests/test_a.py::test_b[y]", BASE[3]), ""),  # other cases
        (of(*BASE[:2], BASE[3]), "tests/test_a.py::test_b[2] is not collected any more"),
        (of(*BASE[:3], "tests/test_d.py::test_d"), "tests/test_c.py::T::test_c is not collected any more"),
        (of(*BASE, skipped=1), "1 tests are skipped, 0 on the base"),
    ],
)
def test_by_name(now: Tests, said: str) -> None:
    assert objection(of(*BASE), now) == said


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (Tests(4), ""),
        (Tests(3, 0, 1), "1 tests are skipped, 0 on the base"),
        (Tests(3), "1 fewer tests are collected than on the base (4, now 3)"),
        (Tests(9), ""),
    ],
)
def test_by_number(now: Tests, said: str) -> None:
    assert objection(Tests(3, 1), now) == said


def test_a_task_takes_away_the_tests_of_files_it_names_and_no_others() -> None:
    ours = ("tests/test_a.py",)
    assert objection(of(*BASE), of(BASE[3]), *ours, touches=ours) == ""
    assert objection(of(*BASE), of(*BASE[:3]), *ours, touches=ours) == "tests/test_c.py::T::test_c is not collected any more"
    assert objection(Tests(4), Tests(2), *ours, touches=ours) == ""
    assert objection(Tests(4), Tests(2), *ours)
    assert objection(Tests(4), Tests(3, 0, 1), *ours, touches=ours) == ""


def test_names_of_a_report_tell_the_file_too() -> None:
    case = '<testcase classname="{}" name="{}"/>'
    cases = case.format("tests.test_c.T", "test_c") + case.format("tests.test_a", "test_a")
    base = parse(f"<testsuite>{cases}</testsuite>".encode())
    assert objection(base, of(base.ids[1]), "a.py").startswith("tests.test_c.T.test_c is not")
    assert objection(base, of(base.ids[1]), "tests/test_c.py", touches=("tests/test_c.py",)) == ""


LISTS = {
    "pytest -v": (
        "t.py::test_a PASSED [ 50%]\nt.py::test_b[x y] SKIPPED (no) [100%]\n1 passed, 1 skipped in 0.1s\n",
        ("t.py::test_a", "t.py::test_b[x y]"),
    ),
    "xdist": (
        "[gw0] [ 50%] PASSED t.py::test_a \n[gw1] [100%] FAILED t.py::test_b \n1 failed, 1 passed in 1s\n",
        ("t.py::test_a", "t.py::test_b"),
    ),
    "unittest -v": (
        "test_a (t.T.test_a) ... ok\ntest_b (t.T.test_b)\nWhat it is. ... skipped 'x'\n\nRan 2 tests in 0.1s\n\nOK (skipped=1)\n",
        ("t.T.test_a", "t.T.test_b"),
    ),
    "cargo": (
        "test a::b ... ok\ntest c - should panic ... ok\n\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured\n",
        ("a::b", "c"),
    ),
    "node": (
        "✔ adds (0.5ms)\n✖ breaks (1ms)\nℹ tests 2\nℹ pass 1\nℹ fail 1\n",
        ("adds", "breaks"),
    ),
    "tape": (
        "TAP version 13\n# equal\nok 1 same\n# other\nok 2 same\n\n1..2\n# tests 2\n# pass  2\n\n# ok\n",
        ("equal > same", "other > same"),
    ),
    "tap": (
        "TAP version 13\nok 1 - a\nnot ok 2 - b\n1..2\n",
        ("a", "b"),
    ),
    "bun": (
        "(pass) a [0.1ms]\n(fail) b\n 1 pass\n 1 fail\n",
        ("a", "b"),
    ),
}


@pytest.mark.parametrize("program", LISTS)
def test_programs_that_list_their_tests_are_understood(program: str) -> None:
    text, ids = LISTS[program]
    told = output.read(text)
    assert told is not None
    assert told.ids == ids


def test_a_list_that_is_not_whole_is_none() -> None:
    told = output.read("t.py::test_a PASSED\n2 passed in 0.1s\n")
    assert told == Tests(2)
