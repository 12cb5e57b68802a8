"""What a person at a terminal sees: a live table with a bar while it runs, a summary after, nothing left behind."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time

import pyte

from .conftest import COMMAND, Place


def watch(place: Place, *args: str, columns: int = 100, env: dict[str, str] | None = None) -> tuple[list[list[str]], bytes, int]:
    """Run in a terminal: every screen that was shown, everything that was written, the exit code."""
    screen = pyte.Screen(columns, 30)
    stream = pyte.ByteStream(screen)
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "30", **(env or {})}
    process = subprocess.Popen([*COMMAND, *args], cwd=place.root, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    screens: list[list[str]] = []
    written = b""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([ours], [], [], 0.2)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            data = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        written += data
        stream.feed(data)
        screens.append(list(screen.display))
    os.close(ours)
    return screens, written, process.wait(timeout=10)


def test_a_live_table_with_a_bar_elapsed_time_and_cost(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config(agent="echo '{\"cost_usd\": 0.25}'; sleep 1; echo x > $CHARGEHAND_TASK_ID")
    screens, _, code = watch(place, "run", "--all")
    assert code == 0
    seen = ["\n".join(screen) for screen in screens]
    at_work = [text for text in seen if "agent at work" in text]
    assert any("TASK-001" in text and "0 of 2 landed" in text for text in at_work)
    assert any("TASK-002" in text and "1 of 2 landed" in text and "$0.25" in text and "━" in text for text in at_work)
    last = seen[-1]
    assert "agent at work" not in last
    assert "run r1: finished, all 2 tasks landed" in last


def test_titles_of_others_cannot_touch_the_terminal(place: Place) -> None:
    evil = "Evil \x1b]0;owned\x07 \x1b[2Jtitle"
    place.write("spec/tasks.md", f"### TASK-001: {evil}\n🔴 P0 | ⬜ TODO\n")
    place.config(agent="sleep 0.5; printf '\\033]0;owned\\007' ; exit 1")
    _, written, code = watch(place, "run", "--all")
    _, status, _ = watch(place, "status")
    assert code in {1, 2}
    assert b"\x1b]0;" not in written + status
    assert b"\x1b[2Jtitle" not in written + status


def test_no_color_is_obeyed_and_a_narrow_terminal_is_not_overrun(place: Place) -> None:
    place.spec("TASK-001")
    place.config()
    place.run("run", "--all")
    _, written, code = watch(place, "status", columns=60, env={"NO_COLOR": "1"})
    assert code == 0
    assert b"\x1b[" not in written
    assert all(len(line) <= 60 for line in written.decode().splitlines() if line.startswith("TASK"))
