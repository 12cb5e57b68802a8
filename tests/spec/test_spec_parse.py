"""What spec-runner's format means, and what is said of a text that does not follow it."""

from __future__ import annotations

import pytest
from tests.spec.spec_room import parse

from chargehand.model.errors import Problem
from chargehand.model.task import Task
from chargehand.spec.settle import MAX_TASKS
from chargehand.spec.writeback import mark

META = "🟠 P1 | ⬜ TODO | Est: 2h"


def read(text: str) -> tuple[dict[str, Task], list[Problem]]:
    tasks, problems = parse(text, "spec/tasks.md")
    return {task.id: task for task in tasks}, list(problems)


def errors(text: str) -> list[Problem]:
    return [problem for problem in read(text)[1] if problem.severity == "error"]


def good(text: str) -> dict[str, Task]:
    tasks, problems = read(text)
    assert [problem for problem in problems if problem.severity == "error"] == []
    return tasks


def task(body: str = "", header: str = "### TASK-001: One", meta: str = META) -> str:
    return f"{header}\n{meta}\n{body}\n"


def three(needs: str) -> str:
    """Two tasks, and a third with a "Depends on" line."""
    return task() + task(header="### TASK-002: Two") + task(f"**Depends on:** {needs}", header="### TASK-003: Three")


WHOLE = """---
spec_stage: tasks
---

# Tasks

## Milestone 1: MVP

### TASK-001: Scaffold the `app`
🔴 P0 | ✅ DONE | Est: 2-3d

**Description:**
First line.

Second paragraph.

```python
### TASK-900: not a task
**Depends on:** [TASK-901]
```

**Files:** `a.py`

**Checklist:**
- [x] plain
  carried on
  - [ ] nested
* [X] star

**Tests (Definition of Done):**
- [ ] a test

**Traces to:** [REQ-001], [DESIGN-002]
**Depends on:** -
**Blocks:** [KAP-2]

---

## Milestone 2: Beta

### KAP-2: Second
- 🟢 P3 | 🔄 IN_PROGRESS

**Depends on:** [TASK-001]

## Dependency Graph

Not part of KAP-2.
"""


def test_a_whole_spec_is_understood() -> None:
    tasks = good(WHOLE)
    first, second = tasks["TASK-001"], tasks["KAP-2"]
    assert list(tasks) == ["TASK-001", "KAP-2"]
    assert (first.title, first.priority, first.status, first.estimate_hours) == ("Scaffold the `app`", 0, "done", 24.0)
    assert (first.milestone, second.milestone) == ("Milestone 1: MVP", "Milestone 2: Beta")
    assert (first.span.line, second.span.line) == (9, WHOLE.split("\n").index("### KAP-2: Second") + 1)
    assert first.traces == ("REQ-001", "DESIGN-002")
    assert (first.needs, first.blocks, second.needs) == ((), ("KAP-2",), ("TASK-001",))
    assert [(item.text, item.done, item.test, item.span.line) for item in first.checklist] == [
        ("plain\n  carried on", True, False, 25),
        ("nested", False, False, 27),
        ("star", True, False, 28),
        ("a test", False, True, 31),
    ]
    assert first.description == (
        "First line.\n\nSecond paragraph.\n\n"
        "```python\n### TASK-900: not a task\n**Depends on:** [TASK-901]\n```\n\n**Files:** `a.py`"
    )
    assert (second.priority, second.status, second.estimate_hours, second.description) == (3, "in_progress", None, "")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_line_ends_and_byte_order_mark_change_nothing(end: str, bom: str) -> None:
    assert good(bom + WHOLE.replace("\n", end)) == good(WHOLE)


def test_a_header_on_the_first_line_behind_a_byte_order_mark_is_a_task() -> None:
    assert list(good("\ufeff" + task())) == ["TASK-001"]


def test_trailing_blanks_tabs_and_closing_hashes_are_tolerated() -> None:
    text = "###\tTASK-001:\tC# and F# ###  \t\n\t- P2\t|\tTODO  \t\n\n**Depends on:**   \t\n\n**Checklist:**\t\n\t- [ ]\tdeep  \n"
    one = good(text)["TASK-001"]
    assert (one.title, one.priority, one.checklist[0].text) == ("C# and F#", 2, "deep")


def test_a_title_may_end_in_a_hash() -> None:
    assert good(task(header="### TASK-001: Port to C#"))["TASK-001"].title == "Port to C#"


