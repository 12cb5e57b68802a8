"""The scripted agent: every step performed for real, by the real player in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from chargehand.agents.registry import make_agent
from chargehand.agents.script_player import ACTIONS
from chargehand.model.config import AgentConfig
from chargehand.model.errors import ConfigProblem
from chargehand.model.work import Exit, Tally, Usage
from chargehand.ports import Agent, Call


def scripted(tmp_path: Path, text: str) -> Agent:
    script = tmp_path / "scripts" / "demo.toml"
    script.parent.mkdir(exist_ok=True)
    script.write_text(text)
    return make_agent("demo", AgentConfig(kind="scripted", script="scripts/demo.toml"), tmp_path)


def argv(made: Agent, where: Path) -> tuple[str, ...]:
    return made.prepare(Call(prompt="", workspace=str(where), home="/h"), {}).argv


def workspace(tmp_path: Path) -> Path:
    path = tmp_path / "workspace"
    path.mkdir(exist_ok=True)
    return path


def start(tmp_path: Path, text: str, task: str = "TASK-001", attempt: str = "1") -> subprocess.Popen[str]:
    made = scripted(tmp_path, text)
    where = workspace(tmp_path)
    env = {"PATH": os.environ["PATH"], "CHARGEHAND_TASK_ID": task, "CHARGEHAND_ATTEMPT": attempt}
    return subprocess.Popen(
        argv(made, where),
        cwd=where,
        env=env,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def play(
    tmp_path: Path, text: str, task: str = "TASK-001", attempt: str = "1", given: str = ""
) -> subprocess.CompletedProcess[str]:
    assert scripted(tmp_path, text).preflight() == ""
    process = start(tmp_path, text, task, attempt)
    out, err = process.communicate(given)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_write_makes_folders_and_sets_the_mode(tmp_path: Path) -> None:
    done = play(tmp_path, '[[step]]\nwrite = "a/b/run.sh"\ntext = "#!/bin/sh\\necho ok\\n"\nmode = "755"\n')
    assert done.returncode == 0, done.stderr
    assert subprocess.run([workspace(tmp_path) / "a/b/run.sh"], capture_output=True, text=True, check=True).stdout == "ok\n"
    assert "step 1: write a/b/run.sh" in done.stdout


def test_write_from_a_binary_file_beside_the_script(tmp_path: Path) -> None:
    data = bytes(range(256)) * 3
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "image.bin").write_bytes(data)
    done = play(tmp_path, '[[step]]\nwrite = "x.bin"\nfrom = "image.bin"\n[[step]]\nappend = "x.bin"\nfrom = "image.bin"\n')
    assert done.returncode == 0, done.stderr
    assert (workspace(tmp_path) / "x.bin").read_bytes() == data * 2


def test_append_begins_and_extends(tmp_path: Path) -> None:
    play(tmp_path, '[[step]]\nappend = "n.txt"\ntext = "ä\\n"\n[[step]]\nappend = "n.txt"\ntext = "two"\n')
    assert (workspace(tmp_path) / "n.txt").read_text() == "ä\ntwo"


def test_delete_removes_files_folders_and_links_but_not_their_aims(tmp_path: Path) -> None:
    here = workspace(tmp_path)
    outside = tmp_path / "precious"
    outside.mkdir()
    (here / "folder" / "deep").mkdir(parents=True)
    (here / "folder" / "deep" / "f").write_text("x")
    (here / "file").write_text("x")
    (here / "link").symlink_to(outside)
    done = play(tmp_path, "".join(f'[[step]]\ndelete = "{name}"\n' for name in ("folder", "file", "link")))
    assert done.returncode == 0, done.stderr
    assert list(here.iterdir()) == []
    assert outside.is_dir()


def test_delete_of_nothing_fails_with_the_place(tmp_path: Path) -> None:
    done = play(tmp_path, '[[step]]\nsay = "hi"\n[[step]]\ndelete = "gone"\n[[step]]\nsay = "never"\n')
    assert done.returncode == 1
    assert "step 2" in done.stderr
    assert "gone" in done.stderr
    assert "Traceback" not in done.stderr
    assert "never" not in done.stdout


PATCH = """[[step]]
patch = '''
diff --git a/greet.py b/greet.py
--- a/greet.py
+++ b/greet.py
@@ -1,2 +1,2 @@
 def greet():
-    return "hello"
+    return "good day"
--- /dev/null
+++ b/new/file.txt
@@ -0,0 +1 @@
+new
'''
"""


@pytest.mark.parametrize("around", ["no repository", "the workspace is one", "one around the workspace"])
def test_patch_changes_and_creates(tmp_path: Path, around: str) -> None:
    here = workspace(tmp_path)
    if around != "no repository":
        subprocess.run(["git", "init", "-q", here if around == "the workspace is one" else tmp_path], check=True)
    (here / "greet.py").write_text('def greet():\n    return "hello"\n')
    done = play(tmp_path, PATCH)
    assert done.returncode == 0, done.stderr
    assert (here / "greet.py").read_text() == 'def greet():\n    return "good day"\n'
    assert (here / "new" / "file.txt").read_text() == "new\n"


def test_a_patch_that_does_not_fit_fails_and_changes_nothing(tmp_path: Path) -> None:
    (workspace(tmp_path) / "greet.py").write_text("something else\n")
    done = play(tmp_path, PATCH)
    assert done.returncode == 1
    assert "step 1: the patch does not apply" in done.stderr
    assert [path.name for path in workspace(tmp_path).iterdir()] == ["greet.py"]


def test_a_patch_stays_inside(tmp_path: Path) -> None:
    done = play(tmp_path, "[[step]]\npatch = '''\n--- /dev/null\n+++ b/../evil.txt\n@@ -0,0 +1 @@\n+new\n'''\n")
    assert done.returncode == 1
    assert not (tmp_path / "evil.txt").exists()


def test_a_large_patch_goes_through_the_pipe(tmp_path: Path) -> None:
    lines = "".join(f"+line {number} {'x' * 60}\n" for number in range(5000))
    done = play(tmp_path, f"[[step]]\npatch = '''\n--- /dev/null\n+++ b/big.txt\n@@ -0,0 +1,5000 @@\n{lines}'''\n")
    assert done.returncode == 0, done.stderr
    assert len((workspace(tmp_path) / "big.txt").read_text().splitlines()) == 5000


def test_shell_sees_the_prompt_and_the_workspace(tmp_path: Path) -> None:
    done = play(
        tmp_path, "[[step]]\nshell = 'cat > prompt.txt; pwd; echo $CHARGEHAND_TASK_ID; yes | head -1'\n", given="the brief\n"
    )
    assert done.returncode == 0
    assert (workspace(tmp_path) / "prompt.txt").read_text() == "the brief\n"
    assert done.stdout.splitlines()[1:] == [str(workspace(tmp_path)), "TASK-001", "y"]
    assert done.stderr == ""


@pytest.mark.parametrize(("command", "code"), [("exit 7", 7), ("kill -9 $$", 137)])
def test_a_failing_shell_step_ends_the_play_with_its_code(tmp_path: Path, command: str, code: int) -> None:
    tail = '[[step]]\nwrite = "after"\ntext = ""\n'
    assert play(tmp_path, f'[[step]]\nshell = "{command}"\n{tail}').returncode == code
    assert not (workspace(tmp_path) / "after").exists()
    assert play(tmp_path, f'[[step]]\nshell = "{command}"\ncheck = false\n{tail}').returncode == 0
    assert (workspace(tmp_path) / "after").exists()


def test_say_usage_and_exit(tmp_path: Path) -> None:
    text = """
