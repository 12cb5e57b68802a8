"""The orchestrator's ``orchestrator.yaml`` and ``.json``: named tasks with a command each, or with named runners and prompt files.

A task's phase is its milestone. Only the phase ``main`` is done without being asked for, as there: tasks of other phases are
manual, those the file itself calls manual (or interactive) have that as a tag too.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

from chargehand.model.task import Span, Task, Terms
from chargehand.spec.formats import CERTAIN, LIKELY, NO, POSSIBLE, Changes, Parsed
from chargehand.spec.json_text import read_json
from chargehand.spec.lines import BOM, cut
from chargehand.spec.proof import unsafe
from chargehand.spec.report import Report
from chargehand.spec.tree import Node
from chargehand.spec.yaml_text import read_yaml

NAME = "orchestrator"

SUMMARY = "docs/orchestrator-run-summary.md"
PHASES = ("discovery", "main", "post", "legacy")

_USUAL_RUNNER = "codex"
"""Whose a task is that names none, where there is a runner of that name."""

_TOP = {"project_root", "logs_dir", "logs_directory", "runners", "tasks", "reporting", "workflows"}
_HONOURED = {
    "name", "id", "title", "description", "command", "prompt", "file", "runner", "phase", "depends_on", "needs", "manual", "log",
    "interactive", "timeout_minutes", "time_budget", "retries", "outputs", "priority", "touches", "scope",
}  # fmt: skip
_NO_EFFECT = {"branch", "worktree", "pause_marker", "execution_mode", "watchdog", "validation", "env", "cwd", "resume"}
_FIELD = re.compile(r"\{([^{}]*)\}")
_WORD = re.compile(r"[\w./@+-]+")
_YAML_TASKS = re.compile(r"^tasks:[ \t]*(?:\[|#.*)?$", re.MULTILINE)
_YAML_KEYS = re.compile(r"^[ \t]+(?:-[ \t]+)?(?:worktree|runner|prompt|command):", re.MULTILINE)
_JSON_KEYS = re.compile(r'"(?:worktree|runner|command)"[ \t]*:')


def recognise(path: str, text: str) -> int:
    """Tasks with a worktree, a runner or a command."""
    head = text[:200_000].lstrip(BOM + " \t\r\n")
    named = "orchestrator" in path.rpartition("/")[2].lower()
    if head.startswith("{"):
        if '"tasks"' not in head or not _JSON_KEYS.search(head) or '"userStories"' in head:
            return NO
        return CERTAIN if '"runners"' in head or named else LIKELY
    if not path.lower().endswith((".yaml", ".yml")) or not _YAML_TASKS.search(head):
        return NO
    return CERTAIN if _YAML_KEYS.search(head) else POSSIBLE if named else NO


def parse(text: str, path: str) -> Parsed:
    """One task for each entry of ``tasks``."""
    report = Report(path, cut(text))
    root = read_json(text, report) if text.lstrip(BOM + " \t\r\n").startswith("{") else read_yaml(text.removeprefix(BOM), report)
    if root is None:
        return Parsed((), report.sorted())
    reader = _Reader(root, path, report)
    return Parsed(reader.run(), report.sorted(), reader.places)


def mark(text: str, changes: Changes) -> tuple[str, frozenset[str]]:
    """Nothing: this format has no place for a status."""
    return text, frozenset(changes)


def summary_path(text: str, path: str) -> str:
    """Where such a file expects the summary of a run, below our project root: ``docs`` beside its folder of logs."""
    report = Report(path, cut(text))
    root = read_json(text, report) if text.lstrip(BOM + " \t\r\n").startswith("{") else read_yaml(text.removeprefix(BOM), report)
    if root is None:
        return ""
    reader = _Reader(root, path, report)
    above = (root.text("logs_dir", "logs_directory") or "logs").rstrip("/").rpartition("/")[0]
    return _join(reader.root_folder(), f"{above}/{SUMMARY}" if above else SUMMARY) or ""


class _Reader:
    def __init__(self, root: Node, path: str, report: Report) -> None:
        self.root, self.report = root, report
        self.folder = path.rpartition("/")[0]
        self.places: dict[str, tuple[int, int]] = {}
        self.ignored: dict[str, Node] = {}
        self.runners = root.get("runners")
        self.base = ""
        self.logs = "logs"

    def say(self, node: Node, message: str, hint: str, code: str = "orchestrator", severity: str = "error") -> None:
        self.report.add(code, message, node.line, node.column, hint=hint, severity=severity)

    def run(self) -> tuple[Task, ...]:
        if not isinstance(self.root.value, dict):
            self.say(self.root, "this is not a table with tasks", "write a list under the key tasks")
            return ()
        self.unknown(self.root, _TOP, set())
        self.base = self.root_folder()
        self.logs = self.root.text("logs_dir", "logs_directory") or "logs"
        listed = self.root.get("tasks")
        if listed is None or not isinstance(listed.value, list):
            self.say(listed or self.root, "there is no list of tasks", "write a list under the key tasks")
            return ()
        tasks = [self.task(node) for node in listed.value]
        for name, node in self.ignored.items():
            hint = "each task has a checkout and a branch of its own" if name in {"branch", "worktree"} else ""
            self.say(node, f'"{name}" has no effect here', hint, "no-effect", "warning")
        return tuple(task for task in tasks if task)

    def unknown(self, node: Node, known: set[str], idle: set[str]) -> None:
        """A key nobody knows is an error when it is likely a slip of one, and worth a word otherwise."""
        for name, entry in node.table().items():
            if name in known:
                continue
            near = next(iter(get_close_matches(name, known, n=1, cutoff=0.8)), "")
            if near and name not in idle:
                self.say(entry.named(), f'there is no key "{name[:60]}"', f"did you mean {near}?", "unknown-key")
            else:
                self.ignored.setdefault(name[:60], entry.named())

    def root_folder(self) -> str:
        """``project_root`` as seen from our project root: empty when it is the same."""
        node = self.root.get("project_root")
        wanted = node.text() if node else "."
        if node and wanted.startswith(("/", "~")):
            self.say(node, "an absolute project_root has no effect: this project is meant", "", "no-effect", "warning")
            return ""
        joined = _join(self.folder, wanted)
        if joined is None and node:
            self.say(node, "project_root leads out of this project, so this project is meant", "", "no-effect", "warning")
        return joined or ""

    def task(self, node: Node) -> Task | None:
        name = node.text("name", "id")
        if not isinstance(node.value, dict) or not name:
            self.say(node, "this task has no name", "give it one: name: db-schema")
            return None
        self.unknown(node, _HONOURED, _NO_EFFECT)
        task_id = slug(name)
        phase = self.phase(node)
        own = self.flag(node, "manual"), self.flag(node, "interactive")
        needs = node.get("depends_on", "needs")
        if needs:
            self.places[task_id] = (needs.line + 1, needs.column)
            if isinstance(needs.value, dict) or any(not item.text() for item in needs.items()):
                self.say(needs, f"{name}: depends_on is a list of names", "write [a, b]")
        prompt = node.text("prompt", "file")
        log = self.filled(node, "log", task_id, phase) or f"{self.logs}/{task_id}.log"
        return Task(
            id=task_id,
            title=node.text("title") or name,
            span=Span(node.line + 1, node.column),
            description=node.text("description"),
            priority=self.priority(node),
            needs=tuple(slug(need) for need in node.texts("depends_on", "needs")),
            milestone=phase,
            manual=phase != "main" or any(own),
            tags=tuple(tag for tag, given in zip(("manual", "interactive"), own, strict=True) if given),
            files=tuple(self.path(node, path) for path in node.texts("outputs")),
            touches=tuple(self.path(node, path) for path in node.texts("touches", "scope")),
            terms=Terms(
                agent=node.text("runner"),
                command=self.command_line(node, task_id, phase, prompt_path := self.path(node, prompt) if prompt else ""),
                prompt=prompt_path,
                log=self.path(node, log),
                timeout_minutes=self.number(node, "timeout_minutes", "time_budget") or None,
                attempts=None if (more := self.number(node, "retries")) is None else int(min(more, 99)) + 1,
            ),
        )

    def priority(self, node: Node) -> int:
        value = self.number(node, "priority")
        return 2 if value is None else int(min(value, 3))

    def phase(self, node: Node) -> str:
        phase = node.text("phase") or "main"
        if phase not in PHASES:
            near = next(iter(get_close_matches(phase, PHASES, n=1)), "")
            if near:
                self.say(node.table()["phase"], f'there is no phase "{phase[:60]}"', f"did you mean {near}?")
        return phase

    def flag(self, node: Node, key: str) -> bool:
        found = node.get(key)
        if found and not isinstance(found.value, bool):
            self.say(found, f'"{key}" is true or false', f"write {key}: true")
        return bool(found and found.value is True)

    def number(self, node: Node, *keys: str) -> float | None:
        found = node.get(*keys)
        if found is None:
            return None
        if isinstance(found.value, bool) or not isinstance(found.value, (int, float)) or found.value < 0:
            self.say(found, f'"{found.text()[:40]}" is no number of {keys[-1]}', "write a number, 0 or more")
            return None
        return float(found.value)

    def command(self, node: Node) -> str:
        """The task's own command, or its runner's."""
        own = node.text("command")
        runner, prompted = node.get("runner"), node.get("prompt", "file")
        runners = self.runners.table() if self.runners else {}
        if own or runner is None:
            if not own and not prompted:
                self.say(node, f"{node.text('name', 'id')} has neither a command nor a prompt", "give it one of them")
            usual = runners.get(_USUAL_RUNNER) if not own else None
            return usual.text("command") or usual.text() if usual else own
        if runner.text() not in runners:
            near = next(iter(get_close_matches(runner.text(), runners, n=1)), "")
            if runners:
                hint = f"did you mean {near}?" if near else f"runners are {', '.join(runners)}"
                self.say(runner, f'there is no runner "{runner.text()[:60]}"', hint)
            return ""
        return runners[runner.text()].text("command") or runners[runner.text()].text()

    def command_line(self, node: Node, task_id: str, phase: str, prompt: str) -> str:
        """The command with its fields filled in. What a shell would read as more than a path is refused."""
        command = self.command(node)
        values = {"prompt": prompt, "task": task_id, "phase": phase, "worktree": ".", "branch": f"chargehand/{task_id}"}
        for field in dict.fromkeys(_FIELD.findall(command)):
            if field == "prompt" and not prompt:
                self.say(node, f"{task_id}: its command wants a {{prompt}}, and it has none", "give it one: prompt: tasks/a.md")
            elif not _WORD.fullmatch(values.get(field, "x")):
                self.say(
                    node, f'{task_id}: "{values[field][:60]}" cannot stand in a command', "rename it: letters, digits, - _ . / @ +"
                )
        return _FIELD.sub(lambda match: values.get(match[1], match[0]), command)

    def filled(self, node: Node, key: str, task_id: str, phase: str) -> str:
        """A path with its fields filled in; ``{run_id}`` is left for the run."""
        found = node.get(key)
        if found is None:
            return ""
        values = {"task": task_id, "phase": phase, "run_id": "{run_id}"}
        for match in _FIELD.finditer(found.text()):
            if match[1] not in values:
                self.say(found, f"{{{match[1][:40]}}} is no field", "fields are {run_id}, {phase}, {task}")
        return _FIELD.sub(lambda match: values.get(match[1], ""), found.text())

    def path(self, node: Node, path: str) -> str:
        """A path of the file as one below our project root."""
        joined = _join(self.base, path)
        if joined is None or (why := unsafe(joined)):
            reason = "leads out of the project" if joined is None else why
            self.say(node, f'"{path[:60]}" {reason}', "name a path below the project")
            return ""
        return joined


def slug(name: str) -> str:
    """A name as an id: what cannot stand in one becomes a dash."""
    return re.sub(r"[^A-Za-z0-9_.-]+|\.\.+", "-", name.strip()).strip("-.")[:64]


def _join(folder: str, path: str) -> str | None:
    """``path`` seen from ``folder``, both below the project root; None when it leaves the project."""
    if path.startswith(("/", "~")):
        return None
    parts: list[str] = []
    for part in f"{folder}/{path}".replace("\\", "/").split("/"):
        if part == ".." and not parts:
            return None
        if part == "..":
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)
