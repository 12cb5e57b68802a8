"""Reads spec-kit: ids, phases and [P] as needs, paths as files."""

from __future__ import annotations

import pytest
from tests.spec.format_kit import errors
from tests.spec.spec_room import parse

from chargehand.spec import spec_kit
from chargehand.spec.formats import CERTAIN, LIKELY, NO
from chargehand.spec.writeback import mark

FORMAT = "spec-kit"


def needs(text: str) -> dict[str, tuple[str, ...]]:
    tasks, problems = parse(text, "specs/001-x/tasks.md", FORMAT)
    assert not errors(problems), problems
    return {task.id: task.needs for task in tasks}


PHASES = """\
# Tasks
## Phase 1: Setup
- [ ] T001 Start
- [ ] T002 [P] Left in src/left.py
- [ ] T003 [P] Right in src/right.py
- [ ] T004 Join
## Phase 2: User Story 1
- [ ] T005 [P] [US1] a
### Implementation
- [ ] T006 [P] [US1] b
## Phase 3: User Story 2
- [ ] T007 [US2] c
## Phase 4: User Story 3
- [ ] T008 [US3] d
## Phase 5: Polish
- [ ] T009 e
"""


def test_parallel_marks_and_phases_are_needs() -> None:
    assert needs(PHASES) == {
        "T001": (),
        "T002": ("T001",),
        "T003": ("T001",),
        "T004": ("T002", "T003"),
        "T005": ("T004",),
        "T006": ("T005",),  # below another heading: tests before code
        "T007": ("T006",),  # nothing is said of the stories: one after the other
        "T008": ("T007",),
        "T009": ("T006", "T007", "T008"),
    }


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("- **User Story 2 (P2)**: Can start after Foundational (Phase 2) - No dependencies on other stories", ("T004",)),
        ("- **User Story 2 (P2)**: Can start after Phase 1 - Independent of US1", ("T004",)),
        ("- **US2 (Phase 3)**: Depends on Setup - can run in parallel with US1", ("T004",)),
        ("- **User Story 2**: Depends on US1 (needs its form)", ("T006",)),
        ("- **Phase 3 (US2)**: Depends on Phase 2 (the list must exist)", ("T006",)),
        ("- **User Story 2**: a pretty one", ("T006",)),
    ],
)
def test_what_the_file_says_of_its_stories_counts(said: str, wanted: tuple[str, ...]) -> None:
    assert needs(PHASES + "\n## Dependencies\n" + said)["T007"] == wanted


def test_named_needs_and_ranges() -> None:
    text = "- [ ] T001 a\n- [ ] T002 b\n- [ ] T003 c\n- [ ] T004 [P] d (depends on T001-T003, FR-009, Node 18.2)\n"
    assert needs(text)["T004"] == ("T001", "T002", "T003")


def test_paths_stories_and_details() -> None:
    title = "Write `src/a.py` and docs/b.md, not and/or, /login or https://x.org/y.md"
    text = f"- [x] T010 [P] [US1] {title}\n  see FR-002\n  - [ ] one test\n"
    (task,), _ = parse(text, "t", FORMAT)
    assert (task.title, task.description, task.files) == (title, "see FR-002", ("src/a.py", "docs/b.md"))
    assert (task.tags, task.traces) == (("US1",), ("FR-002",))
    assert [(item.text, item.test) for item in task.checklist] == [("one test", True)]
    assert (task.status, task.span.line, task.span.column) == ("done", 1, 4)


def test_problems_are_told_all_at_once_at_their_places() -> None:
    text = "- [ ] T001 a\n- [ ] T001 again\n- [ ] T002 b (depends on T077)\n- [ ] loose\n"
    _, problems = parse(text, "t", FORMAT)
    assert [(found.code, found.line) for found in problems] == [("duplicate-id", 2), ("unknown-need", 3), ("no-id", 4)]


def test_a_cycle_is_refused() -> None:
    _, problems = parse("- [ ] T001 a (depends on T002)\n- [ ] T002 b\n", "t", FORMAT)
    assert [found.code for found in errors(problems)] == ["cycle"]


def test_tasks_as_headings() -> None:
    text = "## Phase 1\n### [X] T01 - a\nbody\n### T02: b\n- [ ] one\n- [x] two\n#### Task 2.1: c\n**Dependencies**: T01\n"
    tasks, problems = parse(text, "t", FORMAT)
    assert not errors(problems)
    assert [(task.id, task.status, task.needs) for task in tasks] == [
        ("T01", "done", ()),
        ("T02", "todo", ("T01",)),
        ("task-2.1", "todo", ("T01",)),
    ]
    assert mark(text, "T01", "todo", tick=False, format_name=FORMAT) == text.replace("[X]", "[ ]")
    assert mark(text, "T02", "done", tick=False, format_name=FORMAT) == text.replace("[ ] one", "[x] one")
    assert mark(text, "task-2.1", "done", tick=True, format_name=FORMAT) is None


def test_only_the_mark_changes_and_it_keeps_the_files_own_sign() -> None:
    text = "\ufeff- [X] T001 a\r\n - [ ] T002 b  \r\n   - [ ] part\r\n- [] T003 c"
    assert mark(text, "T002", "done", tick=True, format_name=FORMAT) == text.replace("[ ]", "[X]")
    assert mark(text, "T003", "done", tick=False, format_name=FORMAT) == text.replace("[]", "[X]")
    assert mark(text, "T002", "in_progress", tick=False, format_name=FORMAT) is None


def test_recognition() -> None:
    line = "- [ ] T001 [P] a\n"
    assert spec_kit.recognise("notes.md", line) == CERTAIN
    assert spec_kit.recognise("notes.md", "- [ ] T001 a\n") == LIKELY
    assert spec_kit.recognise("specs/1/tasks.md", "- [ ] 1.1 a\n") == CERTAIN
    assert spec_kit.recognise(".kiro/specs/1/tasks.md", "- [ ] 1.1 a\n") == NO


def test_ten_thousand_parallel_tasks_have_a_bounded_number_of_needs() -> None:
    text = "".join(f"- [ ] T{number:05} [P] a\n" for number in range(10_000))
    tasks, problems = parse(text, "t", FORMAT)
    assert not errors(problems)
    assert max(len(task.needs) for task in tasks) == 24
