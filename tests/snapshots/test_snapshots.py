"""What every plain command prints: in a pipe, as JSON, on narrow and wide terminals, without colour."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.run.conftest import Place

from .finished import make
from .speaker import END

KEPT = Path(__file__).parent / "kept"
COMMANDS: dict[str, list[str]] = {
    "status": ["status"],
    "status_failed": ["status", "--state", "failed"],
    "show": ["show", "TASK-001"],
    "show_failed": ["show", "TASK-002"],
    "logs": ["logs", "TASK-001"],
    "why": ["why", "TASK-003"],
    "costs": ["costs"],
    "costs_by_agent": ["costs", "--by", "agent", "--sort", "calls"],
    "events": ["events"],
    "approve": ["approve"],
    "diff_gone": ["diff", "TASK-001"],
    "plan": ["plan"],
    "forecast": ["plan", "--forecast"],
    "calibration": ["plan", "--calibration"],
    "dry_run": ["run", "--all", "--dry-run"],
    "stop": ["stop"],
    "no_such_task": ["show", "TASK-00"],
}
VIEWS: dict[str, tuple[int, dict[str, str]]] = {
    "pipe": (0, {}),
    "terminal, 80 columns": (80, {}),
    "terminal, 200 columns": (200, {}),
    "terminal, 80 columns, NO_COLOR": (80, {"NO_COLOR": "1"}),
}


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """By command, and by view, what it prints."""
    root = tmp_path_factory.mktemp("shop")
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], cwd=root, check=True)
    make(root)
    heard: dict[str, dict[str, str]] = {name: {} for name in COMMANDS}
    for view, (columns, extra) in VIEWS.items():
        _hear(heard, view, _speak(root, list(COMMANDS.values()), columns, extra), root)
    as_json = [[*words, "--json"] for words in COMMANDS.values()]
    _hear(heard, "JSON", _speak(root, as_json, 0, {}), root)
    return heard


def _hear(heard: dict[str, dict[str, str]], view: str, text: str, root: Path) -> None:
    parts = text.replace(str(root), "<root>").split(f"{END}\n")
    assert len(parts) == len(COMMANDS) + 1, text[-2000:]
    for name, part in zip(COMMANDS, parts, strict=False):
        heard[name][view] = _pretty(part) if view == "JSON" else part.replace("\x1b", "⎋")


def _pretty(text: str) -> str:
    """JSON that can be read, and compared line by line. Every line of a stream stays one."""
    lines = text.splitlines()
    objects = [json.loads(line) for line in lines if line.startswith(("{", "["))]
    rest = [line for line in lines if not line.startswith(("{", "["))]
    told = [json.dumps(objects[0], indent=1, ensure_ascii=False)] if len(objects) == 1 else [json.dumps(one) for one in objects]
    return "\n".join([*told, *rest]).rstrip("\n") + "\n"


def _speak(root: Path, commands: Sequence[Sequence[str]], columns: int, extra: dict[str, str]) -> str:
    argv = [sys.executable, "-m", "tests.snapshots.speaker", json.dumps([[*words, "-C", str(root)] for words in commands])]
    env = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "CI", "FORCE_COLOR", "NO_COLOR"}}
    env |= {"TERM": "xterm-256color", "TZ": "UTC", **extra}
    top = Path(__file__).parents[2]
    if not columns:
        done = subprocess.run(argv, cwd=top, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
        return done.stdout
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(argv, cwd=top, env=env, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        written = b""
        while data := _read(ours):
            written += data
    os.close(ours)
    return written.decode().replace("\r\n", "\n")


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 65536)
    except OSError:  # the other side is closed
        return b""


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
    head = f"$ chargehand {' '.join(COMMANDS[name])}\n"
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
