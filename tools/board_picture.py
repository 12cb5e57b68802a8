"""Make docs/board.svg: the board beside a real run of the demo, in a terminal of 132 by 30, pictured in the middle of the work.

Run: make board-picture
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

import pyte
from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from picture import picture

COLUMNS, LINES = 132, 30
TARGET = Path(__file__).parent.parent / "docs" / "board.svg"
QUESTIONS = re.compile(rb"\x1b\[[<>=][^a-zA-Z]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p|\x1b\][^\x07]*\x07")
"""What it asks the terminal (private modes, colours) is no output, and pyte would print some of it."""
CHARGEHAND = [sys.executable, "-m", "chargehand"]


def main() -> None:
    """Run the demo, watch it on the board, keep the fullest screen, and write it down."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "splitbill")
        demo = subprocess.Popen([*CHARGEHAND, "demo", "--keep", str(project)], stdout=subprocess.DEVNULL, cwd=folder)
        while demo.poll() is None and not (project / ".chargehand/ledger.db").exists():
            time.sleep(0.05)
        best = watch([*CHARGEHAND, "-C", str(project), "tui"], demo)
        demo.wait()
    if not best:
        sys.exit("the board never showed two tasks at work")
    console = Console(width=COLUMNS, record=True, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    for line in best:
        console.print(Text.assemble(*((part.text, part.style or "") for part in line)), soft_wrap=True)
    svg = console.export_svg(title="chargehand tui")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # fonts of another host: the reader's own will do
    TARGET.write_text(svg.replace(folder, "/tmp"), encoding="utf-8")


def watch(command: list[str], demo: subprocess.Popen[bytes]) -> list[list[Segment]]:
    """The fullest screen while the demo runs: what is at work and in review counts, then what is done."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": str(COLUMNS), "LINES": str(LINES)}
    board = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    best: list[list[Segment]] = []
    most = 0
    while demo.poll() is None and board.poll() is None:
        if select.select([ours], [], [], 0.03)[0]:
            stream.feed(QUESTIONS.sub(b"", os.read(ours, 1 << 20)))
            continue
        text = "\n".join(screen.display)  # it is quiet: the frame is whole
        busy = text.count("attempt ")
        value = busy * 4 + text.count("✓") * 3 + ("REVIEW (" in text) * 10
        if busy >= 3 and "q quit" in text and value > most:
            best, most = picture(screen), value
    board.kill()
    board.wait()
    os.close(ours)
    return best


if __name__ == "__main__":
    main()
