"""Roadmaps: what is a task in them, how they wait for each other, and that their ids stay."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spec.spec_room import parse as read

from chargehand.model.errors import Problem
from chargehand.model.task import Task
from chargehand.spec.roadmap import mark, parse

PATH = "ROADMAP.md"


def tasks(text: str) -> dict[str, Task]:
    found, problems = read(text, PATH, "roadmap")
    assert not [problem for problem in problems if problem.severity == "error"], problems
    return {task.title: task for task in found}


def problems(text: str) -> list[Problem]:
    return list(read(text, PATH, "roadmap")[1])


FULL = """# My Roadmap

- [ ] Before any phase

## Phase 1: Ground

> **Goal**: something that stands
> **Priority**: HIGH

### 1.1 Base

**Files**: `src/base.py`, `src/util.py`

- [x] **Lay the ground**: all of it, in `src/base.py`
- [ ] **Fix** the thing in x.py
  More about it.
  - [ ] first step
    - [x] second, deeper
  ```python
  - [ ] no task, but code
  ```

### Unnumbered

* [ ] Star
+ [X] Plus
1. [ ] Numbered
2) [~] Under way
- [] No blank in the box

## Phase 2 - Walls

> **Prerequisite**: Phase 1

- [ ] Write tests
- [ ] T-7: with an id of its own (P0) (est: 2-3h)

## Later

