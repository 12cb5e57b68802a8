"""A gate that dies with its supervisor has said nothing: it is asked again, and nobody is bothered."""

from __future__ import annotations

from .conftest import Place


def test_a_gate_whose_supervisor_was_killed_is_asked_again(place: Place) -> None:
    place.spec("TASK-001")
    flag = place.root.parent / "killed"
    place.config(f'[gates.test]\ncommand = "test -e {flag} || {{ touch {flag} bad; kill -9 $PPID; sleep 9; }}; test ! -e bad"')
    place.run("run", "--all")
    assert place.states() == {"TASK-001": "landed"}
    assert [verdict["verdict"] for verdict in place.json("show", "TASK-001")["attempts"][0]["verdicts"]] == ["pass"]


def test_a_gate_that_always_kills_its_supervisor_ends_in_a_question(place: Place) -> None:
    place.spec("TASK-001")
    place.config('[gates.test]\ncommand = "kill -9 $PPID"')
    place.run("run", "--all", code=4)
    assert place.states() == {"TASK-001": "needs_human"}
    assert "supervisor" in place.json("status")["tasks"][0]["reason"]


def test_what_a_reboot_left_of_a_gate_is_removed_though_the_gate_is_not_asked_again(place: Place) -> None:
    place.spec("TASK-001")
    place.config('[gates.test]\ncommand = "true"\n[approval]\ntasks = "all"\n')
    place.run("run", "--all", code=4)
    left = place.root / ".chargehand/work/r1.TASK-001.1.gate"
    left.mkdir(parents=True)
    place.run("run", "--all", code=4)
    assert not left.exists()
