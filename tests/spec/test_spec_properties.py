"""What must hold for every text whatever."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spec.spec_room import parse

from chargehand.model.errors import SpecProblem
from chargehand.model.task import FileStatus, Task
from chargehand.spec.load import check, load
from chargehand.spec.writeback import mark, mark_many

STATUSES: tuple[FileStatus, ...] = ("todo", "in_progress", "review", "done", "blocked")

PIECES = [
    "### TASK-001: One\n🔴 P0 | ⬜ TODO | Est: 2-3d\n\n- [ ] a\n  - [x] b",
    "### TASK-002: Two\r\n- P2 | ✅ DONE",
    "### KAP-3: Three\n:red_circle: P3 | :mag: REVIEW\n* [ ] c",
    "### TASK-001: One",
    "### TASK-002: Two",
    "### KAP-3: Three",
    "## TASK-004: deep",
    "### task-1: low",
    "### Overview",
    "## Milestone 1",
    "🔴 P0 | ⬜ TODO | Est: 2-3d",
    "P1 | TODO",
    "- P2 | ✅ DONE | Est: 1h",
    ":red_circle: P3 | :mag: REVIEW",
    "P9 | 🚧 WIP | Est: ?x",
    "**Checklist:**",
    "- [ ] item",
    "  - [x] nested",
    "* [X] star",
    "**Tests:**",
    "    continued",
    "- [ ]",
    "- [ ](link)",
    "**Depends on:** [TASK-001]",
    "**Depends on:** TASK-001..KAP-3, (x [TASK-002])",
    "**Depends on:**",
    "- [TASK-002]",
    "**Blocks:** [KAP-3]",
    "**Traces to:** [REQ-001]..[REQ-003]",
    "**Depends on:** \u0422ASK-001 \u2013 9",
    "```",
    "~~~~",
    "   ```py",
    "- ```",
    "<!--",
    "-->",
    "a <!-- b",
    "c --> d",
    "---",
    "...",
    "",
    "   ",
    "\t",
    "text",
    "`code <!-- `",
    "\u2028",
    "\x0b",
    "\ufeff",
    "é\u0301",
    "| a | P0 |",
    "**",
    "**:**",
    "#" * 7,
    "> ### TASK-001: q",
]

# whole tasks come up as often as all the rest together
specs = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(PIECES[:3]), st.sampled_from(PIECES)),
        st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", "\n\n", " \n"]),
    ),
    max_size=40,
).map(lambda parts: "".join(piece + end for piece, end in parts))
texts = st.one_of(specs, st.text(max_size=200), st.tuples(specs, st.text(max_size=20), specs).map("".join))


def loads_or_says_why(data: bytes) -> None:
    spec, problems = check(data, "t.md", {"requirements.md": data})
    failed = any(problem.severity == "error" for problem in problems)
    assert (spec is None) == failed
    for problem in problems:
        assert problem.message
        assert problem.line >= 0
        assert problem.column >= (1 if problem.line else 0)
    if failed:
        with pytest.raises(SpecProblem) as caught:
            load(data, "t.md")
        assert caught.value.problems == tuple(problem for problem in problems if problem.severity == "error")
    else:
        assert load(data, "t.md").tasks


@given(texts)
def test_no_text_is_too_much(text: str) -> None:
    loads_or_says_why(text.encode("utf-8", "surrogatepass"))
    parse(text, "t.md")


@given(
    st.one_of(
        st.binary(max_size=200), st.tuples(specs, st.binary(max_size=8), specs).map(lambda p: p[0].encode() + p[1] + p[2].encode())
    )
)
def test_no_bytes_are_too_much(data: bytes) -> None:
    loads_or_says_why(data)


@given(texts)
def test_places_point_into_the_text(text: str) -> None:
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    tasks, problems = parse(text, "t.md")
    for problem in problems:
        assert problem.line <= len(lines)
        if problem.line:
            assert problem.excerpt == lines[problem.line - 1][:200]
            assert problem.column <= len(lines[problem.line - 1]) + 1
    for task in tasks:
        assert f"{task.id}:" in lines[task.span.line - 1]
        for item in task.checklist:
            assert lines[item.span.line - 1][item.span.column - 1] == "["


@given(specs)
def test_line_ends_do_not_matter(text: str) -> None:
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    assert parse(text, "t.md") == parse(plain, "t.md") == parse(plain.replace("\n", "\r\n"), "t.md")


def but_for(task: Task, status: FileStatus, tick: bool) -> tuple[object, ...]:
    done = [(item.text, item.done or tick, item.span.line) for item in task.checklist]
    return (
        task.id,
        task.title,
        task.span,
        task.priority,
        status,
        task.estimate_hours,
        task.description,
        task.needs,
        task.digest,
        done,
    )


@settings(max_examples=200)
@given(texts, st.sampled_from(["TASK-001", "TASK-002", "KAP-3"]), st.sampled_from(STATUSES), st.booleans())
def test_marking_changes_the_task_and_nothing_else(text: str, task_id: str, status: FileStatus, tick: bool) -> None:
    before, problems = parse(text, "t.md")
    changed = mark(text, task_id, status, tick)
    known = {task.id for task in before}
    if changed is None:
        assert task_id not in known or any(problem.severity == "error" for problem in problems)
        return
    assert task_id in known
    after = parse(changed, "t.md")[0]
    assert [but_for(task, task.status, False) for task in after] == [
        but_for(task, status if task.id == task_id else task.status, tick and task.id == task_id) for task in before
    ]
    assert mark(changed, task_id, status, tick) == changed
    old, new = text.splitlines(keepends=True), changed.splitlines(keepends=True)
    assert len(old) == len(new)
    differ = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    boxes = [(a, b) for a, b in differ if a.replace("[ ]", "[x]", 1) == b]
    assert len(differ) - len(boxes) <= 1
    assert tick or not boxes


@given(
    specs,
    st.dictionaries(
        st.sampled_from(["TASK-001", "TASK-002", "KAP-3", "NO-1"]), st.tuples(st.sampled_from(STATUSES), st.booleans())
    ),
)
def test_marking_many_is_marking_one_by_one(text: str, changes: dict[str, tuple[FileStatus, bool]]) -> None:
    data, missing = text.encode(), set()
    for task_id, (status, tick) in changes.items():
        changed = mark(data, task_id, status, tick)
        missing |= {task_id} if changed is None else set()
        data = data if changed is None else changed
    assert mark_many(text.encode(), changes) == (data, frozenset(missing))


@pytest.mark.parametrize(
    "text",
    [
        "### TASK-001: x\nP1 | TODO\n" + "**" * 200_000,
        "### TASK-001:" + " " * 400_000 + "#" * 200_000,
        "### " + "A" * 400_000,
        "### " + "TASK-1" * 60_000,
        "### TASK-001: x\nP1 | TODO | Est: " + "1" * 300_000,
        "### TASK-001: x\nP" + "1" * 300_000 + " | TODO",
        "### TASK-001: x\nP1 | TODO\n**Depends on:** " + "(" * 200_000,
        "### TASK-001: x\nP1 | TODO\n**Depends on:** " + "[" * 200_000,
        "### TASK-001: x\nP1 | TODO\n**Depends on:** " + "A-" * 200_000,
        "### TASK-001: x\nP1 | TODO\n**Depends on:** TASK-001 to" + " " * 200_000,
        "### TASK-001: x\nP1 | TODO\n**Traces to:** " + "[A-" * 100_000,
        "### TASK-001: x\nP1 | TODO\n" + "- " * 200_000,
        "### TASK-" + "1" * 300_000 + ": x\nP1 | TODO",
        "### TASK-001: x\nP1 | TODO\n**Depends on:** TASK-" + "9" * 300_000,
        "<!--\n" * 50_000,
        "a <!-- b\n" * 50_000,
        "```\n" * 50_001,
        "~~~\n```\n" * 30_000,
        "    ```\n" * 20_000,
        "> " * 200_000 + "### TASK-001: x",
        "#" * 400_000,
    ],
    ids=lambda text: f"{text[:20]}...{text[-8:]}".encode("unicode_escape").decode(),
)
@pytest.mark.timeout(20)
def test_no_text_takes_for_ever(text: str) -> None:
    loads_or_says_why(text.encode())


def test_mutations_of_a_real_like_spec_never_break_the_reader() -> None:
    chance = random.Random(7)
    base = "".join(
        f"### T-{n}: Task {n}\n🔴 P{n % 4} | ⬜ TODO | Est: {n + 1}h\n\nWhat.\n\n- [ ] box\n\n"
        f"**Depends on:** {f'[T-{n - 1}]' if n else '—'}\n\n"
        for n in range(12)
    )
    for _ in range(600):
        data = bytearray(base.encode())
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : at + chance.randrange(40)]
                case 2:
                    data[at:at] = data[at : at + chance.randrange(60)]
                case _:
                    data[at:at] = chance.choice(PIECES).encode()
        loads_or_says_why(bytes(data))
