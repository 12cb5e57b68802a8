"""Plugins: commands beside a task's work. Those that come with the project run only when the user agreed to their very content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.run.conftest import Place

FACTS = "SR_TASK_ID SR_TASK_NAME SR_TASK_STATUS SR_TASK_PRIORITY SR_ATTEMPT_NUMBER SR_ERROR_CODE CHARGEHAND_RUN_ID"


def plugin(place: Place, name: str, hooks: dict[str, dict[str, object]], *, trust: bool = True) -> None:
    """Hooks of one plugin, in YAML; JSON is YAML."""
    told = {"name": name, "description": f"tells of {name}", "version": 1.0, "hooks": hooks}
    place.write(f"spec/plugins/{name}/plugin.yaml", json.dumps(told))
    place.commit("a plugin")
    if trust:
        place.run("trust", "--yes")


def telling(place: Place, word: str) -> str:
    shown = " ".join(f"${name}," for name in FACTS.split())
    return f"echo {word} {shown} $(basename $PWD) >> {place.root.parent}/told"


def told(place: Place) -> list[str]:
    file = place.root.parent / "told"
    return file.read_text().splitlines() if file.exists() else []


def test_hooks_run_in_their_folder_with_the_facts_and_without_secrets(place: Place) -> None:
    place.spec("TASK-001 P0")
    place.config('[gates.test]\ncommand = "true"')
    stages = ("pre_start", "post_review", "post_done")
    plugin(place, "teller", {stage: {"command": telling(place, stage)} for stage in stages})
    plugin(place, "envy", {"post_done": {"command": f"env > {place.root.parent}/env"}})
    place.run("run", "--all", env={"OPENAI_API_KEY": "sk-very-secret", "NAME": "hidden"})
    assert told(place) == [
        "pre_start TASK-001, Do task-001, in_progress, p0, 1, , r1, teller",
        "post_review TASK-001, Do task-001, review, p0, 1, , r1, teller",
        "post_done TASK-001, Do task-001, done, p0, 1, , r1, teller",
    ]
    seen = (place.root.parent / "env").read_text()
    assert f"SR_PROJECT_ROOT={place.root}\n" in seen
    assert f"CHARGEHAND_COMMIT={place.git('rev-parse', 'main')}\n" in seen
    assert "secret" not in seen
    assert "hidden" not in seen
    said = place.json("show", "TASK-001")["attempts"][0]["verdicts"]
    assert ("plugin/teller", "pass") in [(one["gate"], one["verdict"]) for one in said]


def test_nothing_of_the_project_runs_untrusted_nor_after_a_change(place: Place) -> None:
    place.spec("TASK-001", "TASK-002", "TASK-003")
    place.config()
    plugin(place, "teller", {"post_done": {"command": "sh run.sh"}}, trust=False)
    place.write("spec/plugins/teller/run.sh", telling(place, "one") + "\n")
    place.commit("more of it")
    done = place.run("run", "--task", "TASK-001")
    assert "chargehand trust" in done.stderr + done.stdout
    assert told(place) == []
    findings = {one["what"]: one for one in place.json("doctor")["findings"]}
    assert (findings["plugin teller"]["level"], findings["plugin teller"]["fix"]) == ("warning", "chargehand trust")
    shown = place.json("trust")
    assert [file["path"] for file in shown["plugins"]["files"]] == [
        "spec/plugins/teller/plugin.yaml", "spec/plugins/teller/run.sh",
    ]  # fmt: skip
    place.run("trust", "--yes")
    assert place.json("trust")["plugins"]["trusted"]
    place.run("run", "--task", "TASK-002")
    assert len(told(place)) == 1
    place.write("spec/plugins/teller/run.sh", "echo something else\n")
    place.commit("another")
    place.run("run", "--task", "TASK-003")
    assert len(told(place)) == 1


def test_links_are_never_trusted(place: Place) -> None:
    place.spec("TASK-001")
    place.config()
    plugin(place, "teller", {"post_done": {"command": telling(place, "x")}}, trust=False)
    (place.root / "spec/plugins/teller/tool").symlink_to("/bin/true")
    place.commit("a link")
    assert "never trusted" in place.run("trust", "--yes").stdout
    place.run("run", "--all")
    assert told(place) == []


def test_a_blocking_pre_start_keeps_the_agent_from_starting(place: Place) -> None:
    place.spec("TASK-001")
    place.config("[budget]\nreserve_usd = 1.0\nrun_usd = 1.0")
    plugin(place, "door", {"pre_start": {"command": "echo not today; exit 3", "blocking": True}})
    place.run("run", "--all", code=4)
    assert "plugin door did not let it begin: exit code 3" in place.json("why", "TASK-001")["reason"]
    assert place.landed() == []
    assert place.json("costs")["total"]["calls"] == 0


def test_a_blocking_post_review_sends_it_back_and_a_lax_one_does_not(place: Place) -> None:
    place.spec("TASK-001")
    place.config(agent="cat > brief-$CHARGEHAND_ATTEMPT; echo $CHARGEHAND_ATTEMPT > n")
    plugin(place, "lax", {"post_review": {"command": "exit 1"}})
    plugin(place, "strict", {"post_review": {"command": "echo mind the gap; test $SR_ATTEMPT_NUMBER = 2", "blocking": True}})
    place.run("run", "--all")
    shown = place.json("show", "TASK-001")["attempts"]
    assert [attempt["outcome"] for attempt in shown] == ["gate_failed", "landed"]
    assert ("plugin/lax", "skip") in [(one["gate"], one["verdict"]) for one in shown[0]["verdicts"]]
    assert "mind the gap" in place.read("brief-2")


def test_on_success_and_on_failure(place: Place) -> None:
    place.spec("TASK-001")
    place.config(
        '[gates.test]\ncommand = "test -e two"\n[retry]\nattempts = 2',
        agent="if [ $CHARGEHAND_ATTEMPT = 1 ]; then echo > one; else echo > two; fi",
    )
    hooks: dict[str, dict[str, object]] = {
        "post_review": {"command": telling(place, "review"), "run_on": "on_failure"},
        "post_done": {"command": telling(place, "done"), "run_on": "on_success"},
    }
    plugin(place, "teller", hooks)
    place.run("run", "--all")
    assert told(place) == [
        "review TASK-001, Do task-001, failed, p1, 1, GATE_FAILED, r1, teller",
        "done TASK-001, Do task-001, done, p1, 2, , r1, teller",
    ]


def test_what_cannot_be_read_is_told_and_stops_nothing_else(place: Place) -> None:
    place.spec("TASK-001")
    place.config()
    place.write("spec/plugins/bad/plugin.yaml", "name: bad\nhooks: {post_done: {command: x, run_on: sometimes}}\n")
    place.write("spec/plugins/worse/plugin.yaml", "name: [\n")
    plugin(place, "good", {"post_done": {"command": telling(place, "x")}})
    done = place.run("run", "--all")
    assert len(told(place)) == 1
    assert "spec/plugins/bad/plugin.yaml is not run: Invalid enum value 'sometimes'" in done.stdout + done.stderr
    levels = {one["what"]: one["level"] for one in place.json("doctor", code=5)["findings"] if one["what"].startswith("plugin")}
    assert levels == {
        "plugin good": "ok",
        "plugin spec/plugins/bad/plugin.yaml": "problem",
        "plugin spec/plugins/worse/plugin.yaml": "problem",
    }


def test_an_installed_package_brings_plugins(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site"
    (package / "teller-1.0.dist-info").mkdir(parents=True)
    (package / "teller-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: teller\nVersion: 1.0\n")
    (package / "teller-1.0.dist-info/entry_points.txt").write_text(
        "[chargehand.plugins]\nteller = teller:PLUGIN\nbroken = teller:nothing\n"
    )
    (package / "teller.py").write_text(f"PLUGIN = {{'hooks': {{'post_done': {{'command': {telling(place, 'package')!r}}}}}}}\n")
    monkeypatch.setenv("PYTHONPATH", str(package))
    place.spec("TASK-001")
    place.config()
    done = place.run("run", "--all")
    assert told(place) == [f"package TASK-001, Do task-001, done, p1, 1, , r1, {place.root.name}"]
    assert "the plugin broken is not run" in done.stdout + done.stderr
