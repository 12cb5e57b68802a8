"""The orchestrator's files, in both layouts."""

from __future__ import annotations

import json

from tests.spec.spec_room import parse as read

from chargehand.model.errors import Problem
from chargehand.model.task import Task
from chargehand.spec.load import check
from chargehand.spec.orchestrator import mark, slug

RUNNERS = """# a comment
project_root: ../..
logs_dir: framework/logs
runners:
  codex: {command: 'codex exec - < "{prompt}"'}
tasks:
  - name: db-schema
    branch: task/db-schema
    worktree: _worktrees/{phase}/{task}
    prompt: framework/tasks/db-schema.md
    runner: codex
  - name: review
    runner: codex
    prompt: framework/tasks/review.md
    depends_on: [db-schema]
    log: framework/logs/{task}-{run_id}.log
  - name: apply
    phase: legacy
    manual: true
    runner: codex
    prompt: framework/tasks/apply.md
"""
COMMANDS = {
    "tasks": [
        {"name": "build", "command": "make build", "worktree": "../w1", "branch": "task/build"},
        {"name": "test", "command": "make test", "worktree": "../w2", "depends_on": ["build"], "retries": 0, "timeout_minutes": 5},
    ]
}


def found(text: str, path: str = "framework/orchestrator/orchestrator.yaml") -> tuple[dict[str, Task], list[Problem]]:
    tasks, problems = read(text, path, "orchestrator")
    return {task.id: task for task in tasks}, list(problems)


def test_named_runners_with_prompts() -> None:
    tasks, problems = found(RUNNERS)
    assert {problem.severity for problem in problems} == {"warning"}
    assert list(tasks) == ["db-schema", "review", "apply"]
    schema, review, apply = tasks.values()
    assert schema.terms is not None
    assert (schema.terms.agent, schema.terms.command) == ("codex", 'codex exec - < "framework/tasks/db-schema.md"')
    assert (schema.terms.prompt, schema.terms.log) == ("framework/tasks/db-schema.md", "framework/logs/db-schema.log")
    assert (schema.milestone, schema.manual) == ("main", False)
    assert review.terms is not None
    assert (review.needs, review.terms.log) == (("db-schema",), "framework/logs/review-{run_id}.log")
    assert (apply.milestone, apply.manual, apply.tags) == ("legacy", True, ("manual",))


def test_a_task_without_a_runner_is_for_codex() -> None:
    tasks, _ = found(RUNNERS.replace("    runner: codex\n", "", 1))
    assert (terms := tasks["db-schema"].terms)
    assert terms.command == 'codex exec - < "framework/tasks/db-schema.md"'
    unknown = [problem for problem in found(RUNNERS.replace("[db-schema]", "[db-shema]"))[1] if problem.code == "unknown-need"]
    assert [problem.hint for problem in unknown] == ["did you mean db-schema?"]


def test_a_command_for_each_task_in_json() -> None:
    tasks, problems = found(json.dumps(COMMANDS), "orchestrator.json")
    assert {problem.severity for problem in problems} == {"warning"}
    test = tasks["test"]
    assert test.terms is not None
    assert (test.terms.command, test.terms.attempts, test.terms.timeout_minutes, test.terms.log) == (
        "make test",
        1,
        5,
        "logs/test.log",
    )
    assert test.needs == ("build",)


def test_everything_that_is_wrong_at_once() -> None:
    text = (
        RUNNERS.replace("depends_on: [db-schema]", "depend_on: [db-schema]")
        .replace("phase: legacy", "phase: legasy")
        .replace("manual: true", "manual: yes")
        .replace(
            "runner: codex\n    prompt: framework/tasks/apply.md",
            "runner: kodex\n    prompt: ../../../etc/passwd\n    log: '{who}'",
        )
    )
    _, problems = found(text)
    said = {problem.message: (problem.line, problem.hint) for problem in problems if problem.severity == "error"}
    assert said == {
        'there is no key "depend_on"': (15, "did you mean depends_on?"),
        'there is no phase "legasy"': (18, "did you mean legacy?"),
        '"manual" is true or false': (19, "write manual: true"),
        'there is no runner "kodex"': (20, "did you mean codex?"),
        "{who} is no field": (22, "fields are {run_id}, {phase}, {task}"),
        '"../../../etc/passwd" leads out of the project': (17, "name a path below the project"),
    }


def test_unknown_needs_cycles_and_doubles() -> None:
    _, problems = found(RUNNERS.replace("[db-schema]", "[db-shema, review]").replace("name: apply", "name: db-schema"))
    assert [(p.code, p.line) for p in problems if p.severity == "error"] == [
        ("unknown-need", 15),
        ("self-need", 15),
        ("duplicate-id", 17),
    ]


def test_it_is_found_by_its_content() -> None:
    spec, _ = check(RUNNERS.encode(), "any.yaml")
    assert spec is not None
    assert spec.format == "orchestrator"
    assert check(b"a: 1\nb: 2\n", "any.yaml")[0] is None


def test_there_is_no_place_for_a_status() -> None:
    assert mark(RUNNERS, {"review": ("done", True)}) == (RUNNERS, frozenset({"review"}))


def test_names_become_safe_ids() -> None:
    assert [slug(name) for name in ("../../etc", "-rf", "a/b c", "x..y", "ok-1.2")] == ["etc", "rf", "a-b-c", "x-y", "ok-1.2"]


def test_fields_of_a_command_are_filled_in_and_nothing_a_shell_would_read_as_more() -> None:
    text = (
        "runners: {r: {command: 'r {prompt} {task} {phase} {worktree} {branch} ${HOME} {print}'}, bare: {command: 'x {prompt}'}}\n"
        "tasks:\n  - {name: a, runner: r, prompt: docs/a.md}\n"
        "  - {name: b, runner: r, prompt: 'docs/$(touch x).md'}\n  - {name: c, runner: bare}\n"
    )
    parsed = read(text, "orchestrator.yaml", "orchestrator")
    assert parsed[0][0].terms is not None
    assert parsed[0][0].terms.command == "r docs/a.md a main . chargehand/a ${HOME} {print}"
    assert [(one.line, one.message) for one in parsed[1] if one.severity == "error"] == [
        (4, 'b: "docs/$(touch x).md" cannot stand in a command'),
        (5, "c: its command wants a {prompt}, and it has none"),
    ]