@pytest.mark.parametrize(
    ("line", "priority", "status", "hours"),
    [
        ("P0 | TODO", 0, "todo", None),
        ("P1 | TODO   Est: 1d", 1, "todo", 8.0),
        ("🟡 P2 | 🔍 REVIEW | Est: 0.5d", 2, "review", 4.0),
        ("🔴 P0 | ⏸️ BLOCKED | Est: 2–3d", 0, "blocked", 24.0),
        (":red_circle: P0 | :white_large_square: TODO | Est: 2-3h", 0, "todo", 3.0),
        ("🔴 P0 | 🔄 IN PROGRESS | Est: 6-8h", 0, "in_progress", 8.0),
        ("- P3 | done | est: 30m", 3, "done", 0.5),
        ("* **P3** | **DONE** | Estimate: 1 week", 3, "done", 40.0),
        ("P1 | TODO | Est: 2h-1d", 1, "todo", 8.0),
        ("P1 | TODO | Est: ~1,5 days (rough)", 1, "todo", 12.0),
        ("P1 | TODO | Est: —", 1, "todo", None),
        ("P1 | TODO | Est: TBD | @ann", 1, "todo", None),
    ],
)
def test_meta_lines(line: str, priority: int, status: str, hours: float | None) -> None:
    one = good(task(meta=line))["TASK-001"]
    assert (one.priority, one.status, one.estimate_hours) == (priority, status, hours)


@pytest.mark.parametrize(
    ("line", "code", "column", "word"),
    [
        ("P1 | TODOX | Est: 2h", "task-status", 6, "TODO"),
        ("P1 | 🚧 WIP", "task-status", 8, "TODO"),
        ("P1 | ✅", "task-status", 7, "DONE"),
        ("🔴 P9 | ⬜ TODO", "task-priority", 3, "P0"),
        ("🔴 P12 | ⬜ TODO", "task-priority", 3, "P0"),
        ("P1 | TODO | Est: soon", "task-estimate", 18, "2h"),
        ("P1 | TODO | Est: 3x", "task-estimate", 18, "2h"),
        ("P1 | TODO | Est: 5-2d", "task-estimate", 18, "2h"),
        ("P1 | TODO | Est: 2", "task-estimate", 18, "2h"),
        ("Priority 1, todo", "task-meta", 1, "P1 | ⬜ TODO"),
        ("P1 TODO", "task-meta", 1, "P1 | ⬜ TODO"),
        ("**Priority:** P1 · **Status:** TODO", "task-meta", 1, "P1 | ⬜ TODO"),
    ],
)
def test_unreadable_meta_lines(line: str, code: str, column: int, word: str) -> None:
    (problem,) = errors(task(meta=line))
    assert (problem.code, problem.column) == (code, column)
    assert word in problem.hint
    assert problem.line == (1 if line == "Priority 1, todo" else 2)
    assert problem.excerpt == (task().splitlines()[0] if problem.line == 1 else line)


def test_a_section_of_tests_may_lack_its_colon() -> None:
    (found,) = good(task("**Tests**\n- [ ] a test\n\n**Notes**\n- [ ] an item\n")).values()
    assert [(item.text, item.test) for item in found.checklist] == [("a test", True), ("an item", False)]


def test_two_meta_lines() -> None:
    (problem,) = errors(task("P2 | DONE"))
    assert (problem.code, problem.line, problem.hint) == ("task-meta", 3, "keep one")


