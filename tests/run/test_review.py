"""Review by agents: every role at once, bound to the commit, never silently a pass, and it comes to an end."""

from __future__ import annotations

import json

from .conftest import Place

REVIEWER = """
[agents.critic]
command = ["/bin/sh", "-c", '''%s''']
"""

NOTHING = 'echo \'{"review": {"findings": []}}\''


def finding(severity: str = "major", file: str = "out/TASK-001.txt", name: str = "wrong-name") -> str:
    return json.dumps(
        {"review": {"findings": [{"id": name, "severity": severity, "file": file, "line": 1, "evidence": "says the wrong thing"}]}}
    )


def review(policy: str = "required", roles: str = '["quality"]', more: str = "") -> str:
    return f'[review]\npolicy = "{policy}"\nagents = ["critic"]\nroles = {roles}\n{more}'


def configure(place: Place, reviewer: str, settings: str, agent: str | None = None) -> None:
    place.spec("TASK-001")
    place.config(settings + REVIEWER % reviewer, agent=agent)


def test_all_roles_look_at_the_same_commit_and_their_word_is_on_record(place: Place) -> None:
    configure(place, "cat > /dev/null; " + NOTHING, review(roles='["quality", "testing", "docs"]'))
    place.run("run", "--all")
    said = place.json("show", "TASK-001")["attempts"][0]["verdicts"]
    assert sorted((one["gate"], one["verdict"]) for one in said) == [
        ("review/docs", "pass"), ("review/quality", "pass"), ("review/testing", "pass"),
    ]  # fmt: skip
    assert len({one["commit"] for one in said}) == 1
    stages = {group["name"]: group["calls"] for group in place.json("costs", "--by", "stage")["groups"]}
    assert stages == {"agent": 1, "reviewer": 3}


def test_a_reviewer_gets_the_task_the_diff_and_the_gates_words_and_changes_nothing(place: Place) -> None:
    configure(
        place, f"echo graffiti > out/TASK-001.txt; {NOTHING}", review() + '[gates.tests]\ncommand = "test -f out/TASK-001.txt"\n'
    )
    place.run("run", "--all")
    assert place.read("out/TASK-001.txt") == "TASK-001\n"
    prompt = place.read(".chargehand/attempts/r1.TASK-001.1.review-quality/prompt.md")
    assert "+TASK-001" in prompt
    assert "make the file of TASK-001" in prompt
    assert "`tests`: pass" in prompt


def test_a_finding_goes_back_to_the_author_and_is_settled_in_the_next_round(place: Place) -> None:
    judge = f"if grep -q better out/TASK-001.txt; then {NOTHING}; else echo '{finding()}'; fi"
    author = (
        'mkdir -p out; if grep -q "says the wrong thing"; then echo better > out/TASK-001.txt; else echo bad > out/TASK-001.txt; fi'
    )
    configure(place, f"cat > /dev/null; {judge}", review(), agent=author)
    place.run("run", "--all")
    assert place.read("out/TASK-001.txt") == "better\n"
    shown = place.json("show", "TASK-001")["attempts"]
    assert [attempt["outcome"] for attempt in shown] == ["gate_failed", "landed"]
    second = place.read(".chargehand/attempts/r1.TASK-001.2.review-quality/prompt.md")
    assert "This is round 2" in second
    assert "quality/wrong-name" in second


def test_a_later_round_may_not_object_to_what_did_not_change(place: Place) -> None:
    judge = f"if grep -q 'round 2'; then echo '{finding(file='README.md', name='new-idea')}'; else echo '{finding()}'; fi"
    author = 'mkdir -p out; echo "$CHARGEHAND_ATTEMPT" > out/TASK-001.txt'
    configure(place, judge, review(), agent=author)
    place.run("run", "--all")
    last = place.json("show", "TASK-001")["attempts"][-1]["verdicts"][-1]
    assert last["verdict"] == "pass"
    assert "note quality/new-idea README.md" in last["evidence"]


def test_reviewing_ends_with_a_person(place: Place) -> None:
    author = 'mkdir -p out; echo "$CHARGEHAND_ATTEMPT" > out/TASK-001.txt'
    more = "rounds = 2\n[retry]\nattempts = 9\n"
    configure(place, f"cat > /dev/null; echo '{finding()}'", review(more=more), agent=author)
    place.run("run", "--all", code=4)
    assert len(place.json("show", "TASK-001")["attempts"]) == 2
    assert "2 rounds of review" in place.json("why", "TASK-001")["reason"]
    assert place.landed() == []


def test_minor_findings_are_kept_and_block_nothing(place: Place) -> None:
    configure(place, f"cat > /dev/null; echo '{finding('minor')}'", review())
    place.run("run", "--all")
    said = place.json("show", "TASK-001")["attempts"][0]["verdicts"][0]
    assert (said["verdict"], said["summary"]) == ("pass", "1 finding")
    assert "says the wrong thing" in said["evidence"]


def test_a_review_that_could_not_be_had_blocks_where_it_is_required(place: Place) -> None:
    configure(place, "echo looks good to me", review())
    place.run("run", "--all", code=4)
    assert "a review is missing" in place.json("why", "TASK-001")["reason"]
    assert place.landed() == []


def test_a_reviewer_that_dies_is_asked_again_and_then_missing(place: Place) -> None:
    configure(place, "exit 3", review())
    place.run("run", "--all", code=4)
    said = place.json("show", "TASK-001")["attempts"][0]["verdicts"]
    assert [one["verdict"] for one in said] == ["error", "error"]


def test_advice_is_noted_and_blocks_nothing(place: Place) -> None:
    configure(place, f"cat > /dev/null; echo '{finding('critical')}'", review("advisory"))
    place.run("run", "--all")
    assert place.landed() == ["TASK-001"]
    assert place.json("show", "TASK-001")["attempts"][0]["verdicts"][0]["verdict"] == "fail"


def test_reviews_are_paid_from_the_same_budget(place: Place) -> None:
    configure(
        place,
        f'cat > /dev/null; echo \'{{"usage": {{"input_tokens": 10, "output_tokens": 1}}, "cost_usd": 0.5}}\'; {NOTHING}',
        review(roles='["quality", "testing", "docs"]') + "[budget]\nrun_usd = 1.0\nreserve_usd = 0.5\n",
        agent='mkdir -p out; echo x > out/a; echo \'{"usage": {"input_tokens": 1, "output_tokens": 1}, "cost_usd": 0.1}\'',
    )
    place.run("run", "--all", code=4)
    total = place.json("costs")["total"]
    assert total["cost_usd"] <= 1.0
    assert place.landed() == []


def test_no_gate_no_review(place: Place) -> None:
    """What a gate rejects is not worth a reviewer's money."""
    configure(place, NOTHING, review() + '[retry]\nattempts = 1\n[gates.tests]\ncommand = "exit 1"\n')
    place.run("run", "--all", code=1)
    assert {group["name"] for group in place.json("costs", "--by", "stage")["groups"]} == {"agent"}
