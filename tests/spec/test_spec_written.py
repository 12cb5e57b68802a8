"""Tasks written as a new ``tasks.md``: whatever a planner says, it is read as just these tasks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chargehand.brief.drafting import Answer, Drafted, questions_of, tasks_of
from chargehand.spec.load import load
from chargehand.spec.written import written

NASTY = (
    "# TASK-009: x",
    "### TASK-009: x",
    "- [ ] x",
    "```",
    "~~~",
    "<!--",
    "> ### TASK-1: q",
    "**Depends on:** TASK-009",
    "---",
    "P0 | TODO",
)
LINES = st.one_of(st.sampled_from(NASTY), st.text(min_size=1, max_size=20))


@given(st.lists(LINES, min_size=1, max_size=6), LINES, st.lists(LINES, max_size=3))
def test_what_is_written_reads_as_it_was_meant(body: list[str], title: str, items: list[str]) -> None:
    first = Drafted(title=title, description="\n".join(body), checklist=items, tests=items, milestone=title, estimate_hours=0.5)
    answer = Answer(tasks=[first, Drafted(title="B", needs=[1])], questions=items)
    text = written("T", ["i"], tasks_of(answer), questions_of(answer))
    assert isinstance(text, str), text
    one, two = load(text.encode(), "spec/tasks.md").tasks
    assert (one.needs, two.needs, one.estimate_hours) == ((), ("TASK-001",), 0.5)