[[step]]
say = "thinking ..."
[[step]]
usage = {input_tokens = 10, output_tokens = 2, cost_usd = 0.5}
[[step]]
usage = {cost_usd = 1}
[[step]]
usage = {output_tokens = 3}
[[step]]
exit = 9
[[step]]
say = "never"
"""
    done = play(tmp_path, text)
    assert done.returncode == 9
    assert done.stdout.splitlines()[0] == "thinking ..."
    assert "never" not in done.stdout
    log = tmp_path / "stdout.log"
    log.write_text(done.stdout)
    assert scripted(tmp_path, text).report(log, Exit(cause="exited", code=9), Tally()).usage == Usage(10, 5, 1.5)


def test_sleep_takes_its_time(tmp_path: Path) -> None:
    started = time.monotonic()
    assert play(tmp_path, "[[step]]\nsleep = 0.3\n").returncode == 0
    assert time.monotonic() - started >= 0.3


def test_hang_stays_until_it_is_ended(tmp_path: Path) -> None:
    process = start(tmp_path, '[[step]]\nsay = "before"\n[[step]]\nhang = true\n')
    assert process.stdout
    try:
        assert process.stdout.readline() == "before\n"
        assert process.stdout.readline().startswith("step 2: hang")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
    finally:
        process.terminate()
        process.communicate()
    assert process.returncode == -signal.SIGTERM


@pytest.mark.parametrize(("line_bytes", "longest"), [("", 100), ("line_bytes = 1\n", 1), ("line_bytes = 700000\n", 700_000)])
def test_flood_writes_so_much_in_such_lines(tmp_path: Path, line_bytes: str, longest: int) -> None:
    out = play(tmp_path, f"[[step]]\nflood = 1.5\n{line_bytes}").stdout
    assert len(out) == 1.5 * 1024 * 1024
    assert out.endswith("\n")
    assert max(len(line) for line in out.splitlines(keepends=True)) == longest


def test_a_daemon_outlives_the_player_and_sigterm(tmp_path: Path) -> None:
    made = scripted(tmp_path, "[[step]]\ndaemon = 30\n")
    with (tmp_path / "out").open("wb") as out:
        subprocess.run(argv(made, tmp_path), cwd=workspace(tmp_path), stdout=out, check=True)
    pid = int((tmp_path / "out").read_text().split()[-1])
    try:
        os.kill(pid, signal.SIGTERM)
        time.sleep(0.2)
        assert os.getsid(pid) != os.getsid(0)
        assert Path(f"/proc/{pid}/stat").read_text().split()[2] == "S"
    finally:
        os.kill(pid, signal.SIGKILL)


CHOICE = """
[[step]]
say = "all"
[[step]]
task = "TASK-001"
say = "one"
[[step]]
task = ["TASK-001", "TASK-002"]
attempt = 2
say = "second try"
[[step]]
attempt = [2, 3]
say = "later"
"""


@pytest.mark.parametrize(
    ("task", "attempt", "said"),
    [
        ("TASK-001", "1", ["all", "one"]),
        ("TASK-001", "2", ["all", "one", "second try", "later"]),
        ("TASK-002", "2", ["all", "second try", "later"]),
        ("TASK-003", "3", ["all", "later"]),
        ("TASK-003", "not a number", ["all"]),
    ],
)
def test_steps_are_chosen_by_task_and_attempt(tmp_path: Path, task: str, attempt: str, said: list[str]) -> None:
    assert play(tmp_path, CHOICE, task, attempt).stdout.splitlines() == said


def test_no_step_is_said_and_is_no_failure(tmp_path: Path) -> None:
    done = play(tmp_path, '[[step]]\ntask = "TASK-009"\nwrite = "x"\ntext = "x"\n', "TASK-001", "4")
    assert done.returncode == 0
    assert "no step is for TASK-001, attempt 4" in done.stdout
    assert list(workspace(tmp_path).iterdir()) == []


@pytest.mark.parametrize("action", ["write", "append"])
@pytest.mark.parametrize("path", ["link", "folder/f", "folder/new/f"])
def test_links_do_not_lead_out(tmp_path: Path, action: str, path: str) -> None:
    here = workspace(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("mine")
    (here / "link").symlink_to(outside / "f")
    (here / "folder").symlink_to(outside)
    done = play(tmp_path, f'[[step]]\n{action} = "{path}"\ntext = "theirs"\n')
    assert done.returncode == 1
    assert "leaves the workspace" in done.stderr
    assert [(entry.name, entry.read_text()) for entry in outside.iterdir()] == [("f", "mine")]


def test_delete_does_not_follow_a_linked_folder(tmp_path: Path) -> None:
    here = workspace(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("mine")
    (here / "folder").symlink_to(outside)
    assert play(tmp_path, '[[step]]\ndelete = "folder/f"\n').returncode == 1
    assert (outside / "f").exists()


BAD = [
    ('write = "x"\ntxt = "y"', "unknown key 'txt' (did you mean 'text'?)"),
    ('write = "x"\ntext = "y"\nsay = "z"', "has 2 actions (write, say)"),
    ('task = "A"', "has no action"),
    ('write = "x"', "'write' needs either 'text' or 'from'"),
    ('append = "x"', "'append' needs either 'text' or 'from'"),
    ('write = "x"\ntext = "a"\nfrom = "demo.toml"', "'write' needs either 'text' or 'from'"),
    ('write = "x"\nfrom = "nowhere"', "'from' names no file"),
    ('write = "x"\ntext = 1', "'text' must be a text"),
    ('write = "/etc/x"\ntext = ""', "leaves the workspace"),
    ('write = "a/../../x"\ntext = ""', "leaves the workspace"),
    ('delete = "."', "names the workspace itself"),
    ('delete = ""', "not empty"),
    ('write = "x"\ntext = ""\nmode = "rwx"', "'mode' must be an octal"),
    ('say = "x"\nmode = "755"', "'mode' does not go with 'say'"),
    ('say = "x"\ntext = "y"', "'text' does not go with 'say'"),
    ('shell = ""', "not empty"),
    ('shell = "x"\ncheck = 1', "'check' must be true or false"),
    ("sleep = -1", "0 or more"),
    ("sleep = nan", "0 or more"),
    ("sleep = inf", "0 or more"),
    ("sleep = true", "0 or more"),
    ("daemon = '1'", "0 or more"),
    ("flood = 0", "above 0"),
    ("flood = 1\nline_bytes = 0", "'line_bytes'"),
    ("exit = 256", "0 to 255"),
    ("exit = true", "0 to 255"),
    ("hang = false", "must be true"),
    ("usage = {}", "must be a table"),
    ("usage = {tokens = 1}", "must be a table"),
    ("usage = {input_tokens = 1.5}", "must hold numbers"),
    ("usage = {cost_usd = -1}", "must hold numbers"),
    ("patch = 3", "not empty"),
    ('say = "x"\ntask = []', "'task' must be"),
    ('say = "x"\nattempt = 0', "'attempt' must be"),
    ('say = "x"\noutside = true', "unknown key 'outside'"),
]


@pytest.mark.parametrize(("step", "message"), BAD)
def test_bad_steps_are_found_before_the_run(tmp_path: Path, step: str, message: str) -> None:
    reason = scripted(tmp_path, f'[[step]]\nsay = "fine"\n[[step]]\n{step}\n').preflight()
    assert message in reason
    assert f"{tmp_path}/scripts/demo.toml: step 2: " in reason
    assert len(reason.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least one [[step]]"),
        ("step = 3", "at least one [[step]]"),
        ("step = [1]", "at least one [[step]]"),
        ('[step]\nsay = "x"', "at least one [[step]]"),
        ('name = "x"\n[[step]]\nsay = "x"', "unknown key 'name'"),
        ("[[step]\n", "not valid TOML"),
        ("a = " + "[" * 5000, "not valid TOML"),
    ],
)
def test_bad_files_are_found_before_the_run(tmp_path: Path, text: str, message: str) -> None:
    assert message in scripted(tmp_path, text).preflight()


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    text = "".join(f"[[step]]\n{step}\n" for step, _ in BAD)
    reasons = scripted(tmp_path, text).preflight().splitlines()
    assert len(reasons) == len(BAD)
    for number, ((_, message), reason) in enumerate(zip(BAD, reasons, strict=True), 1):
        assert f"step {number}: " in reason
        assert message in reason


def test_a_bad_script_plays_nothing(tmp_path: Path) -> None:
    process = start(tmp_path, '[[step]]\nwrite = "x"\ntext = ""\n[[step]]\nwrit = "y"\n')
    _, err = process.communicate()
    assert process.returncode == 2
    assert "step 2: unknown key 'writ' (did you mean 'write'?)" in err
    assert list(workspace(tmp_path).iterdir()) == []


def test_a_missing_or_unreadable_script(tmp_path: Path) -> None:
    made = make_agent("demo", AgentConfig(kind="scripted", script="none.toml"), tmp_path)
    assert made.preflight() == f"{tmp_path}/none.toml: no such file or directory"
    (tmp_path / "none.toml").write_bytes(b"\xff\xfe\x00")
    assert "not valid TOML" in made.preflight()
    with pytest.raises(ConfigProblem) as caught:
        make_agent("demo", AgentConfig(kind="scripted"), tmp_path)
    assert "script = " in caught.value.hint


def test_named_variables_reach_the_shell_steps(tmp_path: Path) -> None:
    made = make_agent("demo", AgentConfig(kind="scripted", script="s.toml", env=["TOKEN"]), tmp_path)
    call = Call(prompt="", workspace="/w", home="/h")
    assert made.prepare(call, {"TOKEN": "t", "HOME": "/h"}).env == {"TOKEN": "t"}


def test_what_it_needs_to_read_is_told(tmp_path: Path) -> None:
    made = scripted(tmp_path, '[[step]]\nwrite = "x"\nfrom = "material/x"\n')
    scripts = tmp_path / "scripts"
    assert {str(scripts / "demo.toml"), str(scripts / "material/x")} <= set(made.places())
    assert str(scripts) not in made.places()
    assert (made.api, made.edits, made.resumes) == ("", True, False)


def test_the_guide_shows_every_action() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "agents.md").read_text()
    for action in ACTIONS:
        assert f"`{action} = " in guide
