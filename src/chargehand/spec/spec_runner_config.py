"""``spec-runner.config.yaml``, flat or in its old ``executor:`` wrapper, put into our own settings; every key is accounted for."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple

from chargehand.model.errors import Problem
from chargehand.spec.lines import BOM, cut
from chargehand.spec.report import Report
from chargehand.spec.tree import Node
from chargehand.spec.yaml_text import read_yaml

Outcome = Literal["honoured", "translated", "no effect", "unknown", "refused"]

_KINDS = ("claude", "codex", "opencode", "pi", "gemini", "qwen", "droid", "aider")

_IDLE: dict[str, str] = {
    "log_level": "say it on the command line",
    "skip_permissions": "agents never ask, and are kept in a cage instead",
    "review_timeout_minutes": "timeouts.task_minutes holds for reviews too",
    "callback_url": "use the events of the audit log",
    "execution_mode": "a task says its mode itself (**Mode:**)",
    "tdd_namespace": "gates run your own test command",
    "tdd_runner": "gates run your own test command",
    "telegram_bot_token": "no secrets belong in a project's file",
    "telegram_chat_id": "no message services yet: notify calls on the desktop",
    "notify_on": "notify.on says when a person is called",
    "webhook_url": "no message services yet: notify calls on the desktop",
    "webhook_method": "no message services yet",
    "webhook_headers": "no secrets belong in a project's file",
    "webhook_template": "no message services yet",
    "audit_log_path": "the ledger holds everything: chargehand audit-log",
    "audit_log_operator": "the ledger holds who gave an order",
    "spec_governance": "check --strict fails on a tasks.md that is not approved",
    "spec_profile": "chargehand writes no specs of its own",
    "spec_context": "chargehand writes no specs of its own",
    "spec_rules": "chargehand writes no specs of its own",
    "task_context_files": "agents get AGENTS.md, the constitution and the sections a task traces to",
    "harness_guard": "always on: inspect.protect, and gates judge a fresh checkout of the commit",
    "harness_files": "inspect.protect names what only a task that names it may change",
    "harness_allow": "a task that names a file (Touches) may change it",
    "sandbox_allow": "the cage has rules of its own",
    "mcp_ready_timeout_seconds": "there is no MCP server yet",
    "change_id": "name the file with --spec spec/changes/ID/tasks.md",
    "scoped_tests": "spec-runner does not read it either",
    "notify_project_name": "spec-runner does not read it either",
    "spec_repair_attempts": "spec-runner does not read it either",
    "gate_recovery_attempts": "spec-runner does not read it either",
    "review_pr": "reviews are done before a change lands",
    "durability": "the ledger and the depot keep everything",
    "paths": "everything of ours lies in .chargehand/",
    "hooks.pre_start.create_git_branch": "each task has a checkout and a branch of its own",
    "hooks.pre_start.sync_deps": "make it part of the test command",
    "hooks.post_done.auto_commit": "what an agent leaves is always committed",
    "hooks.post_done.review_parallel": "reviews always run side by side",
    "commands.lint_fix": "gates judge; agents mend",
    "commands.sync": "make it part of the test command",
    "commands.format": "gates judge; agents mend",
}
"""Keys without effect here, and what to know instead."""


class Note(NamedTuple):
    """What became of one key: ``to`` names our setting, ``why`` says what differs or what to use instead."""

    key: str
    outcome: Outcome
    to: str = ""
    why: str = ""


def read_config(text: str, path: str) -> tuple[dict[str, Any], tuple[Note, ...], tuple[Problem, ...]]:
    """The same from the text of the file, which is read without YAML's traps; and what is wrong with the text."""
    report = Report(path, cut(text))
    root = read_yaml(text.removeprefix(BOM), report)
    if root is not None and root.value is not None and not isinstance(root.value, dict):
        report.add("config", "this is not a table of settings", root.line, root.column, hint="write KEY: VALUE lines")
    made, notes = translate(root.plain() if root is not None and isinstance(root.value, dict) else {})
    for note in notes:
        if note.outcome in {"refused", "unknown"}:
            node = _found(root, note.key)
            line, column = (node.line, node.column) if node else (-1, 1)
            severity = "error" if note.outcome == "refused" else "warning"
            report.add("config", f"{note.key}: {note.why}", line, column, hint="see docs/settings.md", severity=severity)
    return made, notes, report.sorted()


def _found(root: Node | None, key: str) -> Node | None:
    """The place of a dotted key, or of as much of it as there is."""
    found, node = None, root
    for part in () if root is None else (("executor",) if "executor" in root.table() else ()) + tuple(key.split(".")):
        node = node.table().get(part) if node else None
        if node is None:
            break
        found = node.named()
    return found


def translate(mapping: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Note, ...]]:
    """Our settings (as ``chargehand.toml`` would hold them) and a note for each key that is there. Never raises.

    A ``refused`` note means that the file must not be used as it is.
    """
    wrapped = mapping.get("executor")
    notes: list[Note] = []
    if isinstance(wrapped, dict):
        if len(mapping) > 1:
            others = ", ".join(str(key)[:40] for key in mapping if key != "executor")
            why = f"{others} stand beside it: put all keys in it, or none"
            return {}, (Note("executor", "refused", why=why),)
        notes.append(Note("executor", "honoured", why="the old wrapper; its keys may stand by themselves"))
        mapping = wrapped
    translator = _Translator(mapping)
    return translator.run(), (*notes, *translator.notes)


