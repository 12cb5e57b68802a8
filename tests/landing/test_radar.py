"""Two agents that change the same file are told of before they meet."""

from __future__ import annotations

import pytest

from tests.run.conftest import Place


@pytest.mark.parametrize("workspace", ["clone", "worktree"])
def test_two_that_change_one_file_are_warned_of_once(place: Place, workspace: str) -> None:
    place.write("shared.txt", "one\n")
    place.write("base.txt", "base\n")
    place.write(".gitignore", "*.log\n")
    place.spec("TASK-001", "TASK-002", "TASK-003")
    go = place.root.parent / "go"
    agent = f"""echo $CHARGEHAND_TASK_ID > $CHARGEHAND_TASK_ID.txt; echo noise > same.log; touch base.txt
        if [ $CHARGEHAND_TASK_ID != TASK-003 ]; then echo $CHARGEHAND_TASK_ID >> shared.txt
            git commit -qam mine; echo new > added.txt; fi
        until test -e {go}; do sleep 0.05; done"""
    place.config(f'workspace = "{workspace}"\n[retry]\nattempts = 3', agent=agent)
    notices: list[str] = []
    with place.start("run", "--all") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "both change" in line:
                notices.append(line)
                go.touch()
    assert len(notices) == 1
    assert "TASK-001 and TASK-002 both change added.txt, shared.txt:" in notices[0]
