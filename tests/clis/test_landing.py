"""Through the real command line: each program's work lands, its price is the provider's, and it never had the key."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.clis.conftest import KEY, VARIABLE, Site, dollars, each, quick
from tests.clis.programs import CANARY
from tests.kit.processes import named
from tests.kit.script import TEXT


@each
def test_its_work_lands_at_the_providers_price_and_without_the_key(site: Site) -> None:
    site.prepare("ok")
    site.run("run")
    assert (site.content("hello.txt"), site.content("hello.txt.ran")) == (TEXT.strip(), "ran")
    assert site.outcomes() == ["landed"]

    spent, total = site.server.spent(), site.json("costs")["total"]
    assert (total["input_tokens"], total["output_tokens"]) == (spent.input, spent.output)
    assert total["cost_usd"] == pytest.approx(dollars(spent), abs=1e-6)
    assert total["unmeasured"] == 0

    assert {request.key for request in site.server.requests} == {KEY}, "the meter puts the real key in"
    surroundings = site.content("hello.txt.env")
    assert "CHARGEHAND_TASK_ID=TASK-001" in surroundings
    assert KEY not in surroundings
    assert site.server.url not in surroundings, "the provider itself is out of reach"
    assert site.holders_of(KEY) == []
    asked = [json.dumps(request.body).lower() for request in site.server.answered()]
    assert not [body for body in asked if "co-authored-by" in body], "who wrote it is said by us"


@quick
def test_it_works_without_a_cage_too(site: Site) -> None:
    site.prepare("ok:a/one.txt", "ok:b/two.txt", config="jobs = 2")
    site.cage = "none"
    site.run("run", "--all")
    assert site.content("a/one.txt") == site.content("b/two.txt") == TEXT.strip()
    assert not re.search(KEY, site.content("a/one.txt.env") + site.content("b/two.txt.env"))
    spent, total = site.server.spent(), site.json("costs")["total"]
    assert (total["input_tokens"], total["output_tokens"]) == (spent.input, spent.output)


@each
def test_what_the_repository_holds_for_it_is_not_obeyed(site: Site) -> None:
    canary = site.root.parent / "canary"
    for path, text in site.program.hostile.items():
        site.write(path, text.replace(CANARY, str(canary)))
    site.prepare("write")
    site.cage = "none"  # one would hide what ran
    site.run("run", code=4 if site.program.refuses else 0)
    assert [file.name for file in site.root.parent.glob("canary*")] == []
    if not site.program.refuses:
        assert site.content("hello.txt") == TEXT.strip()
        assert {request.key for request in site.server.requests} == {KEY}


@quick
def test_nothing_a_tool_left_behind_goes_on_running(site: Site) -> None:
    mark = f"left-{site.server.url.rpartition(':')[2]}"
    site.prepare(f"daemon:{mark}")
    site.run("run")
    assert site.content("hello.txt") == TEXT.strip()
    assert named(mark) == []


@pytest.mark.parametrize("program", ["claude", "codex"], indirect=True)
def test_a_reviewer_is_held_to_a_form_that_strict_providers_take(site: Site) -> None:
    reviewer = (
        f'[agents.r]\nkind = "{site.program.kind}"\nprogram = "{site.program.path}"\nmodel = "{site.program.model}"\n'
        f'url = "{site.server.url}/s/answer"\nkey = "{VARIABLE}"'
    )
    site.prepare("write", config='[review]\npolicy = "required"\nagents = ["r"]\nroles = ["quality"]', agent=reviewer)
    site.run("run")
    assert site.outcomes() == ["landed"]
    asked = [request.asked for request in site.server.answered() if request.asked and request.scenario == "answer"]
    forms = [one.schema or one.tools.get("StructuredOutput") for one in asked]
    assert [form for form in forms if form and "review" in form["properties"]]
    for form in filter(None, forms):
        assert not loose(form)


def loose(form: Any) -> list[dict[str, Any]]:
    """The parts of a schema with which a strict provider would refuse the request."""
    if isinstance(form, list):
        return [part for each in form for part in loose(each)]
    if not isinstance(form, dict):
        return []
    known, found = form.get("properties"), [part for each in form.values() for part in loose(each)]
    if form.get("type") == "object" and isinstance(known, dict):
        whole = form.get("additionalProperties") is False and sorted(form.get("required", ())) == sorted(known)
        found += [] if whole else [form]
    return found + ([form] if {"$ref", "maxLength", "maxItems", "default"} & set(form) else [])
