"""Marking a task changes its status and its boxes, and not one byte more."""

from __future__ import annotations

import pytest

from chargehand.model.task import FileStatus
from chargehand.spec.writeback import mark, mark_many

TEXT = """\ufeff---
title: x
---
### TASK-001: One \t
🔴 P0 | ⬜ TODO | Est: 2h   \r
\r
- [ ] a  \r
  * [ ] b
- [x] c
```
- [ ] fenced
P0 | TODO
```
<!-- - [ ] commented -->

### TASK-002: Two
P1 | TODO
- [ ] other
"""


@pytest.mark.parametrize(
    ("line", "status", "expected"),
    [
        ("🔴 P0 | ⬜ TODO | Est: 2h", "done", "🔴 P0 | ✅ DONE | Est: 2h"),
        ("🔴 P0 | ⬜TODO", "in_progress", "🔴 P0 | 🔄IN_PROGRESS"),
        ("🔴 P0 | ⏸️  BLOCKED  | x", "todo", "🔴 P0 | ⬜  TODO  | x"),
        ("P0 | TODO   Est: 1d", "review", "P0 | REVIEW   Est: 1d"),
        ("🔴 P0 | TODO", "blocked", "🔴 P0 | BLOCKED"),
        ("- p1|todo", "done", "- p1|done"),
        (":red_circle: P0 | :white_large_square: TODO", "done", ":red_circle: P0 | :white_check_mark: DONE"),
        ("P0 | 🔄 IN PROGRESS | Est: 1h", "done", "P0 | ✅ DONE | Est: 1h"),
        ("P0 | 🔄 IN PROGRESS | Est: 1h", "in_progress", "P0 | 🔄 IN PROGRESS | Est: 1h"),
        ("P0 | ⬜ **TODO** | TODO", "done", "P0 | ✅ **DONE** | TODO"),
        ("P0 | DONE <!-- was TODO -->", "todo", "P0 | TODO <!-- was TODO -->"),
    ],
)
def test_the_status_line(line: str, status: FileStatus, expected: str) -> None:
    text = f"### TASK-001: x\n{line}\n"
    assert mark(text, "TASK-001", status, tick=False) == f"### TASK-001: x\n{expected}\n"


def test_ticking_reaches_the_boxes_of_this_task_only() -> None:
    changed = mark(TEXT, "TASK-001", "done", tick=True)
    assert changed == TEXT.replace("⬜ TODO", "✅ DONE").replace("- [ ] a", "- [x] a").replace("* [ ] b", "* [x] b")
    assert mark(TEXT, "TASK-001", "done", tick=False) == TEXT.replace("⬜ TODO", "✅ DONE")


def test_bytes_stay_bytes_even_where_they_are_not_utf8() -> None:
    data = TEXT.encode() + b"\xff\xfe \r"
    assert mark(data, "TASK-002", "done", tick=False) == data.replace(b"P1 | TODO", b"P1 | DONE")


def test_a_task_that_is_not_there() -> None:
    assert mark(TEXT, "TASK-003", "done", tick=True) is None
    assert mark(TEXT.encode(), "TASK-003", "done", tick=True) is None
    assert mark(b"", "TASK-001", "done", tick=True) is None
    assert mark("### TASK-001: no status line\n", "TASK-001", "done", tick=True) is None


def test_what_the_parser_does_not_read_is_not_marked() -> None:
    for text in (
        "```\n### TASK-001: x\nP1 | TODO\n```\n",
        "<!--\n### TASK-001: x\nP1 | TODO\n-->\n",
        "## TASK-001: x\nP1 | TODO\n",
    ):
        assert mark(text, "TASK-001", "done", tick=True) is None


def test_of_two_with_one_id_the_first_counts() -> None:
    second = "### TASK-001: x\nP1 | TODO\n"
    assert mark(second * 2, "TASK-001", "done", tick=False) == second.replace("TODO", "DONE") + second
    assert mark("### TASK-001: x\n" + second, "TASK-001", "done", tick=False) is None


def test_many_at_once() -> None:
    data = TEXT.encode()
    changed, missing = mark_many(data, {"TASK-002": ("done", True), "TASK-001": ("review", False), "TASK-009": ("done", True)})
    expected = TEXT.replace("⬜ TODO", "🔍 REVIEW").replace("P1 | TODO", "P1 | DONE").replace("[ ] other", "[x] other")
    assert (changed, missing) == (expected.encode(), frozenset({"TASK-009"}))
    assert mark_many(data, {}) == (data, frozenset())