class _Translator:
    def __init__(self, mapping: Mapping[str, Any]) -> None:
        self.mapping = mapping
        self.flat = dict(_flattened(mapping))
        self.notes: list[Note] = []
        self.out: dict[str, Any] = {}

    def run(self) -> dict[str, Any]:
        for key, value in self.flat.items():
            self.one(key, value)
        self.agents()
        self.gates()
        self.review()
        order = {key: n for n, key in enumerate(self.flat)}
        self.notes.sort(key=lambda note: order.get(note.key, len(order)))
        return self.out

    def one(self, key: str, value: Any) -> None:
        if key in _SIMPLE:
            target, check = _SIMPLE[key]
            self.put(key, value, target, check)
        elif key in _TOGETHER or key.split(".", maxsplit=1)[0] == "personas":
            return  # agents, gates and review are made of several keys
        elif key in _IDLE or key.split(".", maxsplit=1)[0] in _IDLE:
            self.note(key, "no effect", why=_IDLE.get(key) or _IDLE.get(key.split(".", maxsplit=1)[0], ""))
        else:
            near = next(iter(get_close_matches(key, [*_SIMPLE, *_TOGETHER, *_IDLE], n=1)), "")
            self.note(key, "unknown", why=f"did you mean {near}?" if near else "spec-runner has no such key either")

    def put(self, key: str, value: Any, target: str, check: Callable[[Any], Any]) -> None:
        if key == "executor_sandbox" and value in {"off", False}:
            self.note(key, "no effect", why="agents stay in a cage; change it with cage = ... in chargehand.toml")
            return
        made = None if value is None else check(value)
        if made is None:
            empty = value in (None, "", 0, [], {})
            self.note(
                key, "no effect" if empty else "refused", why="it is empty" if empty else f"{str(value)[:40]!r} is no value for it"
            )
            return
        self.set(target, made)
        self.note(key, "honoured" if key == target else "translated", target)

    def set(self, target: str, value: Any) -> None:
        table = self.out
        *path, last = target.split(".")
        for part in path:
            table = table.setdefault(part, {})
        table[last] = value

    def note(self, key: str, outcome: Outcome, to: str = "", why: str = "") -> None:
        self.notes.append(Note(key, outcome, to, why))

    def text(self, key: str) -> str:
        value = self.flat.get(key)
        if value is not None and not isinstance(value, str):
            self.note(key, "refused", why=f"{str(value)[:40]!r} is no text")
            return ""
        return value or ""

    def agents(self) -> None:
        """The program that does the work, and the one that reviews."""
        main = self.agent("claude_command", "claude_model", "command_template", "implementer", "")
        if main:
            self.set("agent", main)
        reviewer = self.agent("review_command", "review_model", "review_command_template", "reviewer", "reviewer")
        if reviewer:
            self.set("review.agents", [reviewer])

    def agent(self, command: str, model: str, template: str, role: str, name: str) -> str:
        """An agent's table, made of its three keys and its persona; its name, empty when there is nothing of it."""
        keys = [key for key in (command, model, template) if key in self.flat]
        persona = [key for key in self.flat if key.startswith(f"personas.{role}.")]
        said = {key: self.text(key) for key in keys}
        instructions = self.text(f"personas.{role}.system_prompt")
        if not any(said.values()) and not persona:
            for key in keys:
                self.note(key, "no effect", why="it is empty")
            return ""
        program = said.get(command) or self.text("claude_command") or "claude"
        base = program.split()[0].rpartition("/")[2] if program.split() else "claude"
        name = name or base
        table: dict[str, Any] = {"kind": base if base in _KINDS else "command"}
        if said.get(template) and base not in _KINDS:
            table["command"] = _command(said[template], program)
        elif base not in _KINDS:
            table["command"] = program
        elif program != base:
            table["program"] = program
        if wanted := said.get(model) or self.text(f"personas.{role}.model"):
            table["model"] = wanted
        if instructions:
            table["instructions"] = instructions
        self.set(f"agents.{name}", table)
        for key in keys:
            why = f"the driver of {base} makes its own command line" if key == template and base in _KINDS and said[key] else ""
            self.note(key, "no effect" if why else "translated", "" if why else f"agents.{name}", why)
        for key in persona:
            used = key.endswith((".system_prompt", ".model"))
            self.note(
                key,
                "translated" if used else "no effect",
                f"agents.{name}" if used else "",
                "" if used else "spec-runner does not use it either",
            )
        return name

    def gates(self) -> None:
        """Commands that judge, unless a hook switched them off."""
        for key, gate, switch in _GATES:
            if key not in self.flat:
                continue
            command = self.text(key)
            if not command:
                self.note(key, "no effect", why="it is empty")
            elif self.flat.get(switch) is False:
                self.note(key, "no effect", why=f"{switch} is false")
            elif gate == "lint" and self.flat.get("hooks.post_done.lint_blocking") is False:
                self.note(key, "no effect", why="hooks.post_done.lint_blocking is false, and a gate here always blocks")
            else:
                self.set(f"gates.{gate}.command", command)
                self.note(key, "translated", f"gates.{gate}.command", why="on a fresh checkout of the commit")
        for key in ("hooks.post_done.run_tests", "hooks.post_done.run_lint", "hooks.post_done.lint_blocking"):
            if key in self.flat:
                self.note(key, "translated", "gates")

    def review(self) -> None:
        run, policy = self.flat.get("hooks.post_done.run_review"), self.flat.get("review_policy")
        if policy is not None and policy not in {"advisory", "required"}:
            self.note("review_policy", "refused", why="it is advisory or required")
        elif run is False:
            self.set("review.policy", "off")
        elif run is True or policy:
            self.set("review.policy", policy or "advisory")
        for key in ("review_policy", "hooks.post_done.run_review"):
            if key in self.flat and not any(note.key == key for note in self.notes):
                self.note(key, "translated", "review.policy")
        if "hooks.post_done.review_roles" in self.flat:
            self.put("hooks.post_done.review_roles", self.flat["hooks.post_done.review_roles"], "review.roles", _texts)
        for key in self.flat:
            if key.startswith("personas.") and not any(note.key == key for note in self.notes):
                self.note(key, "no effect", why="only implementer and reviewer are used, there as here")