@pytest.mark.parametrize(
    "header",
    [
        "## TASK-002: x",
        "# TASK-002: x",
        "#### TASK-002: x",
        "###### TASK-002 x",
        "### TASK-002 Title",
        "### TASK-002 - Title",
        "### TASK-002 — Title",
        "### TASK-002 : x",
        "### TASK-002",
        "### TASK-002：x",
        "### task-2: x",
        "### Task-002: x",
        "### Task 2: x",
        "### TASK_002: x",
        "### TASK#2: x",
        "### TASK2: x",
        "### TASK-002a: x",
        "### TASK-XXX: x",
        "### TASK-2-1: x",
        "### **TASK-002**: x",
        "### [TASK-002] x",
        "### [x] TASK-002: x",
        "### ✅ TASK-002: x",
        "### 2. TASK-002: x",
        "###TASK-002: x",
        "    ### TASK-002: x",
        "\t### TASK-002: x",
        "> ### TASK-002: x",
        "###\u00a0TASK-002: x",
        "### \u0422ASK-002: x",
        "### TASK\u200b-002: x",
        "### TASK\u2011002: x",
        "### \uff34\uff21\uff33\uff2b-002: x",
        "### TASK-００２: x",
        "### kap-2: x",
        "**TASK-002 — Title**",
    ],
)
@pytest.mark.parametrize("inside", [True, False], ids=["behind-a-task", "in-a-section"])
def test_what_looks_like_a_task_is_never_skipped_in_silence(header: str, inside: bool) -> None:
    text = (
        task()
        + task(header="### KAP-1: other")
        + ("" if inside else "## Other\n\n")
        + f"{header}\nsome text\n\n{task(header='### TASK-003: last')}"
    )
    tasks, problems = read(text)
    line = text.split("\n").index(header) + 1
    found = [problem for problem in problems if problem.line == line]
    assert [problem.severity for problem in found] == ["error"], problems
    assert found[0].code == "task-header"
    assert found[0].hint
    assert found[0].excerpt == header
    assert list(tasks) == ["TASK-001", "KAP-1", "TASK-003"]


def test_a_checkbox_with_an_id_is_an_item_of_its_task_and_an_error_outside_of_one() -> None:
    item = "- [ ] **TASK-002**: Title"
    assert [one.text for one in good(task(item))["TASK-001"].checklist] == ["**TASK-002**: Title"]
    assert [problem.code for problem in errors(f"{task()}## Later\n\n{item}\n")] == ["task-header"]


def test_a_broken_header_with_a_whole_body_is_one_error() -> None:
    text = task() + task("**Depends on:** [TASK-001]", header="## TASK-002: x") + task(header="#### TASK-003: y")
    assert [(problem.code, problem.line) for problem in errors(text)] == [("task-header", 4), ("task-header", 7)]


@pytest.mark.parametrize(
    "prose",
    [
        "### Overview",
        "### UTF-8 handling",
        "### Phase 4.1 (Weeks 1-8): Foundation",
        "## M1 — Roadmap MVP",
        "# WS-002: gate-check linter",
        "### Tasks by owner",
        "#### Notes on TASK-001",
        "#### TASK-001 in detail",
        "**TASK-001** comes first.",
        "- TASK-001: see above",
        "| 🔴 P0 | 3 | 5d |",
        "> Priority: 🔴 P0 | ⬜ TODO",
        "**Legend:** 🔴 P0 · 🟠 P1 | ⬜ TODO · ✅ DONE",
        "TASK-777 was dropped.",
        "####### seven",
        "#hashtag",
    ],
)
def test_prose_is_left_alone(prose: str) -> None:
    _, problems = read(f"{task()}## More\n\n{prose}\n\ntext\n")
    assert problems == []


def test_a_heading_that_repeats_a_task_is_a_warning() -> None:
    _, problems = read(task() + "### TASK-001 afterthoughts\n")
    assert [(problem.code, problem.severity) for problem in problems] == [("task-mention", "warning")]


def test_a_meta_line_without_a_header_is_an_error() -> None:
    (problem,) = errors(f"{task()}### Set up the thing\n{META}\n")
    assert (problem.code, problem.line) == ("task-meta", 5)


@pytest.mark.parametrize("line", ["**Depends on:** [TASK-002]", "Depends on: TASK-002", "- **Depends on**: TASK-002"])
def test_needs_below_a_heading_that_ended_the_task(line: str) -> None:
    text = f"{task()}### Details\n\n{line}\n\n{task(header='### TASK-002: Two')}"
    assert [(problem.code, problem.line) for problem in errors(text)] == [("stray-needs", 6)]
    assert errors(text.replace(line, "**Depends on:** lists the ids")) == []


@pytest.mark.parametrize("header", ["### TASK-001: Two", "### \u0422ASK-001: Two", "### task-001: Two", "### TASK\u200d-001: Two"])
def test_duplicates_in_any_disguise(header: str) -> None:
    (problem,) = errors(task() + task(header=header))
    assert problem.line == 4
    assert "TASK-001" in problem.message
    assert problem.code == ("duplicate-id" if header == "### TASK-001: Two" else "task-header")


def test_a_lookalike_is_named_as_such() -> None:
    (problem,) = errors(task() + task(header="### \u0422ASK-001: Two"))
    assert "only look like" in problem.message
    assert "cannot be told from TASK-001" in problem.message


