"""Which format a text is in; and what no text may do to us, in any of them (rows 01 to 05 of the hazards)."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chargehand.spec.formats import FORMATS, detect, named
from chargehand.spec.load import MAX_BYTES, check
from chargehand.spec.reading import read
from chargehand.spec.writeback import mark_many

NAMES = [known.name for known in FORMATS]
RUNNER = "### TASK-001: x\nP1 | TODO | Est: 1h\n"
BOXES = "- [ ] one\n- [ ] two\n"
TASKS = {
    "spec-runner": ("t.md", "### {0}: x\nP1 | TODO | Est: 1h\n**Depends on:** {1}\n", "[{}]"),
    "taskmaster": (
        "tasks.json",
        '{{"tasks": [{{"id": "{0}", "title": "x", "status": "pending", "dependencies": [{1}]}}]}}',
        '"{}"',
    ),
    "orchestrator": ("o.yaml", "tasks:\n  - name: {0}\n    command: make\n    depends_on: [{1}]\n", "{}"),
    "roadmap": ("ROADMAP.md", "- [ ] **{0}** do it (depends on: {1})\n", "{}"),
}


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("spec/tasks.md", RUNNER, "spec-runner"),
        ("anything.md", RUNNER, "spec-runner"),
        ("spec/tasks.md", "+++\n+++\n" + RUNNER, "chargehand"),
        ("ROADMAP.md", "# R\n" + BOXES, "roadmap"),
        ("docs/my-roadmap.md", "# R\n" + BOXES, "roadmap"),
        ("ROADMAP.md", RUNNER, "spec-runner"),
        ("specs/001-x/tasks.md", "- [ ] T001 [P] do it in src/a.py\n", "spec-kit"),
        (".kiro/specs/x/tasks.md", "- [ ] 1. Do it\n  - _Requirements: 1.1_\n", "kiro"),
        ("openspec/changes/x/tasks.md", "## 1. Group\n- [ ] 1.1 Do it\n", "openspec"),
        (".taskmaster/tasks/tasks.json", '{"master": {"tasks": [{"id": 1, "title": "x", "status": "pending"}]}}', "taskmaster"),
        ("prd.json", '{"userStories": [{"id": "US-1", "title": "x", "passes": false}]}', "ralph"),
        (".beads/issues.jsonl", '{"id": "bd-1", "title": "x", "status": "open", "priority": 1, "issue_type": "task"}\n', "beads"),
        ("backlog/tasks/task-1.md", "---\nid: task-1\ntitle: x\nstatus: To Do\n---\n", "backlog"),
        (
            "framework/orchestrator/orchestrator.json",
            '{"runners": {}, "tasks": [{"name": "a", "command": "make"}]}',
            "orchestrator",
        ),
    ],
)
def test_the_format_is_found(path: str, text: str, expected: str) -> None:
    spec, problems = check(text.encode(), path)
    assert spec is not None, problems
    assert (spec.format, len(spec.tasks)) == (expected, 1 if BOXES not in text else 2)


def test_what_may_be_in_several_formats_is_asked() -> None:
    text = "- [ ] 1.1 Do it\n"
    assert len(detect("todo.md", text)) > 1
    spec, (problem,) = check(text.encode(), "todo.md")
    assert spec is None
    assert "several formats" in problem.message
    assert "--format" in problem.hint
    for name in ("kiro", "roadmap"):
        spec, _ = check(text.encode(), "todo.md", format_name=name)
        assert spec is not None
        assert (spec.format, len(spec.tasks)) == (name, 1)


def test_what_is_in_no_format_is_refused() -> None:
    for path, text in (("x.json", '{"a": 1}'), ("x.yaml", "a: 1\n"), ("x.toml", "a = 1\n"), ("notes.md", "# Notes\n\nwords\n")):
        spec, problems = check(text.encode(), path)
        assert spec is None
        assert problems[0].hint


@pytest.mark.parametrize("name", NAMES)
def test_each_format_holds_to_the_contract(name: str) -> None:
    format_ = named(name)
    assert format_ is not None
    assert name == format_.NAME
    for text in ("", "\ufeff", "\n\n", "# x", "{}", "[]", "---\n", "+++", "\0", "a: b", "- [ ] "):
        assert format_.recognise("x.md", text) in range(4)
        tasks, problems = read(name, {"x.md": text})
        assert tasks or problems
        assert all(problem.hint for problem in problems if problem.severity == "error"), problems
        assert format_.mark(text, {}) == (text, frozenset())
        assert format_.mark(text, {"nobody": ("done", True)}) == (text, frozenset({"nobody"}))


# 01: cycles, self-needs, unknown needs, duplicate ids (also by look)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_01_needs_that_cannot_be_met_are_errors(name: str) -> None:
    path, form, need = TASKS[name]
    own = "T-1"
    for wanted, code in ((own, "self-need"), ("T-9", "unknown-need")):
        spec, problems = check(form.format(own, need.format(wanted)).encode(), path, format_name=name)
        codes = {problem.code for problem in problems}
        assert (spec is None and code in codes) or (name == "roadmap" and spec is not None and not spec.tasks[0].needs)
        assert all(problem.line for problem in problems if problem.code == code)


def test_01_ids_that_look_alike_are_one_too_many() -> None:
    listed = [{"id": name, "title": "x", "status": "pending"} for name in ("A-1", "a-1", "B-1", "B-1", "А-1")]
    spec, problems = check(json.dumps({"tasks": listed}, ensure_ascii=False).encode(), "tasks.json", format_name="taskmaster")
    assert spec is None
    messages = "\n".join(problem.message for problem in problems)
    assert "a-1 cannot be told from A-1" in messages
    assert "B-1 is defined twice" in messages


def test_01_a_long_cycle_is_named() -> None:
    listed = [{"name": f"t{n}", "command": "x", "depends_on": [f"t{(n + 1) % 3_000}"]} for n in range(3_000)]
    spec, problems = check(json.dumps({"tasks": listed}).encode(), "orchestrator.json")
    assert spec is None
    (problem,) = (problem for problem in problems if problem.code == "cycle")
    assert problem.message.startswith("these tasks wait for each other: t0 -> t1 -> ")
    assert len(problem.message) < 2_000


# 02: any bytes of any size


HOSTILE = {
    "empty": b"", "nul": b"### TASK-001: x\n\0", "utf16": RUNNER.encode("utf-16"), "latin": b"\xe9\xff", "lone": b"\xed\xa0\x80",
    "binary": bytes(range(256)) * 40, "deep": b"".join(b" " * n + b"- [ ] x\n" for n in range(900)),
    "quotes": b">" * 5_000 + b"# a",
    "brackets": b"[" * 200_000, "braces": b'{"a":' * 5_000, "dashes": b"- " * 5_000, "aliases": b"a: &a [x]\nb: [*a, *a]\n",
    "stars": b"*" * 500_000, "pipes": b"|" * 500_000, "ticks": b"`" * 500_000, "backslash": b"\\" * 500_000,
    "comment": b"<!--" * 100_000,
    "control": bytes(range(1, 32)) * 50, "long": b"- [ ] " + b"x" * 2_000_000, "parens": b"- [ ] " + b"(" * 200_000,
    "under": b"- [ ] " + b"_" * 200_000, "digits": b"- [ ] " + b"1" * 1_000_000, "toml": b"+++\na = " + b"[" * 90_000 + b"\n+++\n",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", sorted(HOSTILE))
def test_02_no_bytes_bring_any_format_down(name: str, case: str) -> None:
    data = HOSTILE[case]
    spec, problems = check(data, "x.md", format_name=name)
    assert spec is not None or problems
    assert mark_many(data, {"TASK-001": ("done", True)}, name) == (data, frozenset({"TASK-001"}))


@pytest.mark.parametrize(
    ("case", "size"), [("x" * 79 + "\n", 50_000_000), ("\n", 50_000_000), ("- [ ] ab\n", 50_000_000), ("[", MAX_BYTES)]
)
def test_02_fifty_megabytes_cost_little(case: str, size: int) -> None:
    code = (
        "from chargehand.spec.load import check\n"
        f"data = {case!r}.encode() * ({size} // {len(case)})\nspec, problems = check(data, 'ROADMAP.md')\n"
        "assert spec is None and problems\n"
        # Not ru_maxrss, which a child has from the process that started it.
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    limit = lambda: resource.setrlimit(resource.RLIMIT_CPU, (60, 60))  # noqa: E731
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100, preexec_fn=limit)
    assert int(done.stdout) < 200_000


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.binary(max_size=200)
    | st.text(st.sampled_from("#-*[]x :{}\"',|\n\r\tTASK-01.P()`~<!>_é😀\u2028"), max_size=200).map(str.encode),
)
@example("orchestrator", "\u2028(".encode())  # a line end for YAML, for no editor
@example("kiro", b"- [ ] 1. x\n  - _Requirements: 9.9_\n")
@example("backlog", b"---\nid: &a x\ntitle: *a\n---\n")
def test_02_whatever_the_bytes_there_is_a_spec_or_a_reason(name: str, data: bytes) -> None:
    for wanted in (name, ""):
        spec, problems = check(data, "x.md", format_name=wanted)
        assert spec is not None or any(problem.severity == "error" for problem in problems)
        if spec is not None:
            assert mark_many(data, {}, spec.format)[0] == data
            changed, missing = mark_many(data, {spec.tasks[0].id: ("done", True)}, spec.format)
            again, _ = check(changed, "x.md", format_name=spec.format)
            assert again is not None
            assert [task.id for task in again.tasks] == [task.id for task in spec.tasks]
            assert spec.tasks[0].id in missing or again.tasks[0].status == "done"


# 05: ids and titles as paths, options, or worse


@pytest.mark.parametrize(
    "name", ["../../etc", "-rf", "a/b", "x" * 4_096, "😀", "a\nb", "a\x1b[31m", "..", "a..b", "x.lock", "\u202eabc"]
)
def test_05_no_id_is_a_path_or_an_option(name: str) -> None:
    listed = json.dumps({"tasks": [{"name": name, "command": "make"}]})
    tasks, problems = read("orchestrator", {"o.json": listed})
    safe = [task.id for task in tasks if not problems or all(problem.severity == "warning" for problem in problems)]
    assert all(one[0].isalnum() and "/" not in one and ".." not in one and len(one) <= 64 and one.isascii() for one in safe)
    text = json.dumps({"tasks": [{"id": name, "title": "x", "status": "pending"}]})
    tasks, problems = read("taskmaster", {"tasks.json": text})
    if not any(problem.severity == "error" for problem in problems):
        assert all(task.id[0].isalnum() and "/" not in task.id and task.id.isascii() and len(task.id) <= 64 for task in tasks)
    assert all(problem.message.isprintable() for problem in problems)
