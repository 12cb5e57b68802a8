"""What an agent is told."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from chargehand.brief.brief import BUDGET, render
from chargehand.model.task import CheckItem, Section, Span, Task
from chargehand.model.work import Failure, Outcome, Verdict

TASK = Task(
    id="TASK-003",
    title="Parse durations",
    span=Span(40),
    priority=1,
    milestone="MVP",
    description="Write `parse(text)`.\n\n```python\nparse('1h')",
    checklist=(CheckItem("parse hours", True, Span(41)), CheckItem("cover minutes", False, Span(42), test=True)),
    needs=("TASK-001",),
    traces=("REQ-004", "DESIGN-002"),
)
REQ = Section("REQ-004", "Durations", "Hours and minutes.\n```\n1h30m\n```", "spec/requirements.md")


def brief(task: Task = TASK, sections: Any = (REQ,), failures: Any = (), **options: Any) -> str:
    given_ = {"run": "r3", "attempt": 1, "spec_path": "spec/tasks.md", "evidence": "commit", "gates": ["tests", "lint"], **options}
    return render(task, sections, failures, **given_)


def headings(text: str) -> list[str]:
    """The headings of the document itself (not those in fences and quotes), as CommonMark has it."""
    tokens = MarkdownIt("commonmark").parse(text)
    found = [index for index, token in enumerate(tokens) if token.type == "heading_open" and token.level == 0]
    return [f"{tokens[index].markup} {tokens[index + 1].content}" for index in found]


def test_the_whole_task_is_told() -> None:
    text = brief()
    assert text.startswith("# TASK-003: Parse durations\n")
    for part in ("attempt 1", "`r3`", "P1", "MVP", "`TASK-001`", "`REQ-004`, `DESIGN-002`", "`spec/tasks.md`, line 40"):
        assert part in text
    assert "> Write `parse(text)`." in text
    assert "- [x] parse hours\n- [ ] cover minutes (asks for a test)" in text
    assert "### REQ-004: Durations\n\nFrom `spec/requirements.md`:\n\n````markdown\nHours and minutes." in text
    assert "`tests`, `lint`" in text
    assert headings(text) == [
        "# TASK-003: Parse durations",
        "## What is wanted",
        "## Requirements and design",
        "### REQ-004: Durations",
        "## Rules",
    ]


def test_the_rules_follow_the_settings() -> None:
    assert "not evidence" in brief()
    assert "not evidence" not in brief(evidence="exit")
    assert "exit code 0" in brief(evidence="exit")
    assert "gates" not in brief(gates=[])


def test_a_bare_title_is_enough() -> None:
    text = brief(Task(id="T1", title="Say hello", span=Span(1)), sections=())
    assert "The title says it all." in text
    assert headings(text) == ["# T1: Say hello", "## What is wanted", "## Rules"]
    assert "Milestone" not in text


def test_an_earlier_failure_is_told_with_its_evidence() -> None:
    failure = Failure(
        attempt=1,
        outcome="gate_failed",
        reason="tests failed",
        commit="abc123",
        files=("src/a.py", "src/b.py"),
        verdicts=(
            Verdict(gate="lint", commit="abc123", verdict="pass", summary="ok"),
            Verdict(
                gate="tests",
                commit="abc123",
                verdict="fail",
                summary="pytest: 1 failed",
                evidence="E assert 1\n```\n# not a heading",
            ),
            Verdict(gate="types", commit="abc123", verdict="error", summary="mypy was not found"),
        ),
        excerpt="Done! All tests pass.",
    )
    text = brief(failures=(failure,), attempt=2)
    assert "### Attempt 1" in headings(text)
    assert "a gate rejected the change (tests failed)" in text
    assert "`git show abc123`" in text
    assert "`src/a.py`, `src/b.py`" in text
    assert "Gates that passed: `lint`" in text
    assert "Gate `tests` (failed): pytest: 1 failed\n\n````text\nE assert 1\n```\n# not a heading\n````" in text
    assert "Gate `types` (could not judge): mypy was not found\n\n```text\n(no output)" in text
    assert "The end of its output:\n\n```text\nDone! All tests pass.\n```" in text
    assert text.index("## What was tried before") < text.index("## Rules")


def test_the_same_excerpt_is_not_told_twice() -> None:
    verdict = Verdict(gate="tests", commit="c", verdict="fail", summary="s", evidence="before\nthe failing line")
    text = brief(failures=(Failure(attempt=1, outcome="gate_failed", reason="r", verdicts=(verdict,), excerpt="the failing line"),))
    assert text.count("the failing line") == 1


@pytest.mark.parametrize("outcome", Outcome.__args__)  # type: ignore[attr-defined]
def test_every_outcome_has_words(outcome: Outcome) -> None:
    text = brief(failures=(Failure(attempt=1, outcome=outcome, reason=""),))
    assert re.search(r"- Outcome: [a-z ]+\n", text)


def test_many_failures_the_last_ones_in_full() -> None:
    failures = [Failure(attempt=n, outcome="agent_failed", reason=f"reason {n}", excerpt=f"excerpt {n}") for n in range(1, 21)]
    text = brief(failures=failures)
    assert [line for line in headings(text) if "Attempt" in line] == ["### Attempt 18", "### Attempt 19", "### Attempt 20"]
    assert "excerpt 20" in text
    assert "excerpt 17" not in text
    assert "- Attempt 17: the agent ended with an error (reason 17)" in text
    assert "9 earlier attempts are not listed" in text


def test_sections_shrink_and_say_where_the_rest_is() -> None:
    sections = [Section(f"REQ-{n:03}", f"Number {n}", f"start {n}\n" + "word \n" * 5000, "spec/requirements.md") for n in range(12)]
    text = brief(sections=sections)
    assert len(text) <= BUDGET
    assert len(text) > BUDGET * 0.8
    for section in sections:
        assert f"### {section.id}" in text
        assert section.text.split("\n")[0] in text
    assert text.count("read spec/requirements.md for the rest]") == 12


def test_a_short_section_is_whole_beside_long_ones() -> None:
    long = [Section(f"L-{n}", "Long", "x\n" * 9000, "d.md") for n in range(20)]
    short = Section("S-1", "Short", "short " * 100 + "end of short", "d.md")
    assert "end of short" in brief(sections=[*long, short])


def test_too_many_sections_are_named() -> None:
    text = brief(sections=[Section(f"REQ-{n:04}", "T", "x" * 3000, "d.md") for n in range(500)])
    assert len(text) <= BUDGET
    assert "No room here for `REQ-" in text
    assert "more" in text


@pytest.mark.parametrize("budget", [BUDGET, 2 * BUDGET])
def test_the_budget_holds_at_the_worst(budget: int) -> None:
    long = "w" * 500
    task = Task(
        id=long,
        title=long,
        span=Span(1),
        milestone=long,
        description="d\n" * budget,
        needs=(long,) * 50,
        traces=(long,) * 50,
        checklist=(CheckItem(long, False, Span(1), test=True),) * 100,
    )
    sections = [Section(long, long, "x\n" + "`" * 100 + "\nword" * (budget // 15), long)] * 100
    verdict = Verdict(gate=long, commit=long, verdict="fail", summary=long, evidence="`" * 100 + "\ny" * 9000)
    failure = Failure(
        attempt=1, outcome="conflict", reason=long, commit=long, files=(long,) * 50, verdicts=(verdict,) * 9, excerpt="e" * 9000
    )
    for count in (0, 1, 3, 50):
        text = brief(task, sections, [failure] * count, spec_path=long, gates=[long] * 50, budget=budget)
        assert budget * 0.8 < len(text) <= budget
        assert headings(text)[-1] == "## Rules"


def test_a_huge_description_is_cut_with_a_note() -> None:
    text = brief(Task(id="T", title="t", span=Span(1), description="line\n" * 50_000))
    assert len(text) <= BUDGET
    assert "read spec/tasks.md for the rest" in text
    assert "### REQ-004" in text


def test_the_same_arguments_give_the_same_text() -> None:
    assert brief() == brief()


wild = st.text(alphabet=st.sampled_from("`~> #\n\r-abc\x1b[\x00\u2028"), max_size=40).flatmap(
    lambda piece: st.sampled_from([1, 1, 1, 300, 20_000]).map(lambda times: piece * times)
)
few = st.lists(wild, max_size=3).map(tuple)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_text_breaks_the_frame_or_the_budget(data: st.DataObject) -> None:
    def draw(strategy: Any) -> Any:
        return data.draw(strategy)

    task = Task(
        id="T-1",
        title=draw(wild),
        span=Span(1),
        description=draw(wild),
        milestone=draw(wild),
        needs=draw(few) * 20,
        traces=draw(few) * 20,
        checklist=tuple(CheckItem(text, False, Span(1)) for text in draw(few)) * 20,
    )
    sections = [Section(f"S-{n}", draw(wild), draw(wild), draw(wild)) for n in range(draw(st.integers(0, 4)))] * draw(
        st.sampled_from([1, 30])
    )
    verdicts = tuple(
        Verdict(
            gate=draw(wild),
            commit="c",
            verdict=draw(st.sampled_from(["pass", "fail", "error", "skip"])),
            summary=draw(wild),
            evidence=draw(wild),
        )
        for _ in range(draw(st.integers(0, 3)))
    ) * draw(st.sampled_from([1, 5]))
    failures = [
        Failure(
            attempt=n,
            outcome="gate_failed",
            reason=draw(wild),
            commit=draw(wild),
            files=draw(few) * 20,
            verdicts=verdicts,
            excerpt=draw(wild),
        )
        for n in range(draw(st.integers(0, 5)))
    ]
    text = brief(task, sections, failures, spec_path=draw(wild), gates=draw(few))
    text.encode()
    assert len(text) <= BUDGET
    seen = [line for line in headings(text) if line.startswith(("# ", "## "))]
    wanted = ["## What is wanted", "## Requirements and design", "## What was tried before", "## Rules"]
    present = [True, bool(sections), bool(failures), True]
    assert seen[0].startswith("# T-1:")
    assert seen[1:] == [line for line, there in zip(wanted, present, strict=True) if there]
