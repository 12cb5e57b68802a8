"""What a person does to the target while a change for it is being judged."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.run.conftest import Place


@pytest.mark.parametrize("how", ["commits", "rewrites", "deletes"])
def test_whatever_he_does_meanwhile_the_change_is_judged_on_what_is_there_and_his_files_are_left_alone(
    place: Place, tmp_path: Path, how: str
) -> None:
    place.write("his.txt", "his\n")
    place.spec("TASK-001")
    go, log = tmp_path / "go", tmp_path / "gate.log"
    command = f"""test -e his-too.txt && echo merged >> {log} || echo alone >> {log}; until test -e {go}; do sleep 0.02; done"""
    place.config(f'target = "main"\n[gates.test]\ncommand = "{command}"')
    place.git("checkout", "--quiet", "-b", "elsewhere")
    with place.start("run", "--all", "--json") as process:
        while not log.exists():
            time.sleep(0.02)
            assert process.poll() is None
        place.write("his-too.txt", "more of his\n")
        place.git("add", "his-too.txt")
        place.git("commit", "--quiet", *(["--amend"] if how == "rewrites" else []), "--message", "his")
        place.git(*(["branch", "-D", "main"] if how == "deletes" else ["branch", "--force", "main", "elsewhere"]))
        place.write("his.txt", "at work\n")
        go.touch()
        process.communicate(timeout=60)
    if how == "deletes":
        assert process.returncode in {2, 4, 5}
        assert place.git("branch", "--list", "main") == ""
        place.git("branch", "main", "elsewhere")
        place.run("run", "--all")
    else:
        assert process.returncode == 0
    assert place.landed() == ["TASK-001"]
    assert log.read_text().split() == ["alone", "merged"], "what landed is not what was judged"
    assert place.git("show", "main:his-too.txt") == "more of his"
    assert place.read("his.txt") == "at work\n"
    assert place.git("rev-parse", "--abbrev-ref", "HEAD") == "elsewhere"
    assert place.json("status")["totals"]["attempts"] == 1
