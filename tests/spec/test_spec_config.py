"""A spec-runner.config.yaml in our own settings, every key accounted for."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from chargehand.model.config import Config
from chargehand.model.errors import ConfigProblem
from chargehand.service.project import Project
from chargehand.service.settings import load
from chargehand.spec.spec_runner_config import read_config, translate

FULL = """
max_retries: 5
retry_delay_seconds: 7
task_timeout_minutes: 45
max_consecutive_failures: 4
on_task_failure: stop
max_concurrent: 6
budget_usd: 20
task_budget_usd: 2.5
max_retry_cost_usd: 1
claude_command: claude
claude_model: some-model
skip_permissions: true
review_command: codex
review_policy: required
hitl_review: true
main_branch: trunk
spec_prefix: auth-
session_timeout_minutes: 90
idle_timeout_minutes: 0
executor_sandbox: required
telegram_bot_token: x
personas:
  implementer: {system_prompt: be brief, focus: [a]}
hooks:
  pre_start: {create_git_branch: true, sync_deps: true}
  post_done: {run_tests: true, run_lint: true, lint_blocking: true, auto_commit: true, run_review: true, review_roles: [quality]}
commands: {test: pytest -q, lint: ruff check ., lint_fix: ruff --fix, format_check: ruff format --check .}
paths: {root: ., logs: x}
review_pr: {max_rounds: 3}
"""


def test_everything_is_translated_into_settings_we_have() -> None:
    made, notes, problems = read_config(FULL, "spec-runner.config.yaml")
    assert problems == ()
    config = msgspec.convert(made, Config)
    assert (config.retry.attempts, config.retry.wait_seconds, config.timeouts.task_minutes, config.jobs) == (5, 7, 45, 6)
    assert (config.on_failure, config.max_consecutive_failures, config.target) == ("stop", 4, "trunk")
    assert (config.budget.run_usd, config.budget.task_usd, config.budget.retry_usd) == (20, 2.5, 1)
    assert (config.spec, config.timeouts.session_minutes) == ("spec/auth-tasks.md", 90)
    assert (config.agent, config.agents["claude"].model, config.agents["claude"].instructions) == (
        "claude",
        "some-model",
        "be brief",
    )
    assert (config.review.policy, config.review.agents, config.agents["reviewer"].kind) == ("required", ["reviewer"], "codex")
    assert {name: gate.command for name, gate in config.gates.items()} == {
        "test": "pytest -q",
        "lint": "ruff check .",
        "format": "ruff format --check .",
    }
    assert {note.outcome for note in notes} == {"honoured", "translated", "no effect"}
    told = {note.key for note in notes}
    for key in (
        "skip_permissions",
        "telegram_bot_token",
        "paths.root",
        "review_pr",
        "commands.lint_fix",
        "personas.implementer.focus",
    ):
        assert key in told


def test_each_key_is_told_of_exactly_once() -> None:
    _, notes, _ = read_config(FULL, "x.yaml")
    keys = [note.key for note in notes]
    assert len(keys) == len(set(keys))
    assert len(keys) == 38  # every leaf of the file


def test_the_old_wrapper_means_the_same_and_is_not_mixed() -> None:
    flat = {"max_retries": 2, "commands": {"test": "make test"}}
    assert (
        translate({"executor": flat})[0]
        == translate(flat)[0]
        == {"retry": {"attempts": 2}, "gates": {"test": {"command": "make test"}}}
    )
    made, notes = translate({"executor": flat, "max_retries": 3})
    assert made == {}
    assert [note.outcome for note in notes] == ["refused"]


def test_switched_off_hooks_take_their_gates_away() -> None:
    made, _ = translate(
        {
            "commands": {"test": "a", "lint": "b"},
            "hooks": {"post_done": {"run_tests": False, "lint_blocking": False, "run_review": False}},
        }
    )
    assert made == {"review": {"policy": "off"}}


def test_a_command_template_becomes_a_command_that_gets_the_whole_prompt() -> None:
    made, _ = translate({"claude_command": "mine", "command_template": "{cmd} --model {model} -p {prompt} 'a b'"})
    assert made["agents"]["mine"] == {
        "kind": "command",
        "command": ["sh", "-c", "exec mine --model '{model}' -p \"$(cat \"$1\")\" 'a b'", "sh", "{prompt_file}"],
    }
    made, _ = translate({"claude_command": "mine", "command_template": "{cmd} --file {prompt_file}"})
    assert made["agents"]["mine"]["command"] == ["mine", "--file", "{prompt_file}"]


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("max_retries: many\n", 1, "max_retries"),
        ("a: 1\nbudget_usd: -5\n", 2, "budget_usd"),
        ("executor:\n  budget_usd: .nan\n", 2, "budget_usd"),
        ("- a\n", 1, "table"),
        ("a: *b\n", 1, "alias"),
        ("review_policy: maybe\n", 1, "review_policy"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_place(text: str, line: int, word: str) -> None:
    _, _, problems = read_config(text, "x.yaml")
    errors = [problem for problem in problems if problem.severity == "error"]
    assert [(problem.line, word in problem.message) for problem in errors] == [(line, True)]


def test_an_unknown_key_is_told_of_with_the_nearest_name() -> None:
    _, notes, problems = read_config("max_retry: 3\n", "x.yaml")
    assert [(note.outcome, note.why) for note in notes] == [("unknown", "did you mean max_retries?")]
    assert [(problem.line, problem.severity) for problem in problems] == [(1, "warning")]


@pytest.mark.parametrize("name", ["spec-runner.config.yaml", "chargehand.toml", "pyproject.toml"])
def test_a_file_of_settings_that_is_too_large_is_refused_unread(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"a" * 30_000_000)
    with pytest.raises(ConfigProblem) as caught:
        load(Project(tmp_path), {}, {}, None)
    assert [(one.path, one.message) for one in caught.value.problems] == [(name, "more than 1 MB: these are no settings")]
