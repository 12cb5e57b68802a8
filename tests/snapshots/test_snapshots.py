"""What every plain command prints: in a pipe, as JSON, on narrow and wide terminals, without colour."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.run.conftest import Place

from .finished import make

pytestmark = pytest.mark.xdist_group("commands")
"""What they are told is made once, in one process."""

KEPT = Path(__file__).parent / "kept"
COMMANDS: dict[str, str] = {
    # what is asked
    "status": "status",
    "status_failed": "status --state failed",
    "status_tag": "status --tag money",
    "show": "show TASK-001",
    "show_failed": "show TASK-002",
    "logs": "logs TASK-001",
    "why": "why TASK-003",
    "costs": "costs",
    "costs_by_agent": "costs --by agent --sort calls",
    "events": "events",
    "diff": "diff TASK-006",
    "diff_gone": "diff TASK-001",
    "approve": "approve",
    "plan": "plan",
    "forecast": "plan --forecast",
    "calibration": "plan --calibration",
    "dry_run": "run --all --dry-run",
    "check": "check",
    "task_list": "task list",
    "task_show": "task show TASK-002",
    "task_next": "task next",
    "task_graph": "task graph",
    "task_stats": "task stats",
    "report": "report",
    "verify": "verify",
    "config": "config show --origin",
    "doctor": "doctor",
    # what is done, where it needs no agent
    "audit_log": "audit-log --output audit.jsonl",
    "trust": "trust",
    "gc": "gc --days 1",
    "approved": "approve TASK-004",
    "reject": "reject TASK-004 --comment no",
    "skip": "skip TASK-002",
    "task_start": "task start TASK-004",
    "task_check": "task check TASK-001 1",
    "task_done": "task done TASK-004",
    "task_block": "task block TASK-005",
    "init": "init",
    # what an agent is needed for, who is not there
    "run_without_agent": "run --all",
    "watch": "watch",
    "resume": "resume",
    "retry": "retry TASK-002",
    "undo": "undo TASK-001",
    "review_run": "review-run",
    "stop": "stop",
    "pause": "pause",
    "cancel": "cancel",
    "tui": "tui --theme pink",
    "demo": "demo --keep .",
    "no_such_task": "show TASK-00",
    "reset": "reset --yes",
}
"""In the order in which they are given, by the name of their file."""
VIEWS: dict[str, tuple[int, dict[str, str], list[str]]] = {
    "pipe": (0, {}, []),
    "terminal, 80 columns": (80, {}, []),
    "terminal, 200 columns": (200, {}, []),
    "terminal, 80 columns, NO_COLOR": (80, {"NO_COLOR": "1"}, []),
    "JSON": (0, {}, ["--json"]),
}
_PASSED_OVER = (
    re.compile(r"(?m)^\S+ += .*# default.*\n"),
    re.compile(r'  \{\n   "key": (?:(?!\n  \}).)*"origin": "default"\n  \},?\n', re.DOTALL),
)
"""Settings nobody has set: docs/settings.md has them, and a test of its own."""
_VARIES_BY_MACHINE = (
    (re.compile(r"(?m)^([a-z._]+) += "), r"\1 = "),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\+00:00)"), r"NOW\1"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "HASH"),
    (re.compile(r"[\d.]+ [kMGT]?B free"), "N GB free"),
    (re.compile(r"\b[\d.]+ kB\b"), "N kB"),
    (re.compile(r'"bytes": [1-9]\d*'), '"bytes": N'),
    (re.compile(r"git version [\d.]+"), "git version N"),
    (re.compile(r"(sqlite(\S*?: | [^\d]*))\d+\.\d+\.\d+"), r"\1N"),
)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """By command, and by view, what it prints."""
    top = tmp_path_factory.mktemp("shops")
    (top / "pristine").mkdir()
    make(top / "pristine")
    root = top / "shop"
    wanted = {
        "root": str(root), "pristine": str(top / "pristine"), "views": list(VIEWS.values()),
        "commands": [[*words.split(), "-C", str(root)] for words in COMMANDS.values()],
    }  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if name in {"PYTHONPATH", "SYSTEMROOT"}}
    path = f"{Path(shutil.which('git') or 'git').parent}:/usr/bin:/bin"
    env = kept | {
        "PATH": path,
        "HOME": str(top),
        "CHARGEHAND_CAGE": "none",
        "TERM": "xterm-256color",
        "TZ": "UTC",
        "LANG": "C.UTF-8",
    }
    argv = [sys.executable, "-m", "tests.snapshots.speaker", json.dumps(wanted)]
    done = subprocess.run(argv, cwd=Path(__file__).parents[2], env=env, stdout=subprocess.PIPE, text=True, check=True, timeout=100)
    told = dict(zip(VIEWS, json.loads(done.stdout), strict=True))
    return {name: {view: _kept(texts[place], view, root) for view, texts in told.items()} for place, name in enumerate(COMMANDS)}


def _kept(text: str, view: str, root: Path) -> str:
    text = _pretty(text) if view == "JSON" else text
    text = re.sub(r"[^\n]*\r(?!\n)", "", text)  # what was written over
    text = text.replace(str(root), "<root>").replace(str(root.parent), "<home>").replace("\x1b", "⎋")
    for pattern, word in (*((one, "") for one in _PASSED_OVER), *_VARIES_BY_MACHINE):
        text = pattern.sub(word, text)
    return text


def _pretty(text: str) -> str:
    """JSON that can be read, and compared line by line. Every line of a stream stays one."""
    lines = text.splitlines()
    objects = [json.loads(line) for line in lines if line.startswith(("{", "["))]
    rest = [line for line in lines if not line.startswith(("{", "["))]
    told = [json.dumps(objects[0], indent=1, ensure_ascii=False)] if len(objects) == 1 else [json.dumps(one) for one in objects]
    return "\n".join([*told, *rest]).rstrip("\n") + "\n"


def compare(name: str, text: str) -> None:
    """Against what is kept; ``UPDATE_SNAPSHOTS=1`` keeps it."""
    file = KEPT / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        KEPT.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert file.is_file(), f"UPDATE_SNAPSHOTS=1 writes {file}"
    assert text == file.read_text(encoding="utf-8"), "not as it was; if it is meant to be: UPDATE_SNAPSHOTS=1, and read the diff"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_what_it_did(name: str, spoken: dict[str, dict[str, str]]) -> None:
    head = f"$ chargehand {COMMANDS[name]}\n"
    compare(name, head + "".join(f"\n--- {view} ---\n{text}" for view, text in spoken[name].items()))


def test_no_view_is_coloured_that_should_not_be_and_none_is_too_wide(spoken: dict[str, dict[str, str]]) -> None:
    for name, views in spoken.items():
        for view in ("pipe", "JSON", "terminal, 80 columns, NO_COLOR"):
            assert "⎋" not in views[view], (name, view)
    table = [line for line in spoken["status"]["terminal, 80 columns, NO_COLOR"].splitlines() if line.startswith("TASK")]
    assert max(len(line) for line in table) <= 80


_VARIES = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "MOMENT"),
    (re.compile(r"\d\d:\d\d:\d\d"), "HH:MM:SS"),
    (re.compile(r"\b[0-9a-f]{10,40}\b"), "COMMIT"),
    (re.compile(r"\b\d+\.\d+s\b"), "N.Ns"),
)


def test_a_run_in_a_pipe_and_its_summary(git_repo: Callable[..., Path], tmp_path: Path) -> None:
    place = Place(git_repo())
    place.spec("TASK-001 P0", "TASK-002 P1", "TASK-003 P1 after TASK-002")
    place.config(
        '[retry]\nattempts = 2\n[gates.tests]\ncommand = "test ! -e bad || { echo no good; exit 1; }"',
        agent="echo '{\"cost_usd\": 0.25}'; test $CHARGEHAND_TASK_ID = TASK-001 && touch good || touch bad",
    )
    done = place.run("run", "--all", "--jobs", "1", "--summary", str(tmp_path / "s.md"), code=1)
    text = f"{done.stdout}\n--- --summary ---\n{(tmp_path / 's.md').read_text()}"
    for pattern, word in _VARIES:
        text = pattern.sub(word, text)
    compare("run", "$ chargehand run --all --summary FILE\n\n--- pipe ---\n" + text)
