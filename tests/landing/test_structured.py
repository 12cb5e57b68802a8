"""Merging what is not lines: JSON, TOML and YAML by what they say, lock files by making them anew, all else by doing it again."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargehand.depot.git import Git
from chargehand.depot.structured import merge_file
from tests.run.conftest import Place


@pytest.fixture
def merge(git_repo: Callable[..., Path]) -> Callable[[str, str, str, str], str | None]:
    git = Git(git_repo() / ".git")

    def merged(path: str, base: str, ours: str, theirs: str) -> str | None:
        found = merge_file(git, path, base.encode(), ours.encode(), theirs.encode())
        return None if found is None else found.decode()

    return merged


Merge = Callable[[str, str, str, str], str | None]


def package(**dependencies: str) -> str:
    return json.dumps({"name": "a", "dependencies": dependencies, "files": ["x"]}, indent=2) + "\n"


def test_both_add_a_dependency_to_json(merge: Merge) -> None:
    found = merge("web/package.json", package(b="1", m="2"), package(a="1", b="1", m="2"), package(aa="3", b="1", m="2"))
    assert found == package(a="1", aa="3", b="1", m="2")


def test_json_keeps_the_style_it_was_written_in(merge: Merge) -> None:
    for dumped in (
        json.dumps,
        lambda value: json.dumps(value, separators=(",", ":")),
        lambda value: json.dumps(value, indent="\t", ensure_ascii=False) + "\n\n",
    ):
        base, ours, theirs = ({"é": 1}, {"é": 1, "ours": [1, "x"]}, {"é": 1, "theirs": {"deep": None}})
        found = merge("a.json", dumped(base), dumped(ours), dumped(theirs))
        assert found == dumped({"é": 1, "ours": [1, "x"], "theirs": {"deep": None}})


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        ('{"a": 1}', '{"a": 2}', '{"a": 3}'),  # both changed it
        ('{"a": 1}', "{}", '{"a": 3}'),  # one removed what the other changed
        ('{"a": 1}', '{"a": 1,  "b": 2}', '{"a": 1, "c": 3}'),  # written by hand: the style is nobody's
        ('{"a": 1}', '{"a": 1, "b": 1.10}', '{"a": 1, "c": 3}'),  # a number that would be written otherwise
        ('{"a": 1}', '{"a": 1, "b": 1, "b": 2}', '{"a": 1, "c": 3}'),  # a key that is there twice
        ('{"a": 1}', '{"a": 1, "b": NaN}', '{"a": 1, "c": 3}'),
        ('{"a": [1]}', '{"a": [1, {"x": 1}]}', '{"a": [1, {"y": 1}]}'),  # an order of steps is not ours to make
        ('{"a": [1, 2]}', '{"a": [2, 1]}', '{"a": [1, 2, 3]}'),  # moved
        ("{}", '{"a": true}', '{"a": 1}'),  # not the same, though Python says so
        ("nothing", '{"a": 2}', '{"a": 3}'),
    ],
)
def test_in_doubt_json_stays_a_conflict(merge: Merge, base: str, ours: str, theirs: str) -> None:
    assert merge("a.json", base, ours, theirs) is None


def test_toml_and_yaml_keep_every_comment(merge: Merge) -> None:
    base = '[project]\nname = "a"  # kept\ndependencies = [\n  "x",\n]\n'
    ours = base.replace('  "x",\n', '  "x",\n  "ours>=1",  # why\n')
    theirs = base.replace('  "x",\n', '  "x",\n  "theirs",\n')
    found = merge("pyproject.toml", base, ours, theirs)
    assert found is not None
    assert tomllib.loads(found)["project"]["dependencies"] == ["x", "ours>=1", "theirs"]
    assert "# kept" in found
    assert "# why" in found
    said = "# top\nservices:\n  a: {port: 1}\n"
    both = merge("compose.yml", said, said + "  b:\n    port: 2\n", said + "  c:\n    port: 3\n")
    assert both is not None
    assert yaml.safe_load(both)["services"].keys() == {"a", "b", "c"}
    assert both.startswith("# top\n")


@pytest.mark.parametrize(
    ("path", "base", "ours", "theirs"),
    [
        ("a.toml", "a = 1\n", "a = 2\n", "a = 3\n"),
        ("a.toml", "a = 1\n", "a = 1\nb = 1\n", "a = 1\nb = 2\n"),
        (
            "a.toml",
            "[x]\n",
            "[x]\na = 1\n[y]\nb = 1\n",
            "[x]\nc = 1\n",
        ),  # the lines of both, one after the other, mean another thing
        ("a.yaml", "a: 1\n", "a: 1\nb: &x 2\n", "a: 1\nc: *x\n"),
        ("a.yaml", "steps:\n  - run: a\n", "steps:\n  - run: a\n  - run: b\n", "steps:\n  - run: a\n  - run: c\n"),
        ("uv.lock", "a = 1\n", "a = 1\nb = 1\n", "a = 1\nc = 2\n"),
        ("package-lock.json", "{}", '{"a": 1}', '{"b": 1}'),
        ("a.py", "a = 1\n", "a = 1\nb = 1\n", "a = 1\nc = 1\n"),
    ],
)
def test_what_is_not_certain_stays_a_conflict(merge: Merge, path: str, base: str, ours: str, theirs: str) -> None:
    assert merge(path, base, ours, theirs) is None


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "x", "é"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=6,
)
_TABLES = st.dictionaries(st.sampled_from("abcd"), _VALUES, max_size=4)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(base=_TABLES, ours=_TABLES, theirs=_TABLES)
def test_a_merge_holds_what_each_side_changed_and_nothing_else(
    merge: Merge, base: dict[str, object], ours: dict[str, object], theirs: dict[str, object]
) -> None:
    texts = [json.dumps(side, indent=2) for side in (base, ours, theirs)]
    found, turned = merge("a.json", *texts), merge("a.json", texts[0], texts[2], texts[1])
    assert (found is None) == (turned is None)
    if found is None:
        return
    value = json.loads(found)
    for key in value.keys() | base.keys() | ours.keys() | theirs.keys():
        was, mine, yours, now = (json.dumps(side.get(key, "(none)"), sort_keys=True) for side in (base, ours, theirs, value))
        if was in (mine, yours):
            assert now == (yours if mine == was else mine)
        elif mine != yours:
            assert isinstance(value[key], (dict, list))
        else:
            assert now == mine


# -- the whole way ------------------------------------------------------------------------------------------------------------

ADDS = """
import json, os
values = json.load(open("p.json"))
values[os.environ["CHARGEHAND_TASK_ID"]] = 1
open("p.json", "w").write(json.dumps(values, indent=2) + chr(10))
"""
BOTH = f"sleep 0.4; python3 -c '{ADDS}'"


def test_two_tasks_that_add_to_one_json_file_both_land_at_the_first_try(place: Place) -> None:
    place.write("p.json", json.dumps({"a": 0}, indent=2) + "\n")
    place.spec("TASK-001", "TASK-002", "TASK-003")
    place.config('[gates.test]\ncommand = "python3 -m json.tool p.json"', agent=BOTH)
    events = place.events("--all")
    assert [event for event in events if event["event"] == "attempt.ended"] == []
    assert json.loads(place.read("p.json")).keys() == {"a", "TASK-001", "TASK-002", "TASK-003"}


LOCKED = (
    """sleep 0.4; echo $CHARGEHAND_TASK_ID > needs/$CHARGEHAND_TASK_ID; cat needs/* > uv.lock; cat > brief.$CHARGEHAND_TASK_ID"""
)


def locked(place: Place, settings: str = "") -> list[dict[str, object]]:
    place.write("needs/0", "0\n")
    place.write("uv.lock", "0\n")
    place.spec("TASK-001", "TASK-002")
    place.config(f'{settings}\n[gates.test]\ncommand = "cat needs/* | cmp - uv.lock"', agent=LOCKED)
    return place.events("--all")


def test_a_lock_file_is_made_anew_by_the_command_for_it(place: Place) -> None:
    events = locked(place, '[regenerate."uv.lock"]\ncommand = "cat needs/* > uv.lock"')
    assert [event for event in events if event["event"] == "attempt.ended"] == []
    assert place.read("uv.lock").split() == ["0", "TASK-001", "TASK-002"]


def test_a_command_that_fails_sends_the_task_back(place: Place) -> None:
    events = locked(place, '[regenerate."*.lock"]\ncommand = "echo no network >&2; exit 3"')
    (ended,) = [event for event in events if event["event"] == "attempt.ended"]
    assert ended["outcome"] == "conflict"
    assert "uv.lock could not be made anew" in str(ended["reason"])
    assert place.read("uv.lock").split() == ["0", "TASK-001", "TASK-002"]


def test_without_a_command_the_task_is_done_again_with_its_old_diff(place: Place) -> None:
    events = locked(place)
    (ended,) = [event for event in events if event["event"] == "attempt.ended"]
    assert ended["outcome"] == "conflict"
    task = str(ended["task"])
    told = place.read(f".chargehand/attempts/r1.{task}.2/prompt.md")
    assert "## The change that could not be merged" in told
    assert f"+++ b/needs/{task}" in told
    assert place.read("uv.lock").split() == ["0", "TASK-001", "TASK-002"]
