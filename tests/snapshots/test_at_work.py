"""What the commands print that run something: on terminals, in a pipe, without colour, as JSON.

There is one small project for each kind of reader, all of them at once, in which things are done one after the other.
"""

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

from .screen import seen
from .test_snapshots import VIEWS, compare

pytestmark = pytest.mark.xdist_group("commands at work")
"""What they do is done once, in one process."""

SETTINGS = """
jobs = 1
[retry]
attempts = 2
[gates.tests]
command = "test ! -e bad || { echo no good; exit 1; }"
[agents.critic]
kind = "scripted"
script = ".critic.toml"
[review]
agents = ["critic"]
"""
SCRIPT = """
[[step]]
task = "TASK-002"
attempt = [1, 2]
write = "bad"
text = "x"
[[step]]
shell = "mkdir -p out && echo $CHARGEHAND_TASK_ID > out/$CHARGEHAND_TASK_ID.txt"
[[step]]
usage = {input_tokens = 1200, output_tokens = 300, cost_usd = 0.02}
"""
FOUND = {"id": "gap", "severity": "major", "file": "out/TASK-001.txt", "line": 1, "evidence": "it greets nobody", "fix": "greet"}
CRITIC = f"[[step]]\nsay = '''{json.dumps({'review': {'findings': [FOUND], 'summary': 'read all of it'}})}'''\n"
COMMANDS = {
    "run_all": "run --all",
    "retry_done": "retry TASK-002",
    "resume_done": "resume",
    "undo_done": "undo TASK-003",
    "watch_done&": "watch",
    "pause_asked": "pause",
    "resume_asked": "resume",
    "stop_asked": "stop",
    "review_run_done": "review-run",
}
_VARIES = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)"), "MOMENT"),
    (re.compile(r"\d\d:\d\d:\d\d"), "HH:MM:SS"),
    (re.compile(r'("\w*(?:_at|_s|bytes|pid)"): [\d.e-]+'), r"\1: N"),
    (re.compile(r'"config": \{.*\}(?=\}$)', re.MULTILINE), '"config": SETTINGS'),
    (re.compile(r"\b[0-9a-f]{10,64}\b"), "COMMIT"),
    (re.compile(r"\b\d+(\.\d+)?s\b"), "N.Ns"),
)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, worn: Callable[..., Path]) -> dict[str, dict[str, str]]:
    """By command, and by view, what it prints."""
    top = tmp_path_factory.mktemp("at-work")
    wanted = {
        "pristine": str(worn(top / "pristine")),
        "views": [[str(top / f"shop{number}"), *view] for number, view in enumerate(VIEWS.values())],
        "commands": {name: words.split() for name, words in COMMANDS.items()},
    }
    kept = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
    path = f"{Path(shutil.which('git') or 'git').parent}:/usr/bin:/bin"
    own = {"CHARGEHAND_CAGE": "none", "TERM": "xterm-256color", "TZ": "UTC", "LANG": "C.UTF-8", "LOGNAME": "ada"}
    env = {**kept, "PATH": path, "HOME": str(top), **own}
    argv = [sys.executable, "-m", "tests.snapshots.worker", json.dumps(wanted)]
    done = subprocess.run(argv, cwd=Path(__file__).parents[2], env=env, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    texts = dict(zip(VIEWS, json.loads(done.stdout), strict=True))
    names = [name.rstrip("&") for name in COMMANDS]
    return {name: {view: _kept(text[name], view, top) for view, text in texts.items()} for name in names}


@pytest.fixture(scope="module")
def worn() -> Callable[[Path], Path]:
    """A project in which nothing has run yet."""

    def make(root: Path) -> Path:
        root.mkdir()
        place = Place(root)
        place.git("init", "--quiet", "--initial-branch=main")
        place.git("config", "user.name", "Ada")
        place.git("config", "user.email", "ada@localhost")
        place.write(".critic.toml", CRITIC)
        place.spec("TASK-001 P0", "TASK-002 P1", "TASK-003 P1 after TASK-002")
        text = place.read("spec/tasks.md").replace("Do task-001", "Do [/it] [bold]now[/] [link=x]here")  # no words of rich's
        place.write("spec/tasks.md", text)
        place.config(SETTINGS, script=SCRIPT)
        return root

    return make


def _kept(text: str, view: str, top: Path) -> str:
    columns = VIEWS[view][0]
    text = seen(text, columns) if columns else text
    text = re.sub(rf"{re.escape(str(top))}/shop\d", "<root>", text)
    for pattern, word in _VARIES:
        text = pattern.sub(word, text)
    return text


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_what_it_does(name: str, told: dict[str, dict[str, str]]) -> None:
    head = f"$ chargehand {COMMANDS[name]}\n"
    name = name.rstrip("&")
    compare(name, head + "".join(f"\n--- {view} ---\n{text}" for view, text in told[name].items()))


def test_no_view_is_coloured_that_should_not_be(told: dict[str, dict[str, str]]) -> None:
    for name, views in told.items():
        for view in ("pipe", "JSON", "terminal, 80 columns, NO_COLOR"):
            assert not re.search(r"\x1b|⎋\[[^]]*(red|green|yellow|cyan|brown)", views[view]), (name, view)
