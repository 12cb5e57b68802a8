"""The schemas that models are held to: what strict providers ask of one, and that what fits one can be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
import pytest
from tests.kit.script import fill

from chargehand.brief import replan, review
from chargehand.brief.schema import strict
from chargehand.model.work import Finding

UNDERSTOOD = {"type", "description", "enum", "const", "anyOf", "items", "properties", "required", "additionalProperties"}


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema and all in it."""
    yield schema
    for inner in (*schema.get("properties", {}).values(), *schema.get("anyOf", ()), *filter(None, [schema.get("items")])):
        yield from nodes(inner)


@pytest.mark.parametrize("text", [review.schema(), replan.schema()], ids=["review", "replan"])
def test_a_strict_provider_takes_it(text: str) -> None:
    for node in nodes(json.loads(text)):
        assert set(node) <= UNDERSTOOD, node
        assert "type" in node or "anyOf" in node
        if node.get("type") == "object":
            assert node["additionalProperties"] is False
            assert node["required"] == list(node["properties"])


class Inner(msgspec.Struct):
    word: Literal["a", "b"] = "a"
    number: Annotated[int, msgspec.Meta(ge=3)] = 7


class Outer(msgspec.Struct):
    """What it is
    all about."""

    names: Annotated[list[str], msgspec.Meta(max_length=2)] = []
    inner: Inner | None = None


def test_references_limits_and_defaults_are_gone() -> None:
    inner = {
        "type": "object",
        "properties": {"word": {"enum": ["a", "b"], "type": "string"}, "number": {"type": "integer"}},
        "required": ["word", "number"],
        "additionalProperties": False,
    }
    assert json.loads(strict(Outer)) == {
        "type": "object",
        "description": "What it is all about.",
        "properties": {
            "names": {"type": "array", "items": {"type": "string"}},
            "inner": {"anyOf": [inner, {"type": "null"}]},
        },
        "required": ["names", "inner"],
        "additionalProperties": False,
    }


def test_what_fits_can_be_read() -> None:
    found = {"severity": "major", "file": "a.py", "evidence": "x", "id": "", "line": 0, "fix": ""}
    assert set(found) == set(json.loads(review.schema())["properties"]["review"]["properties"]["findings"]["items"]["properties"])
    answer = json.dumps({"review": {"findings": [found], "summary": ""}})
    assert review.read_findings(answer, "quality") == (
        Finding(id="quality/1", severity="major", file="a.py", line=0, evidence="x"),
    )
    plain = replan.read_answer(json.dumps(fill(json.loads(replan.schema()))))
    assert isinstance(plain, replan.Answer), plain
    parts = [{"title": "t", "description": "", "checklist": [], "needs": needs} for needs in (None, [1])]
    given = {"decision": "split", "reason": "x", "description": "", "parts": parts}
    split = replan.read_answer(json.dumps({"replan": given}))
    assert isinstance(split, replan.Answer)
    assert [part.needs for part in split.parts] == [None, [1]]
