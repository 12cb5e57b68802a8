"""``plan --from``: the planner makes a spec of a text. Paid, recorded, bounded, and never over a file unasked."""

from __future__ import annotations

import json
import signal
from typing import Any

from chargehand import load_spec

from .conftest import Place
from .test_interruptions import receipts, wait_for

PLAN: dict[str, Any] = {
    "tasks": [
        {
            "title": "Count words ##",
            "description": "# A `wc` of our own.\n- [ ] not an item\nDepends on: nothing\n```\n### TASK-009: no task\n\x1b[31mred",
            "checklist": ["counts lines"],
            "tests": ["an empty file"],
            "priority": 0,
            "estimate_hours": 2,
            "milestone": "Core",
        },
        {"title": "Print them", "needs": [1], "touches": ["src/**"], "milestone": "Core"},
        {"title": "Explain it"},
    ],
    "questions": ["Bytes too?"],
}


def planner(place: Place, answer: dict[str, Any] | str = PLAN, *, settings: str = "", before: str = "") -> None:
    """A project with a text, an agent, and a planner that answers so for half a dollar."""
    text = answer if isinstance(answer, str) else json.dumps({"plan": answer})
    (place.root.parent / "answer").write_text(text + '\n{"cost_usd": 0.5}\n')
    place.write("idea.md", "# Words\n\nA program that counts words and prints them.\n")
    place.config(f'{settings}\n[retry]\nattempts = 2\nplanner = "planner"')
    shell = f"cat > ../../../../brief; {before} echo asked >> {place.root.parent}/receipts; cat {place.root.parent}/answer"
    shell = shell.replace("../../../../brief", f"{place.root.parent}/brief")
    table = f"[agents.planner]\ncommand = {json.dumps(['/bin/sh', '-c', shell])}\n"
    place.write("chargehand.toml", place.read("chargehand.toml") + table)
    place.commit()


def test_a_text_becomes_a_spec_that_runs(place: Place) -> None:
    planner(place)
    head = place.git("rev-parse", "HEAD")
    made = place.json("plan", "--from", "idea.md")
    assert (made["source"], made["spec"], made["planner"], made["cost_usd"]) == ("idea.md", "spec/tasks.md", "planner", 0.5)
    assert [(step["id"], step["title"], step["needs"]) for step in made["plan"]["tasks"]] == [
        ("TASK-001", "Count words", []),
        ("TASK-002", "Print them", ["TASK-001"]),
        ("TASK-003", "Explain it", []),
    ]
    assert "counts words and prints them" in (place.root.parent / "brief").read_text()
    assert (place.git("rev-parse", "HEAD"), place.git("status", "--porcelain")) == (head, "?? spec/")
    assert "Bytes too?" in place.read("spec/tasks.md")
    first, second, _ = load_spec("spec/tasks.md", root=place.root).tasks
    assert (first.priority, first.milestone, first.estimate_hours) == (0, "Milestone: Core", 2)
    assert [(item.text, item.test) for item in first.checklist] == [("counts lines", False), ("an empty file", True)]
    assert second.touches == ("src/**",)
    place.commit("the spec")
    place.run("run", "--task", "TASK-003")
    assert place.landed() == ["TASK-003"]


def test_a_spec_that_is_there_is_not_replaced_unasked(place: Place) -> None:
    planner(place)
    place.spec("TASK-001")
    before = place.read("spec/tasks.md")
    refused = place.run("plan", "--from", "idea.md", code=2)
    assert "spec/tasks.md is there already" in refused.stderr
    assert "--force" in refused.stderr
    assert (receipts(place), place.read("spec/tasks.md")) == ([], before)
    place.run("plan", "--from", "idea.md", "--to", "spec/words/tasks.md")
    assert place.read("spec/tasks.md") == before
    forced = place.run("plan", "--from", "idea.md", "--force", "--json")
    assert (json.loads(forced.stdout)["cost_usd"], receipts(place)) == (0.0, ["asked"]), "the same text is paid once"
    assert "planned before" in forced.stderr
    assert place.read("spec/tasks.md") == place.read("spec/words/tasks.md") != before


def test_a_dry_run_asks_nobody_and_says_what_is_missing(place: Place) -> None:
    planner(place, settings="[budget]\nrun_usd = 2.0")
    told = place.json("plan", "--from", "idea.md", "--dry-run")
    assert (told["planner"], told["spec"], told["budget_usd"]) == ("planner", "spec/tasks.md", 2.0)
    assert receipts(place) == []
    assert not (place.root / ".chargehand").exists()
    place.write("chargehand.toml", '[agents.c]\nkind = "claude"\nprogram = "no-such-program"\n')
    assert "is not set" in place.run("plan", "--from", "idea.md", "--dry-run", code=5, env={"ANTHROPIC_API_KEY": ""}).stderr
    missing = place.run("plan", "--from", "idea.md", code=5, env={"ANTHROPIC_API_KEY": "k"})
    assert "hint:" in missing.stderr
    assert not (place.root / ".chargehand").exists()


def test_its_money_is_bounded(place: Place) -> None:
    planner(place, settings="[budget]\nrun_usd = 0.2\nreserve_usd = 0.3")
    refused = place.run("plan", "--from", "idea.md", code=None)
    assert refused.returncode in {1, 4}
    assert "budget" in refused.stdout + refused.stderr
    assert receipts(place) == []
    assert not (place.root / "spec").exists()


def test_an_answer_that_makes_no_spec_is_asked_for_again_and_then_refused(place: Place) -> None:
    planner(place, {"tasks": [{"title": "A", "needs": [2]}, {"title": "B", "needs": [1]}]})
    failed = place.run("plan", "--from", "idea.md", code=1)
    assert "wait for each other" in failed.stderr
    assert not (place.root / "spec").exists()
    assert "wait for each other" in (place.root.parent / "brief").read_text(), "the second one hears of the first"
    assert receipts(place) == ["asked", "asked"]
    place.spec("TASK-001")
    place.run("run", "--all")
    assert place.landed() == ["TASK-001"], "what could not be planned is in nobody's way"


def test_a_planner_that_outlives_a_killed_engine_is_paid_once(place: Place) -> None:
    planner(place, before=f"echo begun >> {place.root.parent}/begun; sleep 2;")
    engine = place.start("plan", "--from", "idea.md")
    wait_for((place.root.parent / "begun").exists)
    engine.send_signal(signal.SIGKILL)
    engine.communicate()
    place.run("plan", "--from", "idea.md")
    assert (place.root.parent / "begun").read_text().count("begun") == 1
    assert len(load_spec("spec/tasks.md", root=place.root).tasks) == 3


def test_a_run_that_is_not_over_keeps_its_tasks(place: Place) -> None:
    planner(place)
    place.spec("TASK-001", "TASK-002")
    place.run("run")
    refused = place.run("plan", "--from", "idea.md", "--to", "spec/words/tasks.md", code=2)
    assert "not finished" in refused.stderr
    assert receipts(place) == []


def test_a_spec_that_is_prose_is_planned_from_and_not_written_over(place: Place) -> None:
    planner(place, settings='spec = "ROADMAP.md"')
    place.write("ROADMAP.md", "# Roadmap\n\n## Q1\n\n- Make it fast\n- Make it small\n")
    place.commit()
    made = place.run("plan", "--from", "ROADMAP.md")
    assert "run --all --spec spec/tasks.md" in made.stderr
    assert "TASK-001" in made.stdout
