"""Doubts about a spec, as pure functions: which tasks may collide, which stand for others, which are never begun."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chargehand.model.task import CheckItem, Section, Span, Spec, Task, Terms
from chargehand.plan.audit import audit
from chargehand.plan.coverage import coverage


def task(name: str, **fields: Any) -> Task:
    return Task(id=name, title=name, span=Span(1), checklist=fields.pop("checklist", (CheckItem("x", False, Span(2)),)), **fields)


def found(*tasks: Task, code: str = "", outline: dict[str, Section] | None = None) -> list[str]:
    spec = Spec(path="t.md", format="roadmap", tasks=tasks)
    return [one.message for one in audit(spec, outline or {}, {}) if code in {"", one.code}]


def section(name: str, path: str = "requirements.md", text: str = "") -> Section:
    return Section(name, name, text, path)


def test_scopes_overlap_only_where_neither_waits_even_by_way_of_others() -> None:
    a, b = task("A", touches=("src/**",)), task("B", needs=("A",))
    far, aside = task("C", touches=("src/x.py",), needs=("B",)), task("D", touches=("src/x.py",))
    assert found(a, b, far) == []
    assert found(a, b, far, aside, code="overlap") == [
        "A and D may change the same files (src/**), and neither waits for the other",
        "C and D may change the same files (src/x.py), and neither waits for the other",
    ]
    assert found(a, task("E", touches=("docs/**",))) == []
    assert found(a, task("F", touches=("src/**",), status="done", checklist=())) == []


@given(st.data())
def test_no_overlap_is_told_along_a_chain_and_every_one_without_edges(data: st.DataObject) -> None:
    names = [f"T{number}" for number in range(data.draw(st.integers(2, 8)))]
    chain = [task(name, touches=("a/**",), needs=(names[place - 1],) if place else ()) for place, name in enumerate(names)]
    assert found(*data.draw(st.permutations(chain)), code="overlap") == []
    apart = [task(name, touches=("a/**",)) for name in names]
    assert len(found(*apart, code="overlap")) == len(names) * (len(names) - 1) // 2


def test_of_countless_overlaps_some_are_told_and_that_there_may_be_more() -> None:
    tasks = [task(f"T{number}", touches=(f"a/{number}/**", "b.py")) for number in range(3000)]
    assert len(found(*tasks, code="overlap")) == 200
    assert found(*tasks, code="more") == ["the scopes of the tasks from here on were not compared"]


def test_tasks_that_are_never_begun_by_themselves() -> None:
    late = task("A", manual=True)
    assert found(late, task("B")) == []
    assert found(late, task("B", needs=("A",))) == ["A is manual, and B cannot begin before somebody asks for it"]
    assert found(task("A", manual=True, status="done", checklist=()), task("B", needs=("A",))) == []


def test_groups_that_stand_for_nothing_or_would_do_something_themselves() -> None:
    assert found(task("A", group=True)) == ["A stands for its parts, and has none"]
    part = task("B")
    assert found(task("A", group=True, needs=("B",)), part) == []
    told = found(task("A", group=True, needs=("B",), terms=Terms(command="make")), part)
    assert told == ["A stands for its parts, so its command is never run"]


def test_vague_is_what_has_nothing_to_hold_on_to() -> None:
    vague = "A is too vague to verify: no checklist, no files, hardly a word"
    assert found(task("A", checklist=())) == [vague]
    assert found(task("A", checklist=(), description="x" * 59)) == [vague]
    for fields in (
        {"description": "x" * 60}, {"files": ("a.py",)}, {"touches": ("a.py",)}, {"manual": True}, {"status": "done"},
        {"terms": Terms(command="make")}, {"terms": Terms(prompt="p.md")},
    ):  # fmt: skip
        assert found(task("A", checklist=(), **fields)) == [], fields


def test_estimates_are_missed_where_others_have_them() -> None:
    assert found(task("A"), task("B")) == []
    assert found(task("A", estimate_hours=1.0), task("B")) == ["no estimate: 1 of 2 tasks, B first"]


def test_what_covers_a_requirement() -> None:
    outline = {
        "REQ-001": section("REQ-001"),
        "REQ-002": section("REQ-002"),
        "US-1": section("US-1"),
        "AC-1": section("AC-1"),
        "DESIGN-001": section("DESIGN-001", "design.md", "for REQ-002, and REQ-0021 not"),
        "3": section("3"),
    }
    tasks = (
        task("A", traces=("DESIGN-001", "US-1")), task("B", traces=("3.2",)),
        task("C", traces=("REQ-001",), tags=("cancelled",), status="done"),
    )  # fmt: skip
    covered = coverage(Spec(path="t.md", format="kiro", tasks=tasks), outline)
    assert list(covered.requirements) == ["REQ-001", "REQ-002", "US-1", "3"]
    assert {name: covered.meant(name) for name in covered.requirements} == {
        "REQ-001": (), "REQ-002": ("A",), "US-1": ("A",), "3": ("B",)
    }  # fmt: skip
    assert covered.uncovered() == ["REQ-001"]
