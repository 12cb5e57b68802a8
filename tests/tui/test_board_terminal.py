"""The board in a real terminal: start-up, steering, an editor, what is left behind, and text that wants to do harm."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chargehand.model.facts import TaskNeedsHuman
from chargehand.process.lock import ProjectLock
from tests.run.conftest import COMMAND, Place

from .ledger import Writer, call, every_kind, name

LIMIT_S = 40.0


class Tmux:
    """One window of a server of its own."""

    def __init__(self, program: str, socket: Path) -> None:
        self._base = [program, "-S", str(socket), "-f", "/dev/null"]

    def __call__(self, *words: str) -> str:
        return subprocess.run([*self._base, *words], capture_output=True, text=True, check=True, timeout=30).stdout

    def open(self, command: list[str], folder: Path, columns: int = 100, lines: int = 30) -> None:
        """Run it in a shell, which says how it ended and stays."""
        line = f"unset COLUMNS LINES; {shlex.join(command)}; echo ended with $?; sleep 60"
        environment = [f"-e{name}={value}" for name, value in os.environ.items() if name in {"HOME", "PYTHONPATH", "EDITOR"}]
        self("new-session", "-d", "-x", str(columns), "-y", str(lines), "-c", str(folder), *environment, "/bin/sh", "-c", line)

    def screen(self) -> str:
        return self("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        self("send-keys", *keys)

    def until(self, wanted: str | Callable[[str], bool]) -> str:
        holds = wanted if callable(wanted) else lambda text: wanted in text
        end = time.monotonic() + LIMIT_S
        while not holds(text := self.screen()):
            assert time.monotonic() < end, f"never came: {wanted}\n{text}"
            time.sleep(0.1)
        return text


@pytest.fixture
def tmux(require: Callable[..., str], tmp_path: Path) -> Iterator[Tmux]:
    window = Tmux(require("tmux"), tmp_path / "tmux.sock")
    yield window
    subprocess.run([*window._base, "kill-server"], capture_output=True, check=False)


def test_start_steer_edit_quit(place: Place, tmux: Tmux, monkeypatch: pytest.MonkeyPatch) -> None:
    place.spec("TASK-001 P0", "TASK-002 P1 after TASK-001")
    go = place.root.parent / "go"
    work = "mkdir -p out; echo x > out/$CHARGEHAND_TASK_ID"
    place.config('jobs = 1\ncage = "none"\n', agent=f"while [ ! -e {shlex.quote(str(go))} ]; do sleep 0.1; done; {work}")
    editor = place.write("editor.sh", '#!/bin/sh\necho "$@" > "$(dirname "$0")/edited"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    tmux.open([*COMMAND, "run", "--all", "--tui"], place.root)
    text = tmux.until("attempt 1/3")
    assert "IN PROGRESS (1)" in text
    assert "← TASK-001" in text
    tmux.press("p")
    tmux.until("paused  by the board")
    go.touch()
    text = tmux.until("DONE (1)")
    assert "TODO (1)" in text  # and it is not begun, for nothing new starts
    tmux.press("Right", "Left", "e")
    tmux.until(lambda _: (place.root / "edited").exists())
    assert (place.root / "edited").read_text().split() == ["+11", str(place.root / "spec/tasks.md")]
    tmux.press("u")
    tmux.until("r1 finished")
    tmux.press("q")
    text = tmux.until("ended with 0")
    assert "run r1: finished, all 2 tasks landed" in text
    assert "BLOCKED" not in text  # the terminal is as it was
    assert place.landed() == [name(1), name(2)]


def test_the_run_goes_on_when_the_board_is_closed(place: Place, tmux: Tmux) -> None:
    place.spec("TASK-001")
    place.config(agent="sleep 1.5; echo x > done.txt")
    tmux.open([*COMMAND, "watch", "--tui"], place.root)
    tmux.until("IN PROGRESS (1)")
    tmux.press("q")
    assert "The run goes on." in tmux.until("ended with 0")
    end = time.monotonic() + LIMIT_S
    while place.landed() != [name(1)]:
        assert time.monotonic() < end
        time.sleep(0.1)
    place.run("stop")


def test_what_is_wrong_is_said_before_a_board_is_shown(place: Place) -> None:
    place.spec("TASK-001")
    place.config()
    done = place.run("tui", code=2)
    assert "needs a terminal" in done.stderr
    assert place.json("tui", code=2)["error"]["message"].startswith("the board does not speak JSON")
    assert terminal([*COMMAND, "-C", str(place.root), "tui", "--theme", "pink"], b"there is no theme pink")[1] == 2
    place.write("spec/tasks.md", "### TASK-001: No priority and no end\n**Depends on:** [TASK-009]\n")
    said, code = terminal([*COMMAND, "-C", str(place.root), "run", "--all", "--tui"], b"TASK-009")
    assert code == 2
    assert b"\x1b[?1049h" not in said
    assert not (place.root / ".chargehand/engine.log").exists()


def terminal(command: list[str], until: bytes, keys: tuple[bytes, ...] = (), after: float = 0.5) -> tuple[bytes, int]:
    """Everything a program writes to a terminal of 120 by 40: until a text is seen, then ``keys`` one after the other, then q."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    seen, waiting = b"", [*keys, b"q"]
    due, end = float("inf"), time.monotonic() + LIMIT_S
    while time.monotonic() < end and process.poll() is None:
        if select.select([ours], [], [], 0.05)[0]:
            try:
                seen += os.read(ours, 65536)
            except OSError:
                break
        if until in seen and due == float("inf"):
            due = time.monotonic() + after
        if waiting and time.monotonic() > due:
            os.write(ours, waiting.pop(0))
            due = time.monotonic() + after
    while select.select([ours], [], [], 0.1)[0]:
        try:
            seen += os.read(ours, 65536)
        except OSError:
            break
    os.close(ours)
    return seen, process.wait(timeout=10)


