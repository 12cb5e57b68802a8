"""What is data and no spec is refused before it fills the memory."""

from __future__ import annotations

import pytest

from chargehand.spec.formats import detect
from chargehand.spec.load import check

DEPENDENCIES = ",".join(['{"depends_on_id": "gone-1", "a": 1, "b": 2, "c": 3}'] * 25)
ISSUE = '{"id": "b-%d", "title": "t", "status": "open", "issue_type": "task", "dependencies": [' + DEPENDENCIES + "]}\n"


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("spec-runner", "### T-1: x\nP1 | TODO\n" + "- [ ] box\n" * 20_001, "20,003 lines"),
        ("roadmap", "# head\n" * 100_002, "100,000 boxes or headings"),
        ("roadmap", "".join(f"- [ ] thing {n}\n" for n in range(20_001)), "20,001 tasks"),
        ("beads", "".join(ISSUE % n for n in range(4_000)), "400,000 values"),
    ],
)
def test_more_than_a_spec_can_be_is_refused_and_said_once(name: str, text: str, word: str) -> None:
    spec, problems = check(text.encode(), "t", format_name=name)
    assert spec is None
    found = [problem for problem in problems if problem.severity == "error"]
    assert [problem.code for problem in found] == ["too-large"]
    assert word in found[0].message
    assert found[0].hint


def test_a_task_as_long_as_may_be_is_read() -> None:
    spec, _ = check(("### T-1: x\nP1 | TODO\n" + "- [ ] box\n" * 19_000).encode(), "t", format_name="spec-runner")
    assert spec is not None
    assert len(spec.tasks[0].checklist) == 19_000


def test_headings_with_a_box_and_an_id_are_spec_kits_wherever_the_file_is() -> None:
    text = "# Tasks\n\n### [X] T01 — One\nGoal\n\n### [ ] T02 — Two\n\n### T03 — Three\n"
    assert detect("spec/tasks.md", text) == ("spec-kit",)
    spec, _ = check(text.encode(), "spec/tasks.md")
    assert spec is not None
    assert [(task.id, task.status) for task in spec.tasks] == [("T01", "done"), ("T02", "todo"), ("T03", "todo")]