def test_ids_become_paths_so_they_are_short() -> None:
    fits, long = "A" * 60 + "-123", "A" * 61 + "-123"
    assert list(good(task(header=f"### {fits}: x"))) == [fits]
    assert [problem.code for problem in errors(task(header=f"### {long}: x"))] == ["task-header"]


def test_a_task_needs_a_title() -> None:
    assert [problem.code for problem in errors(task(header="### TASK-001:  "))] == ["task-header"]


@pytest.mark.parametrize(
    ("needs", "ids"),
    [
        ("[TASK-001]", ["TASK-001"]),
        ("[TASK-002], [TASK-001]", ["TASK-002", "TASK-001"]),
        ("[TASK-001] [TASK-001]", ["TASK-001"]),
        ("TASK-001, TASK-002", ["TASK-001", "TASK-002"]),
        ("TASK-001 (scaffold)", ["TASK-001"]),
        ("TASK-001 and TASK-002.", ["TASK-001", "TASK-002"]),
        ("`TASK-001`", ["TASK-001"]),
        ("[`TASK-001`]", ["TASK-001"]),
        ("[TASK-001](#task-001-one)", ["TASK-001"]),
        ("[TASK-001] · external: `toolkit#4` (UTF-8, see REQ-7)", ["TASK-001"]),
        ("(soft: [TASK-001])", ["TASK-001"]),
        ("[TASK-001..002]", ["TASK-001", "TASK-002"]),
        ("TASK-001..TASK-002", ["TASK-001", "TASK-002"]),
        ("[TASK-001]–[TASK-002]", ["TASK-001", "TASK-002"]),
        ("TASK-001 to TASK-002", ["TASK-001", "TASK-002"]),
        ("TASK-001 through 002", ["TASK-001", "TASK-002"]),
        ("", []),
        ("—", []),
        ("-", []),
        ("none", []),
        ("None (can start at once)", []),
        ("N/A", []),
        ("— ready to start", []),
        ("нет", []),
    ],
)
def test_needs(needs: str, ids: list[str]) -> None:
    assert list(good(three(needs))["TASK-003"].needs) == ids


@pytest.mark.parametrize(
    "lines",
    [
        "**Depends on:**\n- [TASK-001]\n- TASK-002 (two)",
        "**Depends on:**\n\n* TASK-001\n* TASK-002\n\n- a bullet of the description",
        "**Depends on:** [TASK-001],\n  [TASK-002]",
        "**Depends on:** [TASK-001]\n[TASK-002]",
        "**Depends on**: [TASK-001], [TASK-002]",
        "- **Depends on:** [TASK-001], [TASK-002]",
        "**Depends On:** [TASK-001], [TASK-002]",
        "Depends on: TASK-001, TASK-002",
        "**Blocked by:** [TASK-001], [TASK-002]",
        "**Dependencies:** TASK-001, TASK-002",
        "**Depends on:** [TASK-001]\n**Depends on:** [TASK-002]",
        "**Traces to:** [REQ-1] · **Depends on:** [TASK-001], [TASK-002]",
        "**Depends on:** <!-- [TASK-009] --> [TASK-001], [TASK-002]",
    ],
)
def test_the_many_ways_to_write_needs(lines: str) -> None:
    text = task() + task(header="### TASK-002: Two") + task(lines, header="### TASK-003: Three")
    assert good(text)["TASK-003"].needs == ("TASK-001", "TASK-002")


def test_needs_on_the_meta_line() -> None:
    text = task() + task(header="### TASK-002: Two", meta="P1 | TODO | Est: 1h | Depends on: TASK-001")
    assert good(text)["TASK-002"].needs == ("TASK-001",)


