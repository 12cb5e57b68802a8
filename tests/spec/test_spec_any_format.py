"""What holds for every format: real files are read whole, marking changes one status, and no text raises."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spec.format_kit import check_any, check_file, corpus_files, needs_corpus

from chargehand.model.task import FileStatus

STATUSES: tuple[FileStatus, ...] = ("todo", "in_progress", "review", "done", "blocked")


class Shape(NamedTuple):
    """``folder`` of the corpus; ``pieces`` of which texts are made, with one of ``between`` between them."""

    folder: str
    pieces: list[str]
    between: list[str]


SHAPES = {
    "spec-kit": Shape(
        "spec-kit",
        [
            "# Tasks",
            "## Phase 1: Setup",
            "## Phase 3: User Story 1 (P1)",
            "## Phase 4: User Story 2 (P2)",
            "### Tests",
            "- [ ] T001 Create src/app.py",
            "- [x] T002 [P] one `a/b.ts`",
            "- [X] T003 [P] [US1] two",
            "  - [ ] a detail",
            "  more of it",
            "* [ ] T004b [US2] three (depends on T001, T003)",
            "- [] T005 **bold** (depends on T001-T003)",
            "- [ ] no id",
            "- [~] T006 half",
            "- **User Story 2 (P2)**: Depends on US1",
            "- US1: Can start after Foundational - No dependencies",
            "#### T007: Title [P]",
            "### [X] T08 - other",
            "```",
            "<!-- hidden -->",
            "",
        ],
        ["\n", "\n\n", "\r\n", "\r"],
    ),
    "kiro": Shape(
        "kiro",
        [
            "# Implementation Plan",
            "- [ ] 1. One",
            "  - _Requirements: 1.1, 1.2_",
            "  - [x] 1.1 Sub",
            "  - [ ]* 1.2 Test",
            "- [ ] 1.3 flat (P)",
            "- [-] 2. Two",
            "  - [ ]\\* 2.1 only optional",
            "- [ ] 3 Three (P)",
            "  - _Depends: 1, 2_",
            "  - [ ] loose",
            "- [ ] bare",
            '```json\n{"waves": [["1.1"], ["2", "9"]]}\n```',
            '```json\n{"waves": [{"id": 0, "tasks": ["1.1", "3"]}, {"tasks": ["2"]}]}\n```',
            '```json\n{"waves": [1, {}]\n```',
            "## Notes",
            "text",
            "",
        ],
        ["\n", "\n\n", "\r\n", "\r"],
    ),
    "openspec": Shape(
        "openspec",
        [
            "# Tasks",
            "## 1. Group",
            "## 2. Other",
            "- [ ] 1.1 a",
            "- [x] 1.2 [P] b `src/x.rs`",
            "- [~] 2.1 c",
            "  - [ ] 2.1.1 d",
            "  - [ ] detail",
            "- [ ] bare",
            "- [ ] bare",
            "- [ ]",
            "- [x] T-1 named",
            "## Task 3: titled",
            "text",
            "```",
            "",
        ],
        ["\n", "\n\n", "\r\n", "\r"],
    ),
    "taskmaster": Shape(
        "taskmaster",
        [
            '{"tasks": [',
            '{"master": {"tasks": [',
            "]}",
            "]}}",
            "[",
            "]",
            '{"id": 1, "title": "a", "status": "pending", "dependencies": []}',
            '{"id": "2", "title": "b", "status": "done", "dependencies": [1], "subtasks": [{"id": 1, "title": "c"}]}',
            '{"id": 3.1, "title": "d", "dependencies": ["2.1"], "priority": "critical"}',
            '{"id": 4, "title": "e", "status": "deferred"}',
            '{"id": 5, "title": "f", "status": "nonsense", "dependencies": [{}]}',
            '{"id": null}',
            "7",
            '"x"',
        ],
        [", ", ",\n", ""],
    ),
    "backlog": Shape(
        "backlog-md",
        [
            "---",
            "id: task-1",
            "title: 'a: b'",
            "title: One",
            "status: To Do",
            'status: "Done"',
            "status: ○ In Progress",
            "status: nonsense",
            "dependencies: []",
            "dependencies:",
            "labels: [a, b]",
            "priority: high",
            "  - x",
            "x: &a [*a]",
            "## Acceptance Criteria",
            "<!-- AC:BEGIN -->",
            "- [ ] #1 one",
            "- [x] #2 a test",
            "<!-- AC:END -->",
            "## Implementation Plan",
            "# Heading",
            "",
        ],
        ["\n", "\n\n", "\r\n", "\r"],
    ),
    "beads": Shape(
        "beads",
        [
            '{"id": "bd-1", "title": "a", "status": "open", "priority": 1, "issue_type": "epic"}',
            '{"id": "bd-1.1", "title": "b", "status": "closed", '
            '"dependencies": [{"depends_on_id": "bd-1", "type": "parent-child"}]}',
            '{"id": "bd-2", "title": "c", "status": "in_progress", "dependencies": [{"depends_on_id": "bd-1", "type": "blocks"}]}',
            '{"id": "bd-3", "title": "d", "status": "deferred", "acceptance_criteria": "- [ ] one\\n- two"}',
            '{"id": "bd-4", "title": "e", "status": "tombstone"}',
            '{"id": "bd-5", "title": "f", "status": "wat", "dependencies": 3}',
            '{"title": "g"}',
            "{",
            "[]",
            "",
        ],
        ["\n", "\r\n", "\n\n"],
    ),
    "ralph": Shape(
        "ralph",
        [
            '{"userStories": [',
            '{"phases": [{"name": "p", "tasks": [',
            "]}",
            "]}]}",
            "[",
            "]",
            '{"id": "US-001", "title": "a", "acceptanceCriteria": ["x", "tests pass"], "priority": 2, "passes": false}',
            '{"id": "US-002", "title": "b", "priority": 1, "passes": true}',
            '{"id": "US-003", "title": "c", "dependsOn": ["US-001"], "passes": false}',
            '{"category": "c", "description": "d", "steps": ["s"], "complete": false}',
            '{"id": "S4", "title": "e"}',
            '{"id": "S5", "title": "f", "status": "open"}',
            '{"id": [], "passes": 1}',
            "null",
        ],
        [", ", ",\r\n", ""],
    ),
}

FILES = [(name, file) for name, shape in SHAPES.items() for file in corpus_files(shape.folder)]


@needs_corpus
@pytest.mark.parametrize(("name", "file"), FILES)
def test_real_files_are_read_whole_or_refused(name: str, file: str) -> None:
    check_file(name, SHAPES[name].folder, file)


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=150, deadline=None)
@given(data=st.data(), choice=st.integers(0, 99), status=st.sampled_from(STATUSES))
def test_whatever_the_text_marking_changes_one_status(name: str, data: st.DataObject, choice: int, status: FileStatus) -> None:
    pieces = data.draw(st.lists(st.sampled_from(SHAPES[name].pieces), max_size=14))
    check_any(name, data.draw(st.sampled_from(SHAPES[name].between)).join(pieces), choice, status)


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=200))
def test_no_text_raises(name: str, text: str) -> None:
    check_any(name, text, 0, "done")
