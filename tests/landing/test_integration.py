"""Where work lands: on the target, on a branch of the run's own, or there with a pull request."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.run.conftest import Place

GH = """#!/bin/sh
echo "$@" >> "$GH_LOG"
for last in "$@"; do :; done
cat "$last" > "$GH_LOG.body"
if [ "$2" = create ] && [ -e "$GH_LOG.open" ]; then echo "a pull request already exists" >&2; exit 1; fi
touch "$GH_LOG.open"
echo https://forge.example/pull/7
"""


def own(place: Place, branch: str) -> list[str]:
    log = place.git("log", "--reverse", "--format=%(trailers:key=Chargehand-Task,valueonly)", branch)
    return [line for line in log.splitlines() if line]


def offered(events: list[dict[str, object]]) -> dict[str, object]:
    (found,) = [event for event in events if event["event"] == "run.offered"]
    return found


def remote(place: Place, tmp_path: Path) -> Path:
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare)], check=True)
    place.git("remote", "add", "origin", str(bare))
    place.git("push", "--quiet", "origin", "main")
    return bare


def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str = GH) -> Path:
    """A program in the place of gh that writes down what it was asked."""
    folder, log = tmp_path / "bin", tmp_path / "gh.log"
    folder.mkdir()
    (folder / "gh").write_text(script)
    (folder / "gh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("GH_LOG", str(log))
    return log


def test_on_a_branch_the_target_stays_where_it_is(place: Place) -> None:
    place.spec("TASK-001", "TASK-002 P1 after TASK-001")
    place.config('integration = "branch"\n[gates.test]\ncommand = "test -d out"')
    before = place.git("rev-parse", "main")
    events = place.events("--all")
    assert place.git("rev-parse", "main") == before
    assert place.git("status", "--porcelain") == ""
    assert own(place, "chargehand/r1") == ["TASK-001", "TASK-002"]
    assert place.git("show", "chargehand/r1:spec/tasks.md").count("DONE") == 2
    assert offered(events)["command"] == "git merge chargehand/r1"
    assert events[-1]["event"] == "run.finished"
    place.git("merge", "--quiet", "chargehand/r1")
    assert place.landed() == ["TASK-001", "TASK-002"]


def test_nothing_to_do_makes_no_branch(place: Place) -> None:
    place.spec("TASK-001")
    place.config('integration = "branch"')
    place.run("run", "--all")
    assert "nothing to do" in place.events("--all")[0]["reason"]
    assert place.git("branch", "--list", "chargehand/*", "--format=%(refname:short)") == "chargehand/r1"


def test_the_next_run_builds_on_what_the_target_has_not_taken_over(place: Place) -> None:
    place.spec("TASK-001")
    place.config('integration = "branch"')
    place.run("run", "--all")
    place.git("branch", "save", "main")
    place.spec("TASK-001", "TASK-002 P1 after TASK-001", commit=False)
    place.run("run", "--all")  # his checkout has changes, which is no matter
    assert own(place, "chargehand/r2") == ["TASK-001", "TASK-002"]
    place.commit("more")
    place.spec("TASK-001", "TASK-002 P1 after TASK-001", "TASK-003", commit=True)
    refused = place.run("run", "--all", code=2)
    assert "chargehand/r2 holds landed work that main has not" in refused.stderr
    assert "git branch -D chargehand/r2" in refused.stderr
    place.git("merge", "--squash", "chargehand/r2", check=False)
    place.git("checkout", "--theirs", "spec/tasks.md")
    place.git("show", "chargehand/r2:spec/tasks.md")
    place.write("spec/tasks.md", place.git("show", "chargehand/r2:spec/tasks.md") + "\n")
    place.commit("squashed")
    place.write("spec/tasks.md", place.read("spec/tasks.md") + "\n### TASK-004: Do more\n🟠 P1 | ⬜ TODO\n\nMake it.\n")
    refused = place.run("run", "--all", code=None)
    assert own(place, "chargehand/r3") == ["TASK-004"], refused.stderr


def test_a_branch_of_somebody_else_is_not_touched(place: Place) -> None:
    place.spec("TASK-001")
    place.config('integration = "branch"')
    place.git("checkout", "--quiet", "-b", "chargehand/r1")
    mine = place.commit("mine")
    place.git("checkout", "--quiet", "main")
    assert "there is a branch chargehand/r1 already" in place.run("run", "--all", code=2).stderr
    assert place.git("rev-parse", "chargehand/r1") == mine


def test_a_run_goes_on_where_it_began_to_land(place: Place) -> None:
    place.spec("TASK-001", "TASK-002")
    place.config(
        'integration = "branch"\n[retry]\nattempts = 1',
        agent='test "$CHARGEHAND_TASK_ID$MORE" != TASK-002 && echo x > "$CHARGEHAND_TASK_ID"',
    )
    place.run("run", "--all", code=1)
    place.config("[retry]\nattempts = 1", agent='echo x > "$CHARGEHAND_TASK_ID"')
    place.run("retry", "TASK-002")
    assert own(place, "chargehand/r1") == ["TASK-001", "TASK-002"]
    assert place.landed() == []


def test_a_pull_request_tells_what_landed_and_is_kept_up_to_date(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare, log = remote(place, tmp_path), gh(tmp_path, monkeypatch)
    place.write("spec/requirements.md", "# R\n\n#### REQ-001: Greeting\nPolite.\n")
    place.spec("TASK-001", "TASK-002")
    place.write("spec/tasks.md", place.read("spec/tasks.md").replace("### TASK-002", "**Traces to:** [REQ-001]\n\n### TASK-002"))
    agent = """test ! -e $HOME/../fail || exit 1; echo x > $CHARGEHAND_TASK_ID
        test $CHARGEHAND_TASK_ID$CHARGEHAND_ATTEMPT != TASK-0021 || exit 1
        echo '{"usage": {"input_tokens": 1, "output_tokens": 1}, "cost_usd": 0.25}'"""
    place.config('[retry]\nattempts = 1\n[gates.test]\ncommand = "true"', agent=agent)
    events = place.events("--all", "--integration", "pr", code=1)
    assert offered(events)["url"] == "https://forge.example/pull/7"
    tip = subprocess.run(
        ["git", "-C", bare, "rev-parse", "chargehand/r1"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert tip == place.git("rev-parse", "chargehand/r1")
    told = Path(f"{log}.body").read_text()
    assert "1 of 2 tasks landed" in told
    assert "TASK-001: Do task-001" in told
    assert "test: pass" in told
    assert "REQ-001" in told
    assert "$0.25" in told
    assert "`TASK-002` Do task-002: failed" in told
    assert log.read_text().startswith("pr create --base main --head chargehand/r1 --title TASK-001: Do task-001 (chargehand r1)")
    place.run("retry", "TASK-002", "--integration", "pr")
    assert log.read_text().splitlines()[-1].startswith("pr edit chargehand/r1")
    assert "2 of 2 tasks landed" in Path(f"{log}.body").read_text()


def test_without_a_remote_or_gh_the_command_is_told_and_nothing_fails(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.spec("TASK-001")
    place.config()
    done = place.run("run", "--all", "--integration", "pr")
    assert "git push REMOTE chargehand/r1:chargehand/r1 && gh pr create --base main" in done.stdout
    assert "there is no remote" in done.stdout
    remote(place, tmp_path)
    gh(tmp_path, monkeypatch, "#!/bin/sh\necho not logged in >&2; exit 4\n")
    place.write("spec/tasks.md", place.read("spec/tasks.md") + "\n### TASK-002: Do more\n🟠 P1 | ⬜ TODO\n\nMake it.\n")
    events = place.events("--all", "--integration", "pr")
    assert offered(events)["problem"] == "gh: not logged in"
    assert "gh pr create" in str(offered(events)["command"])
    assert events[-1]["state"] == "finished"


def test_a_project_may_not_publish_by_itself_nor_leave_a_branch_it_works_in(place: Place) -> None:
    place.spec("TASK-001")
    place.config('integration = "pr"')
    assert "`integration`" in place.run("run", code=2).stderr
    refused = json.loads(place.run("run", "--json", "--integration", "branch", "--workspace", "in-place", code=2).stdout)
    assert "in place" in refused["error"]["problems"][0]["message"]