@pytest.mark.parametrize(
    ("needs", "code", "column", "hint"),
    [
        ("[TASK-009]", "unknown-need", 18, ""),
        ("[TASK-1]", "unknown-need", 18, "did you mean TASK-001?"),
        ("[task-002]", "unknown-need", 18, "did you mean TASK-002?"),
        ("[\u0422ASK-002]", "unknown-need", 18, "did you mean TASK-002?"),
        ("[TASK-0002]", "unknown-need", 18, "did you mean TASK-002?"),
        ("[TSK-002]", "unknown-need", 18, "did you mean TASK-002?"),
        ("TASK-001, TASK-1O2", "unknown-need", 27, ""),
        ("[ABC-9]", "unknown-need", 18, ""),
        ("ABC-9", "unknown-need", 17, ""),
        ("[TASK-XXX]", "unknown-need", 18, ""),
        ("[TASK-001], [scaffold]", "unknown-need", 30, ""),
        ("[TASK-001..009]", "unknown-need", 28, ""),
        ("[TASK-002..001]", "unreadable-needs", 18, "lower id first"),
        ("TASK-001 - TASK-002", "unreadable-needs", 25, "TASK-001..TASK-002"),
        ("TASK-001-002", "unreadable-needs", 25, "TASK-001..TASK-002"),
        ("none (TASK-001 has the types)", "unreadable-needs", 23, "[TASK-001]"),
        ("All MVP tasks", "unreadable-needs", 17, "—"),
        ("All", "unreadable-needs", 17, "—"),
        ("the other one", "unreadable-needs", 17, "—"),
        ("nonesuch", "unreadable-needs", 17, "—"),
        ("[TASK-003]", "self-need", 18, "remove it"),
    ],
)
def test_needs_that_cannot_be_met(needs: str, code: str, column: int, hint: str) -> None:
    (problem,) = errors(three(needs))
    assert (problem.code, problem.line, problem.column) == (code, 9, column)
    assert hint in problem.hint
    assert "TASK-003" in problem.message


def test_dependencies_may_be_libraries() -> None:
    tasks, problems = read(task("**Dependencies:** fastapi, pydantic"))
    assert tasks["TASK-001"].needs == ()
    assert "fastapi" in tasks["TASK-001"].description
    assert [(problem.code, problem.severity) for problem in problems] == [("no-need", "warning")]
    assert errors(task("**Dependencies:** TASK-009"))[0].code == "unknown-need"


def test_cycles_are_named_in_full_one_for_each_knot() -> None:
    def chain(*ids: str) -> str:
        pairs = zip(ids, [*ids[1:], ids[0]], strict=True)
        return "".join(task(f"**Depends on:** [{need}]", header=f"### {one}: x") for one, need in pairs)

    text = (
        chain("TASK-001", "TASK-002") + chain("KAP-1", "KAP-2", "KAP-3") + task("**Depends on:** [KAP-1]", header="### TASK-009: x")
    )
    found = errors(text)
    assert [problem.code for problem in found] == ["cycle", "cycle"]
    assert found[0].message.endswith("TASK-001 -> TASK-002 -> TASK-001")
    assert found[1].message.endswith("KAP-1 -> KAP-2 -> KAP-3 -> KAP-1")
    assert (found[0].line, found[0].column) == (3, 17)


@pytest.mark.parametrize("closed", [False, True])
def test_chains_of_any_length(closed: bool) -> None:
    count = 6_000
    needs = [f"[T-{number - 1}]" if number else (f"[T-{count - 1}]" if closed else "—") for number in range(count)]
    text = "".join(task(f"**Depends on:** {need}", header=f"### T-{number}: x") for number, need in enumerate(needs))
    found = errors(text)
    assert [problem.code for problem in found] == (["cycle"] if closed else [])
    if closed:
        assert "5,951 more" in found[0].message
        assert len(found[0].message) < 1_000


def test_blocks_never_makes_an_edge() -> None:
    tasks, problems = read(
        task("**Blocks:** [TASK-002], [TASK-003]")
        + task(header="### TASK-002: Two")
        + task("**Depends on:** [TASK-001]", header="### TASK-003: x")
    )
    assert (tasks["TASK-001"].blocks, tasks["TASK-002"].needs) == (("TASK-002", "TASK-003"), ())
    assert [(problem.code, problem.severity, problem.line, problem.column) for problem in problems] == [
        ("asymmetric-blocks", "warning", 3, 14)
    ]


def test_blocks_by_way_of_another_task_is_no_contradiction() -> None:
    text = task("**Blocks:** [TASK-003]") + task("**Depends on:** [TASK-001]", header="### TASK-002: x")
    assert read(text + task("**Depends on:** [TASK-002]", header="### TASK-003: x"))[1] == []


def test_missing_estimates_are_one_quiet_warning() -> None:
    text = "".join(task(header=f"### T-{n}: x", meta="P1 | TODO") for n in range(5))
    (problem,) = read(text)[1]
    assert (problem.code, problem.severity, problem.line) == ("no-estimate", "warning", 1)
    assert "5 of 5" in problem.message


