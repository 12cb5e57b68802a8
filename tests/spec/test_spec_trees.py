"""JSON and YAML as trees with places: the same values as the standard readers give, and nothing brings them down."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargehand.model.errors import Problem
from chargehand.spec.json_text import json_string, read_json
from chargehand.spec.report import Report
from chargehand.spec.tree import Node
from chargehand.spec.yaml_text import read_yaml

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Cn", "Co")), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Cn", "Co")), max_size=4), inner, max_size=4
        )
    ),
    max_leaves=15,
)


def of_json(text: str) -> tuple[Node | None, list[Problem]]:
    report = Report("x.json", text.split("\n"))
    return read_json(text, report), report.problems


def of_yaml(text: str) -> tuple[Node | None, list[Problem]]:
    report = Report("x.yaml", text.split("\n"))
    return read_yaml(text, report), report.problems


@settings(max_examples=80, deadline=None)
@given(VALUES, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_json_is_read_as_python_reads_it_and_every_value_is_where_it_says(
    value: object, indent: int | str | None, ascii_: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_)
    root, problems = of_json(text)
    assert problems == []
    assert root is not None
    assert root.plain() == value
    lines = text.split("\n")
    for node in root.walk():
        assert json.loads(text[node.start : node.end]) == node.plain()
        assert text[node.start] == lines[node.line][node.column - 1]


@settings(max_examples=80, deadline=None)
@given(VALUES)
def test_json_is_yaml_too(value: object) -> None:
    root, problems = of_yaml(json.dumps(value, ensure_ascii=False))
    assert problems == []
    assert root is not None
    assert root.plain() == value


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("{}[]\":,\\ntrue1e-. \n\r'&*!?|>-#ab\t\0é😀"), max_size=40))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    for reader in (of_json, of_yaml):
        root, problems = reader(text)
        assert root is not None or problems
        assert all(problem.line <= text.count("\n") + 1 for problem in problems)


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("", 0, "empty"),
        ("  \n", 0, "empty"),
        ('{"a": 1,\n "a": 2}', 2, "twice"),
        ("[1,\n2,]", 2, "value is missing"),
        ("[1\n2]", 2, '"," or "]" is missing'),
        ('{"a" 1}', 1, '":" is missing'),
        ("{a: 1}", 1, "key in double quotes"),
        ("[1] 2", 1, "something follows"),
        ("[NaN]", 1, "value is missing"),
        ("1e999", 1, "beyond all measure"),
        ("1" * 10_000_000, 1, "beyond all measure"),
        ('"\\ud800"', 1, "half a character"),
        ('"\\q"', 1, "escape"),
        ("[" * 5_000, 1, "deep"),
        ('{"a":' * 5_000, 1, "deep"),
        ("[" + "0," * 400_001 + "0]", 1, "data"),
    ],
)
def test_what_is_no_json_is_said_with_its_place(text: str, line: int, word: str) -> None:
    _, problems = of_json(text)
    assert len(problems) == 1
    assert (problems[0].line, word in problems[0].message) == (line, True), problems


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a: &x [1]\nb: *x\n", "alias"),
        (
            "a: &a [x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)),
            "alias",
        ),
        ("- " * 5_000, "deep"),
        ("[" * 5_000, "deep"),
        ("{a: " * 5_000, "deep"),
        ("a: 1\na: 2\n", "twice"),
        ("a: !!python/object/apply:os.system [x]\n", "tag"),
        ("a: 1\n---\nb: 2\n", "second document"),
        ("a: [1\nb: 2\n", "expected"),
        ("? [a]\n: 1\n", "key is a text"),
        ("a:\n\t- b\n", "cannot start"),
        ("a: \x01\n", "not YAML"),
        ("x" * 4_000_001, "more than"),
    ],
)
def test_yaml_without_its_traps(text: str, word: str) -> None:
    _, problems = of_yaml(text)
    assert problems
    assert word in problems[0].message


def test_plain_words_stay_words() -> None:
    root, _ = of_yaml(
        "a: no\nb: on\nc: 1:30:00\nd: 1.10\ne: 0o7\nf: 007\ng: .inf\nh: 2020-01-01\ni: ~\nj: true\nk: 12\nl: '12'\nm: <<\n"
    )
    assert root is not None
    assert root.plain() == {
        "a": "no", "b": "on", "c": "1:30:00", "d": 1.1, "e": "0o7", "f": "007", "g": ".inf", "h": "2020-01-01", "i": None,
        "j": True, "k": 12, "l": "12", "m": "<<",
    }  # fmt: skip
    assert root.text("d") == "1.10"


def test_texts_of_a_node() -> None:
    root, _ = of_json('{"a": [1, "x", null, {"b": 2}], "c": 1.50, "d": null, "e": false}')
    assert root is not None
    assert (root.texts("a"), root.text("c"), root.text("d"), root.text("e"), root.texts("c")) == (
        ["1", "x"],
        "1.50",
        "",
        "false",
        ["1.50"],
    )
    assert root.get("d", "c") is root.table()["c"]
    assert json.loads(json_string('é"\n')) == 'é"\n'