def test_it_ends_when_its_terminal_is_gone(folder: Path) -> None:
    Writer(folder).add(1, "One", 0)
    ours, theirs = pty.openpty()
    command = [*COMMAND, "-C", str(folder), "tui"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}) as board:
        os.close(theirs)
        seen = b""
        while b"TASK-001" not in seen:
            seen += os.read(ours, 65536)
        os.close(ours)  # without a signal: it is no session of its own
        board.wait(timeout=LIMIT_S)


EVIL = (
    "\x1b]0;owned\x07", "\x1b[2J", "\x1bP$q q\x1b\\", "\x9b31m", "\x1b]52;c;b3duZWQ=\x07", "\x1b]8;;http://evil\x1b\\", "\x1b[6n",
    "\x1b[?1049l", "\u202egnol\u202c", "\ufe0f\u200b", "\x07", "\r", "\x08\x08",
)  # fmt: skip


def test_text_of_others_can_do_nothing(folder: Path) -> None:
    """Titles, reasons, milestones, transcripts, briefs: on every screen there is."""
    writer = every_kind(folder)
    evil = "".join(EVIL) + "[bold red]marked[/] [@click=app.quit]x[/] 日本"
    writer.add(20, f"Title {evil}", 0, milestone=evil)
    writer.begin(20, agent=f"agent{evil}")
    writer.say(TaskNeedsHuman(task=name(10), reason=f"Reason {evil}"))
    place = folder / ".chargehand/attempts" / call(20, 1)
    place.mkdir(parents=True)
    for file in ("stdout.log", "stderr.log", "prompt.md"):
        (place / file).write_text(f"said {evil}\n", newline="")
    with (place / "stdout.log").open("ab") as log:
        log.write(b"\xff\xfe broken \xed\xa0\x80\n" + b'{"type": "\\u001b]0;owned\\u0007", "text": "\\u001b[2J \\ud800 json"}\n')
    keys = (b"\x1b[H", b"l", b"\r", b"1", b"2", b"3", b"5", b"7", b"\x1b", b"g", b"\x1b", b"t", b"\x1b", b"c", b"\x1b")
    with ProjectLock(folder / ".chargehand/lock", command="test"):
        said, code = terminal([*COMMAND, "-C", str(folder), "tui"], name(20).encode(), keys, after=0.25)
        assert code == 0, said[-2000:]
    assert b"marked" in said  # it was shown
    assert b"[bold red]marked[/]" in said  # as text
    for harm in (b"\x1b]0;", b"\x1b[2J", b"\x1bP$q", b"\x1b]52", b"\x1b]8;", b"\x1b[6n"):
        assert harm not in said, harm
    text = said.decode("utf-8", "strict")
    assert not {"\u202e", "\u202c", "\u200b", "\ufe0f", "\x9b", "\x08"} & set(text)
    assert not re.search("\r(?!\n)", text)
    assert "\x07" not in text.replace("\x1b]22;default\x07", "")  # the shape of the pointer, by textual
    assert text.count("\x1b[?1049l") == 1  # our own, at the end


def test_help_and_status_do_not_know_textual() -> None:
    code = "import sys; from chargehand.doors.cli.main import main; main(['--help']); print('textual' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("False")
    assert "tui" in done.stdout