@pytest.mark.parametrize(
    ("traces", "ids"),
    [
        ("[REQ-001], [DESIGN-002], NFR-09", ["REQ-001", "DESIGN-002", "NFR-09"]),
        ("[GE-FR-001]", ["GE-FR-001"]),
        ("[REQ-001]..[REQ-003]", ["REQ-001", "REQ-002", "REQ-003"]),
        ("[REQ-1], brief FR-01/G-03", ["REQ-1"]),
        ("план Task 3, спека §4", []),
        ("—", []),
    ],
)
def test_traces(traces: str, ids: list[str]) -> None:
    assert list(good(task(f"**Traces to:** {traces}"))["TASK-001"].traces) == ids


HIDDEN = "### TASK-002: hidden\nP0 | TODO | Est: 1h\n**Depends on:** [TASK-404]\n- [ ] hidden box\n"


@pytest.mark.parametrize(
    "text",
    [
        f"```\n{HIDDEN}```\n",
        f"~~~~ text\n```\n~~~\n{HIDDEN}~~~~~\n",
        f"   ````md\n```\n{HIDDEN}   `````  \n",
        f"- item\n\n  ```\n{HIDDEN}  ```\n",
        f"- ```\n{HIDDEN}  ```\n",
        f"1. item\n   - inner\n     ~~~\n{HIDDEN}     ~~~\n",
        f"```\n<!--\n```\n<!--\n```\n{HIDDEN}-->\n",
        f"<!--\n{HIDDEN}-->\n",
        f"<!-- ``` -->\n<!-- a\n\n{HIDDEN}\nb --> <!-- c\n{HIDDEN}-->\n",
        f"   <!--\n{HIDDEN}-->\n",
        "text <!-- P0 | DONE -->\n",
    ],
)
def test_fences_and_comments_hide_what_they_hold(text: str) -> None:
    tasks = good(task() + text + task(header="### TASK-003: last"))
    assert list(tasks) == ["TASK-001", "TASK-003"]
    assert (tasks["TASK-001"].needs, tasks["TASK-001"].status, tasks["TASK-001"].checklist) == ((), "todo", ())


@pytest.mark.parametrize(
    "text",
    [
        "inline ```code``` here\n",
        "```not `a` fence\n",
        "a `<!--` in code\n",
        "prose with <!-- that never ends\n\nnext paragraph\n",
        "\ntext\n\n    ```\n    indented code\n",
        "``\n",
    ],
)
def test_what_is_no_fence_or_comment_hides_nothing(text: str) -> None:
    assert list(good(task() + text + task(header="### TASK-002: last"))) == ["TASK-001", "TASK-002"]


def test_a_fence_that_is_never_closed() -> None:
    (problem,) = errors(task() + "```python\n" + task(header="### TASK-002: lost"))
    assert (problem.code, problem.line) == ("unclosed-fence", 4)
    _, problems = read(task() + "```\ndrawing\n")
    assert [(problem.code, problem.severity) for problem in problems] == [("unclosed-fence", "warning")]


def test_a_comment_that_is_never_closed() -> None:
    (problem,) = errors(task() + "  <!-- todo\n" + task(header="### TASK-002: lost"))
    assert (problem.code, problem.line, problem.column) == ("unclosed-comment", 4, 3)


def test_a_rule_on_the_first_line_is_not_front_matter() -> None:
    assert list(good(f"---\n\n## Tasks\n\n{task()}---\n\n{task(header='### TASK-002: Two')}")) == ["TASK-001", "TASK-002"]


def test_front_matter_is_skipped_even_with_headings_in_it() -> None:
    assert list(good(f"---\ntitle: x\n# TASK-009: a comment\n---\n{task()}")) == ["TASK-001"]