def _flattened(mapping: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every leaf by its dotted path, as deep as the tables spec-runner knows go; lists, and tables below that, are leaves."""
    ahead: list[tuple[str, Any]] = [(str(key), value) for key, value in mapping.items()]
    while ahead:
        key, value = ahead.pop(0)
        if (
            isinstance(value, dict)
            and key.split(".")[0] in {"hooks", "commands", "paths", "personas"}
            and key.count(".") < 2
            and value
        ):
            ahead = [*((f"{key}.{name}", below) for name, below in value.items()), *ahead]
        else:
            yield key, value


def _command(template: str, program: str) -> str | list[str]:
    """A command template as the command of an agent: a prompt that was an argument is read from its file by the shell."""
    try:
        words = shlex.split(template)
    except ValueError:
        return template
    filled = [word.replace("{cmd}", program) for word in words]
    if not any("{prompt}" in word for word in filled):
        return filled
    line = " ".join(
        '"$(cat "$1")"'.join(shlex.quote(part) if part else "" for part in word.split("{prompt}")) or "''" for word in filled
    )
    return ["sh", "-c", f"exec {line}", "sh", "{prompt_file}"]


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1_000_000 else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1_000_000 else None


def _amount(value: Any) -> float | None:
    fine = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e9
    return float(value) if fine else None


def _word(*known: str) -> Callable[[Any], str | None]:
    return lambda value: value if value in known else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: Any) -> list[str] | None:
    return value if isinstance(value, list) and value and all(isinstance(item, str) for item in value) else None


def _prefixed(value: Any) -> str | None:
    return f"spec/{value}tasks.md" if isinstance(value, str) and value else None


def _integration(value: Any) -> str | None:
    return {True: "pr", False: "target"}.get(value) if isinstance(value, bool) else None


def _approval(value: Any) -> str | None:
    return {True: "all", False: "none"}.get(value) if isinstance(value, bool) else None


def _cage(value: Any) -> str | None:
    return {"on": "auto", "required": "bwrap", True: "auto"}.get(value) if isinstance(value, (str, bool)) else None


_SIMPLE: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "max_retries": ("retry.attempts", _whole),
    "retry_delay_seconds": ("retry.wait_seconds", _amount),
    "task_timeout_minutes": ("timeouts.task_minutes", _amount),
    "max_consecutive_failures": ("max_consecutive_failures", _count),
    "on_task_failure": ("on_failure", _word("skip", "stop", "ask")),
    "max_concurrent": ("jobs", _whole),
    "budget_usd": ("budget.run_usd", _amount),
    "task_budget_usd": ("budget.task_usd", _amount),
    "max_retry_cost_usd": ("budget.retry_usd", _amount),
    "hitl_review": ("approval.tasks", _approval),
    "main_branch": ("target", _text),
    "integration_pr": ("integration", _integration),
    "spec_prefix": ("spec", _prefixed),
    "session_timeout_minutes": ("timeouts.session_minutes", _amount),
    "idle_timeout_minutes": ("timeouts.idle_minutes", _amount),
    "executor_sandbox": ("cage", _cage),
}
_GATES = (
    ("commands.test", "test", "hooks.post_done.run_tests"),
    ("commands.lint", "lint", "hooks.post_done.run_lint"),
    ("commands.format_check", "format", "hooks.post_done.run_lint"),
)
_TOGETHER = (
    "claude_command", "claude_model", "command_template", "review_command", "review_model", "review_command_template",
    "review_policy",
    "hooks.post_done.run_tests", "hooks.post_done.run_lint", "hooks.post_done.lint_blocking", "hooks.post_done.run_review",
    "hooks.post_done.review_roles", *(key for key, _, _ in _GATES),
)  # fmt: skip
