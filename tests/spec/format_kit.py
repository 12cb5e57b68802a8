"""What the tests of every format share: files of the corpus, and what must hold for any text in a format."""

from __future__ import annotations

import json
import re
from functools import cache

import pytest
from tests.spec.spec_room import CORPUS, expected, parse

from chargehand.model.errors import Problem
from chargehand.model.task import FileStatus, Task
from chargehand.spec.formats import detect, named
from chargehand.spec.writeback import mark_many

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no corpus in {CORPUS} (set CHARGEHAND_CORPUS)")


def corpus_files(folder: str) -> list[str]:
    """The names of a format's files; none where there is no corpus, which must not keep the tests from being collected."""
    return sorted(path.name for path in (CORPUS / folder).glob("*")) if CORPUS.is_dir() else []


def corpus_text(folder: str, name: str) -> str:
    return (CORPUS / folder / name).read_bytes().decode("utf-8")


def real_path(folder: str, name: str) -> str:
    """Where the file stood in its repository."""
    return _paths()[f"{folder}/{name}"]


@cache
def _paths() -> dict[str, str]:
    entries = json.loads((CORPUS / "index.json").read_text("utf-8"))
    return {entry["file"].removeprefix("corpus/"): entry["path"] for entry in entries}


def errors(problems: tuple[Problem, ...]) -> list[Problem]:
    return [problem for problem in problems if problem.severity == "error"]


def check_file(format_name: str, folder: str, name: str) -> None:
    """A file of the corpus is known for its format, and read with the tasks counted by hand, or refused with place and hint."""
    text = corpus_text(folder, name)
    tasks, problems = parse(text, name, format_name)
    faults = errors(problems)
    count = expected(format_name).get(name)
    if count == "refused":
        assert faults, "it was read"
    elif count is not None:
        assert not faults, faults
        assert len(tasks) == count
    assert tasks or faults
    assert faults or detect(real_path(folder, name), text) == (format_name,)
    assert all(problem.hint and (problem.line or problem.code in {"no-tasks", "empty"}) for problem in faults)
    if not faults:
        check_marks(format_name, text, name, tasks)


def check_marks(format_name: str, text: str, name: str, tasks: tuple[Task, ...]) -> None:
    """To mark what is so already changes nothing; to mark all done changes just the statuses, and once."""
    data = text.encode()
    same, missing = mark_many(data, {task.id: (task.status, False) for task in tasks}, format_name)
    assert same == data
    assert not missing or format_name == "backlog"  # its files without front matter have no place for a status
    done, missing = mark_many(data, {task.id: ("done", True) for task in tasks}, format_name)
    assert bare(format_name, done.decode()) == bare(format_name, text)
    after, problems = parse(done.decode(), name, format_name)
    assert not errors(problems)
    assert {task.id: task.status for task in after} == {task.id: task.status if task.id in missing else "done" for task in tasks}
    assert [asked(task) for task in after] == [asked(task) for task in tasks]
    again, _ = mark_many(done, {task.id: ("done", True) for task in tasks if task.id not in missing}, format_name)
    assert again == done


def bare(format_name: str, text: str) -> str:
    """The text without what a mark may change: the sign between brackets, or the value of a status."""
    if format_name in {"taskmaster", "ralph", "beads"}:
        return re.sub(r',?\s*"(?:status|passes|complete|completed)"\s*:\s*(?:"[^"]*"|true|false)', "", text)
    without = re.sub(r"^(\s*(?:[-*+]|[0-9]+[.)]|#+)\s+)\[.?\]", r"\1[]", text, flags=re.MULTILINE)
    return re.sub(r"^status:.*$", "status:", without, flags=re.MULTILINE) if format_name == "backlog" else without


def asked(task: Task) -> tuple[object, ...]:
    """What marking must leave alone."""
    items = tuple(item.text for item in task.checklist)
    return task.id, task.title, task.needs, task.description, task.priority, task.traces, task.milestone, task.files, items


def check_any(format_name: str, text: str, choice: int, status: FileStatus, path: str = "t") -> None:
    """Whatever the text: it is recognised, read and marked without raising; marking one task changes the status of that task."""
    format_ = named(format_name)
    assert format_ is not None
    assert format_.recognise(path, text) in range(4)
    tasks, problems = parse(text, path, format_name)
    changed, missing = format_.mark(text, {"no-such-task": ("done", True)})
    assert (changed, missing) == (text, frozenset({"no-such-task"}))
    leaves = [task for task in tasks if not task.manual]
    if errors(problems) or not leaves:
        return
    task = leaves[choice % len(leaves)]
    changed, missing = format_.mark(text, {task.id: (status, True)})
    after, faults = parse(changed, path, format_name)
    assert not errors(faults)
    wanted = {other.id: other.status for other in tasks} | ({} if missing else {task.id: status})
    assert {other.id: other.status for other in after} == wanted
    assert [asked(other) for other in after] == [asked(other) for other in tasks]
    if task.status == "done" and not missing and status == "done" and all(item.done for item in task.checklist):
        assert changed == text