def test_another_section_ends_the_milestone() -> None:
    text = f"## Milestone 1\n\n{task()}## Testing Tasks\n\n{task(header='### TASK-002: Two')}"
    assert [one.milestone for one in good(text).values()] == ["Milestone 1", ""]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "empty", 0),
        ("\ufeff \r\n\r\n", "empty", 0),
        ("# Plan\n\nWe shall do things.\n", "no-tasks", 0),
        ("# Plan\n\n**T-1 - Do it.**\n", "other-format", 3),
        ("# Plan\n\n- [ ] T001 [P] do it\n- [ ] T002 do more\n", "other-format", 3),
        ("# Plan\n\n- [ ] do it\n", "other-format", 3),
        ("# Plan\n\n| ID | What |\n|---|---|\n| T-01 | it |\n", "other-format", 5),
        ("# Plan\n\n### [X] T01 — Docker\n", "other-format", 3),
        ("# Plan\n\n- P0-01: Do it\n", "other-format", 3),
    ],
)
def test_no_tasks_at_all_is_an_error_that_helps(text: str, code: str, line: int) -> None:
    (problem,) = errors(text)
    assert (problem.code, problem.line) == (code, line)
    assert "### TASK-001: Title" in problem.hint


def test_all_errors_come_at_once_in_the_order_of_the_text() -> None:
    text = task("**Depends on:** [TASK-009]", meta="P7 | NOPE | Est: x") + "## TASK-002: x\n" + task(header="### TASK-001: again")
    assert [problem.code for problem in errors(text)] == [
        "task-priority",
        "task-status",
        "task-estimate",
        "unknown-need",
        "task-header",
        "duplicate-id",
    ]


def test_limits() -> None:
    many = "".join(f"### T-{n}: x\nP1 | TODO\n" for n in range(MAX_TASKS + 1))
    assert [problem.code for problem in errors(many)] == ["too-large"]
    dense = "".join(
        f"### T-{n}: x\nP1 | TODO\n**Depends on:** [T-0..{n - 1}]\n" if n else "### T-0: x\nP1 | TODO\n" for n in range(1_500)
    )
    assert [problem.code for problem in errors(dense)] == ["too-large"]


def test_the_digest_holds_what_is_asked_and_nothing_that_work_changes() -> None:
    def digest_of(text: str) -> str:
        return good(text + task(header="### TASK-000: base"))["TASK-001"].digest

    base = task("What.\n\n- [ ] item\n\n**Traces to:** [REQ-1]\n**Blocks:** —")
    same = [
        base.replace("⬜ TODO", "✅ DONE"),
        base.replace("[ ]", "[x]"),
        "# Title\n\n" + base,
        base.replace("🟠", ""),
        base.replace("\n", "\r\n"),
        base.replace("What.", "What. <!-- a note -->"),
    ]
    assert {digest_of(text) for text in same} == {digest_of(base)}
    other = [
        base.replace("One", "Uno"),
        base.replace("P1", "P2"),
        base.replace("2h", "3h"),
        base.replace("What.", "That."),
        base.replace("item", "thing"),
        base.replace("- [ ] item", "**Tests:**\n- [ ] item"),
        base.replace("REQ-1", "REQ-2"),
        base + "**Depends on:** [TASK-000]\n",
        "## Milestone 1\n" + base,
    ]
    digests = [digest_of(text) for text in other]
    assert len({*digests, digest_of(base)}) == len(other) + 1


@pytest.mark.parametrize(
    ("front", "line", "said"),
    [
        ("spec_stage: tasks\nstatus: draft", 3, "says draft: nobody has approved it yet"),
        ("spec_stage: tasks\nstatus: stale", 3, "says stale"),
        ("spec_stage: tasks\nstatus: aproved", 3, 'unknown status "aproved"'),
        ("spec_stage: design\nstatus: approved", 2, 'the stage "design"'),
        ("spec_stage: tasks\nvalidation: fail", 3, "its validation failed"),
        ("spec_stage: tasks\nstatus: &a draft\nx: *a", 4, "cannot be read"),
    ],
)
def test_front_matter_of_spec_runner_that_speaks_against_the_file_is_a_warning(front: str, line: int, said: str) -> None:
    text = f"---\n{front}\n---\n\n{task()}"
    _, problems = parse(text, "t.md")
    found = [problem for problem in problems if problem.code == "front-matter"]
    assert [(one.line, one.severity) for one in found] == [(line, "warning")]
    assert said in found[0].message
    assert (mark(text, "TASK-001", "done", tick=True) or "").startswith(f"---\n{front}\n---\n")


@pytest.mark.parametrize("front", ["spec_stage: tasks\nstatus: approved\nowner_role: x\nextra: [1]", "title: no\ntags: [a"])
def test_front_matter_that_says_nothing_against_it_is_silent(front: str) -> None:
    assert not [one for one in parse(f"---\n{front}\n---\n\n{task()}", "t.md")[1] if one.code == "front-matter"]