- [ ] Write tests
- [ ] Roof (depends on: T-7)
- ~~not a task~~
- [ ] ~~Dropped~~
"""


def test_everything_a_roadmap_says() -> None:
    found = read(FULL, PATH, "roadmap")[0]
    by_title = tasks(FULL)
    assert [task.title for task in found] == [
        "Before any phase", "Lay the ground", "Fix the thing in x.py", "Star", "Plus", "Numbered", "Under way",
        "No blank in the box", "Write tests", "T-7: with an id of its own (P0) (est: 2-3h)", "Write tests",
        "Roof (depends on: T-7)", "Dropped",
    ]  # fmt: skip
    ground = by_title["Lay the ground"]
    assert (ground.status, ground.priority, ground.milestone) == ("done", 1, "Phase 1: Ground")
    assert ground.description == "all of it, in `src/base.py`"
    assert ground.files == ("src/base.py", "src/util.py")
    assert "something that stands" in ground.context
    fix = by_title["Fix the thing in x.py"]
    assert [(item.text.splitlines()[0], item.done) for item in fix.checklist] == [("first step", False), ("second, deeper", True)]
    assert "no task, but code" in fix.description
    assert "More about it." in fix.description
    assert [by_title[name].status for name in ("Star", "Plus", "Numbered", "Under way")] == ["todo", "done", "todo", "in_progress"]
    seventh = next(task for task in found if task.id == "T-7")
    assert (seventh.priority, seventh.low_hours, seventh.estimate_hours) == (0, 2, 3)
    assert by_title["Roof (depends on: T-7)"].needs == ("T-7",)
    assert (by_title["Dropped"].status, by_title["Dropped"].tags) == ("done", ("cancelled",))


def test_prerequisites_order_phases() -> None:
    found = read(FULL, PATH, "roadmap")[0]
    first = {task.id for task in found if task.milestone == "Phase 1: Ground"}
    second = [task for task in found if task.milestone == "Phase 2 - Walls"]
    assert len(first) == 7
    assert all(set(task.needs) == first for task in second)
    at = FULL.split("\n").index("> **Prerequisite**: Phase 1") + 1
    unknown = FULL.replace("Prerequisite**: Phase 1", "Prerequisite**: Phase 9")
    assert [(p.code, p.line) for p in problems(unknown) if p.severity == "error"] == [("unknown-need", at)]
    prose = FULL.replace("Prerequisite**: Phase 1", "Prerequisite**: a working compiler")
    assert [(p.code, p.line) for p in problems(prose) if p.code == "no-need"] == [("no-need", at)]


def test_ids_stay_when_lines_are_inserted_above() -> None:
    before = [task.id for task in read(FULL, PATH, "roadmap")[0]]
    more = FULL.replace("- [ ] Before", "Some words.\n\n## Another heading\n\n- [ ] A new one\n- [ ] Before")
    after = [task.id for task in read(more, PATH, "roadmap")[0]]
    assert [task_id for task_id in after if task_id in before] == before
    assert len(after) == len(before) + 1
    ticked = FULL.replace("- [ ] Write tests", "- [x] Write tests")
    assert [task.id for task in read(ticked, PATH, "roadmap")[0]] == before
    assert len(set(before)) == len(before)


def test_two_tasks_of_one_title_are_two() -> None:
    same = "## A\n- [ ] Write tests\n- [ ] Write tests\n## B\n- [ ] Write tests\n"
    found = read(same, PATH, "roadmap")[0]
    assert len({task.id for task in found}) == 3
    changed, missing = mark(same, {found[2].id: ("done", True)})
    assert (changed, missing) == ("## A\n- [ ] Write tests\n- [ ] Write tests\n## B\n- [x] Write tests\n", frozenset())


def test_marking_changes_boxes_only() -> None:
    text = "\ufeff# R\r\n\r\n-   [ ]   **Alpha**: x  \r\n    - [ ] deep\t\r\n\t* [X] other\r\n- [] B\u2028\r\n> - [ ] quoted"
    found = {task.title: task.id for task in parse(text, PATH).tasks}
    changed, _ = mark(text, {found["Alpha"]: ("done", True)})
    assert changed == text.replace("-   [ ]   **Alpha**", "-   [x]   **Alpha**").replace("- [ ] deep", "- [x] deep")
    b = next(task_id for title, task_id in found.items() if title.startswith("B"))
    assert mark(text, {b: ("done", True)})[0] == text.replace("- [] B", "- [x] B")
    assert mark(text, {"nobody": ("done", True)}) == (text, frozenset({"nobody"}))


def test_lists_with_emoji() -> None:
    text = "# Plan\n\n- ✅ Done thing\n- 🚧 Thing under way\n- ⏳ Thing to come\n  with more words\n"
    found = tasks(text)
    assert [task.status for task in found.values()] == ["done", "in_progress", "todo"]
    changed, missing = mark(text, {found["Thing to come"].id: ("done", True)})
    assert not missing
    assert changed == text.replace("⏳", "✅")


def test_headings_with_boxes_are_tasks() -> None:
    found = tasks("## Phase A\n### [X] T01 — First\ntext\n- [ ] step\n### [ ] T02 — Second\n")
    assert [(task.id, task.status, len(task.checklist), task.milestone) for task in found.values()] == [
        ("T01", "done", 1, "Phase A"),
        ("T02", "todo", 0, "Phase A"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "# Roadmap\n\n- build it\n- ship it\n",
        "# Roadmap\n\nWe will build it.\n",
        "# Roadmap\n\n| what | when |\n|---|---|\n| it | soon |\n",
        "# Roadmap\n\n- ✅ fast\n\n## To come\n\n- more\n- and more\n",
    ],
)
def test_prose_is_recognised_and_told_of_plan(text: str) -> None:
    found, said = read(text, PATH, "roadmap")
    assert found == ()
    assert [problem.code for problem in said] == ["prose-roadmap"]
    assert f"chargehand plan --from {PATH}" in said[0].hint


def test_nothing_that_looks_like_a_task_is_passed_over_in_silence() -> None:
    table = "- [ ] one\n\n| what | status |\n|---|---|\n| a | ✅ done |\n| b | ⬜ open |\n"
    assert [(p.code, p.severity) for p in problems(table)] == [("table-tasks", "error")]
    headings = "### [X] T01 — one\n### T02 — two\n### T03 — three\n"
    assert [(p.code, p.severity) for p in problems(headings)] == [("other-format", "error")]
    mixed = "## A\n- [ ] one\n## B\n- two\n- three\n"
    assert [(p.code, p.severity, p.line) for p in problems(mixed)] == [("no-box", "warning", 3)]


def test_headings_of_quarters_and_versions_are_no_tasks() -> None:
    text = "# R\n## Q1 2026\n- [ ] one\n## Q2 2026\n- later\n## V2\n- much later\n"
    assert list(tasks(text)) == ["one"]
    assert [(p.code, p.severity) for p in problems(text)] == [("no-box", "warning")]
    (unknown,) = problems("## Phase 1: A\n- [ ] x\n## Phase 2: B\n> **Prerequisite**: Phase 9\n- [ ] y\n")
    assert unknown.hint == "phases are Phase 1: A, Phase 2: B"


def test_a_legend_is_no_task() -> None:
    text = "Legend: `[-]` cancelled\n\n- [ ] Not started\n- [x] Done\n\n## Work\n- [ ] real\n- [-] not any more\n"
    found = tasks(text)
    assert [(task.title, task.status) for task in found.values()] == [("real", "todo"), ("not any more", "done")]


LINES = st.sampled_from(
    ["# R", "## Phase 1: A", "## Phase 2", "### 1.1 B", "- [ ] do it", "- [x] done", "  - [ ] deep", "* [~] star", "1. [ ] one",
     "```", "text", "", "- ✅ e", "- 🚧 f", "> **Prerequisite**: Phase 1", "**Files**: `a.py`", "<!--", "-->", "| a | ✅ |",
     "- [ ] T-1: x", "### [ ] H", "    - [] i"]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(LINES, max_size=20), st.sampled_from(["\n", "\r\n"]), st.data())
def test_marking_one_task_changes_only_that_task(lines: list[str], end: str, data: st.DataObject) -> None:
    text = end.join(lines)
    found = parse(text, PATH).tasks
    assert mark(text, {}) == (text, frozenset())
    if not found:
        return
    chosen = data.draw(st.sampled_from(found))
    changed, missing = mark(text, {chosen.id: ("done", True)})
    assert not missing
    after = parse(changed, PATH).tasks
    assert [task.id for task in after] == [task.id for task in found]
    assert [task.status for task in after] == ["done" if task.id == chosen.id else task.status for task in found]
    assert len(changed.split("\n")) == len(text.split("\n"))


def test_boxes_without_a_blank_or_with_one_that_does_not_break_are_boxes() -> None:
    text = "# R\n\n-[ ] a\n- [\xa0] b\n-\xa0[x] c\n- [x]\xa0d\n* [x](http://e) link\n-[f][1]\n"
    tasks, _ = read(text, "ROADMAP.md", "roadmap")
    assert [(task.title, task.status) for task in tasks] == [("a", "todo"), ("b", "todo"), ("c", "done"), ("d", "done")]
    marked = mark(text, {task.id: ("done", False) for task in tasks})[0]
    assert marked == text.replace("-[ ] a", "-[x] a").replace("[\xa0] b", "[x] b")


def test_a_status_emoji_may_stand_behind() -> None:
    text = "# R\n\n## Now\n\n- **Alpha** ✅\n- Beta — 🚧\n1. Gamma ⬜\n"
    tasks, _ = read(text, "ROADMAP.md", "roadmap")
    assert [(task.title, task.status) for task in tasks] == [("Alpha", "done"), ("Beta", "in_progress"), ("Gamma", "todo")]
    assert mark(text, {tasks[2].id: ("done", False)})[0] == text.replace("Gamma ⬜", "Gamma ✅")
