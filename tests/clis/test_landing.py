"""Through the real command line: what a program is not to obey, and what it is held to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clis.conftest import KEY, VARIABLE, Site, each
from tests.clis.programs import CANARY
from tests.kit.script import TEXT


@each
def test_what_the_repository_holds_for_it_is_not_obeyed(site: Site) -> None:
    canary = site.root.parent / "canary"
    for path, text in site.program.hostile.items():
        site.write(path, text.replace(CANARY, str(canary)))
    site.prepare("ok")
    site.cage = "none"  # one would hide what ran
    site.run("run", code=4 if site.program.refuses else 0)
    assert [file.name for file in site.root.parent.glob("canary*")] == []
    if not site.program.refuses:
        assert site.content("hello.txt") == TEXT.strip()
        assert KEY not in site.content("hello.txt.env"), "without a cage neither"
        assert {request.key for request in site.server.requests} == {KEY}


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
